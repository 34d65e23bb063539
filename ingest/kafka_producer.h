// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/time.h"

namespace tocsin::ingest {

// A message on its way out. All views are copied by Produce.
struct Outgoing {
  std::string_view topic;
  int32_t partition = -1;  // -1: chosen by key, at random without one
  std::optional<std::string_view> key;
  std::optional<std::string_view> payload;  // nullopt: a tombstone
  Time time = kNoTime;                      // kNoTime: now. Kafka keeps milliseconds
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

// Writes to Kafka in the background; acknowledged by all replicas, in order within a partition,
// once. Thread-safe.
class KafkaProducer {
 public:
  struct Options {
    std::string brokers;
    std::map<std::string, std::string> properties;  // passed to librdkafka
    // How long to wait for more before sending: more means fewer, larger batches.
    Duration linger = std::chrono::milliseconds(5);
    // How long a full queue (librdkafka's own, 100,000 messages or 1 GiB) blocks Produce.
    Duration block_max = std::chrono::seconds(10);
  };

  // kInvalidArgument names the property that was refused.
  static absl::StatusOr<std::unique_ptr<KafkaProducer>> Create(Options options);
  ~KafkaProducer();  // what was not flushed is lost

  // Queues a message. kUnavailable: the queue stayed full; kInvalidArgument: it can never be sent
  // (too large, no such partition). What fails later shows in failed() and Flush.
  absl::Status Produce(const Outgoing& message);

  // Waits until everything queued is delivered. kUnavailable if that took longer than `timeout`, or
  // if any delivery failed since the last Flush (with the first one's reason).
  absl::Status Flush(Duration timeout);

  uint64_t delivered() const;
  uint64_t failed() const;

 private:
  struct Impl;
  explicit KafkaProducer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
