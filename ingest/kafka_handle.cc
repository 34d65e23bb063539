// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka_handle.h"

#include <algorithm>
#include <array>
#include <climits>
#include <set>

#include "base/status.h"

namespace tocsin::ingest {

absl::Status KafkaOptions::Validate() const {
  if (brokers.empty())
    return InvalidArgument("no Kafka brokers given; write --kafka-brokers host:port");
  if (topics.empty())
    return InvalidArgument("no Kafka topics given; write --kafka-topics name,name");
  std::set<std::string_view> seen;
  for (const std::string& topic : topics) {
    if (topic.empty()) return InvalidArgument("a Kafka topic's name is empty");
    if (topic.front() == '^') {
      return InvalidArgument("Kafka topic '{}' is a pattern; topics are given by name", topic);
    }
    if (!seen.insert(topic).second)
      return InvalidArgument("Kafka topic '{}' is given twice", topic);
  }
  if (group.empty()) return InvalidArgument("the Kafka group's name is empty");
  if (batch_records_max < 1 || batch_records_max > 1'000'000) {
    return InvalidArgument("batch_records_max is {}; it must be 1 to 1000000", batch_records_max);
  }
  if (batch_bytes_max < 1) return InvalidArgument("batch_bytes_max is 0");
  if (queued_bytes_max < (size_t{1} << 20) || queued_bytes_max > (size_t{2047} << 20)) {
    return InvalidArgument("queued_bytes_max is {}; it must be 1 MiB to 2047 MiB",
                           queued_bytes_max);
  }
  return absl::OkStatus();
}

std::string ToString(const PartitionId& id) {
  return fmt::format("{}[{}]", id.topic, id.partition);
}

namespace rdkafka {
namespace {

// Without these, offsets would move by themselves, or a lost position would silently become "skip"
// or "start over".
constexpr std::array kOurs = {
    "bootstrap.servers",  "metadata.broker.list",  "group.id",
    "enable.auto.commit", "auto.commit.enable",    "enable.auto.offset.store",
    "auto.offset.reset",  "enable.partition.eof",  "check.crcs",
    "isolation.level",    "statistics.interval.ms"};

void LogNowhere(const rd_kafka_t* /*rk*/, int /*level*/, const char* /*facility*/,
                const char* /*text*/) {}

absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char reason[256];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) !=
      RD_KAFKA_CONF_OK) {
    return InvalidArgument("Kafka property {}: {}", name, reason);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Owned<rd_kafka_conf_t>> NewConf(const Properties& ours, const Properties& users) {
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), LogNowhere);
  for (const auto& [name, value] : ours) RETURN_IF_ERROR(Set(conf.get(), name, value));
  for (const auto& [name, value] : users) RETURN_IF_ERROR(Set(conf.get(), name, value));
  return conf;
}

absl::StatusOr<Owned<rd_kafka_conf_t>> NewConsumerConf(const KafkaOptions& options,
                                                       const Properties& more) {
  RETURN_IF_ERROR(options.Validate());
  for (const auto& [name, value] : options.properties) {
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
      return InvalidArgument("Kafka property {} is tocsin's own and cannot be set; remove it",
                             name);
    }
  }
  Properties ours = {
      {"client.id", "tocsin"},
      {"bootstrap.servers", options.brokers},
      {"group.id", options.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"allow.auto.create.topics", "false"},
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms",
       std::to_string(std::max(100, Milliseconds(options.reconnect_max)))},
  };
  ours.insert(more.begin(), more.end());
  return NewConf(ours, options.properties);
}

absl::StatusOr<Owned<rd_kafka_t>> NewHandle(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf) {
  char reason[512];
  rd_kafka_t* rk = rd_kafka_new(type, conf.get(), reason, sizeof(reason));
  if (rk == nullptr) return InvalidArgument("Kafka client: {}", reason);
  conf.release();  // rd_kafka_new owns it, but only when it succeeds
  return Owned<rd_kafka_t>(rk);
}

Owned<rd_kafka_topic_partition_list_t> NewList(size_t size) {
  return Owned<rd_kafka_topic_partition_list_t>(
      rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

int Milliseconds(Duration duration) {
  const int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(
                         std::clamp(duration, Duration::zero(), Duration(std::chrono::hours(24))))
                         .count();
  return static_cast<int>(ms);
}

Deadline::Deadline(Duration timeout) : end_(std::chrono::steady_clock::now() + timeout) {}

Duration Deadline::left() const {
  return std::max<Duration>(end_ - std::chrono::steady_clock::now(), Duration::zero());
}

}  // namespace rdkafka
}  // namespace tocsin::ingest
