// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/stream.h"
#include "base/time.h"

namespace tocsin {

// Where a record stands, for ever: Kafka (topic, partition, offset, index within the message) or a
// file (path, line from 1). The views live as long as the batch they came with.
struct Address {
  std::string_view source;  // topic, or file path ("-" for standard input)
  int32_t partition = -1;   // -1: a file
  int64_t offset = 0;       // Kafka offset, or line number from 1
  int32_t index = 0;        // which record of the message, from 0
};

// A Kubernetes event's own fields, set where `stream == Stream::kEvent` and the input was
// structured. Events repeat with a rising count: (uid, count) identifies a version.
struct EventFields {
  std::string_view uid;     // metadata.uid; empty when the source prints none
  int64_t count = 1;        // count or series.count, at least 1
  std::string_view reason;  // "FailedScheduling"
  std::string_view kind;    // involvedObject.kind: "Pod", "Node", ...
  std::string_view name;    // involvedObject.name
  bool warning = false;     // type == "Warning"
};

// One log line or Kubernetes event with its envelope. All views point into the batch's bytes or
// into the decoder's own buffers and are valid only inside the sink call that receives the record.
// Empty means unknown everywhere.
struct Record {
  Stream stream = Stream::kText;
  std::string_view cluster;
  std::string_view node;
  std::string_view ns;  // Kubernetes namespace
  std::string_view pod;
  std::string_view container;
  std::string_view pod_uid;
  std::string_view container_id;  // 64 hex digits where known
  std::string_view image;
  std::string_view owner_kind;  // "ReplicaSet", where the envelope says
  std::string_view owner_name;
  Time time = kNoTime;         // event time; never kNoTime after decoding
  Time broker_time = kNoTime;  // Kafka's timestamp; kNoTime for files
  std::string_view text;  // what is matched: the message without its envelope or trailing newline.
                          // For events "<reason> <message>".
  EventFields event;
  Address address;
  // How it came, beside where it stands: the same line may be shipped from the kernel's buffer, the
  // journal and a file of syslog.
  uint8_t way = 0;            // shape of the envelope and of the line; equal for equal shapes
  std::string_view way_file;  // the file that the shipper read, where it says
};

}  // namespace tocsin
