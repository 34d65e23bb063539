// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/record.h"
#include "ingest/describe.h"
#include "ingest/json_fields.h"
#include "ingest/line.h"

// Kubernetes events as records: "<reason> <message>", about whom, and on which node.
namespace tocsin::ingest {

// Whether a JSON record is an event that may be believed: the top-level record of a source, never
// something that a pod, a container runtime or a journal carries.
bool IsEvent(const JsonFields& fields);

// Fills text (kept in `buffer`), event fields, namespace, pod, container and node; the node stays
// empty unless the event is about one or a kubelet reports it: the collector's own node, which the
// envelope may name, has nothing to do with it.
void FillEvent(const JsonFields& fields, std::string* buffer, Record* record);

// When it last happened; kNoTime if the event does not say.
Time TimeOfEvent(const JsonFields& fields);

// The same for a row of kubectl's tables. `describe` is the printout that it stands in, or null.
void FillEvent(const Line& line, const DescribeContext* describe, std::string* buffer,
               Record* record);

}  // namespace tocsin::ingest
