// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "google/protobuf/timestamp.pb.h"

#include "api/filter.h"

// What can be asked of each kind of resource. The messages handed to the schemas' filters must be
// of the type in the name.
namespace tocsin::api {

const Schema& IncidentSchema();   // v1.Incident
const Schema& NodeSchema();       // v1.Node
const Schema& SignatureSchema();  // v1.Signature

// Nanoseconds since 1970; what does not fit becomes the nearest that does.
int64_t NanosOf(const google::protobuf::Timestamp& time);

}  // namespace tocsin::api
