// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <librdkafka/rdkafka.h>

#include "base/time.h"
#include "ingest/kafka.h"

// Owners for librdkafka's handles. Only kafka*.cc and embedded_kafka.cc include this.
namespace tocsin::ingest::rdkafka {

struct Destroy {
  // Without leaving the group: we never join one, and an unreachable broker must not hold us up.
  void operator()(rd_kafka_t* rk) const {
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
template <typename T>
using Owned = std::unique_ptr<T, Destroy>;

using Properties = std::map<std::string, std::string>;

// A configuration that logs nowhere: what matters arrives through the error callback, and stderr is
// not the library's. kInvalidArgument names the property that was refused.
absl::StatusOr<Owned<rd_kafka_conf_t>> NewConf(const Properties& ours, const Properties& users);

// What consumer and admin share: brokers, group, no automatic offsets of any kind.
// kInvalidArgument also if the user sets one of the properties that our promises rest on.
absl::StatusOr<Owned<rd_kafka_conf_t>> NewConsumerConf(const KafkaOptions& options,
                                                       const Properties& more);

// Takes the configuration over. kInvalidArgument with librdkafka's own reason.
absl::StatusOr<Owned<rd_kafka_t>> NewHandle(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf);

Owned<rd_kafka_topic_partition_list_t> NewList(size_t size);

// Whole milliseconds, rounded up, within what librdkafka takes; never negative.
int Milliseconds(Duration duration);

// Time left until a deadline, for APIs that take a timeout.
class Deadline {
 public:
  explicit Deadline(Duration timeout);
  Duration left() const;  // zero when it has passed
  bool passed() const { return left() == Duration::zero(); }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace tocsin::ingest::rdkafka
