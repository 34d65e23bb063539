// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace tocsin::ingest {

// A Kubernetes event's fields as they stand in JSON, core/v1 and events.k8s.io/v1 alike.
struct EventJson {
  std::string_view api_kind;  // top-level "kind": "Event" or absent
  std::string_view kind;      // involvedObject or regarding
  std::string_view name;
  std::string_view ns;
  std::string_view object_uid;
  std::string_view field_path;
  std::string_view uid;  // metadata.uid
  std::string_view meta_ns;
  std::string_view reason;
  std::string_view type;
  std::string_view note;  // events.k8s.io's name for the message
  std::string_view component;
  std::string_view host;
  std::string_view reporting_component;
  std::string_view reporting_instance;
  int64_t count = 0;
  int64_t series_count = 0;
  Time last = kNoTime;
  Time series_last = kNoTime;
  Time event_time = kNoTime;
  Time first = kNoTime;
  Time created = kNoTime;
  bool has_object = false;
};

// What the known shippers' envelopes say, in one vocabulary. Of keys that mean the same the better
// one is kept (the order is wire knowledge and stands in json_reader.cc); of equal keys the first.
struct JsonFields {
  std::string_view text;
  std::string_view error;  // "err"/"error" beside a message, as structured loggers write it
  Time time = kNoTime;
  std::string_view cluster;
  std::string_view node;
  uint8_t text_rank = kNone;  // kNone: no text
  uint8_t time_rank = kNone;
  uint8_t node_rank = kNone;

  // The `kubernetes` map. If there are two (an application's, merged, and the shipper's) the last
  // one counts, because shippers append, and `kubernetes_maps` tells.
  int kubernetes_maps = 0;
  std::string_view kube_node;
  std::string_view kube_cluster;
  std::string_view ns;
  std::string_view pod;
  std::string_view pod_uid;
  std::string_view container;
  std::string_view container_id;
  std::string_view image;
  std::string_view owner_kind;
  std::string_view owner_name;

  // Journal and syslog
  std::string_view transport;
  std::string_view unit;
  std::string_view identifier;   // SYSLOG_IDENTIFIER, programname, PROGRAM, ident, tag
  std::string_view facility;     // "0", "kern"
  std::string_view docker_name;  // CONTAINER_NAME: a container's line in the journal
  bool from_container_driver = false;

  bool runtime_stream = false;  // "stream": "stdout" or "stderr": a container runtime wrote it
  uint8_t kmsg_marks = 0;       // how many of sequence, sec, usec there were
  std::string_view file_path;

  EventJson event;

  static constexpr uint8_t kNone = 255;
};

}  // namespace tocsin::ingest
