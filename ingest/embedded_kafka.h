// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "ingest/kafka_producer.h"

namespace tocsin::ingest {

// A Kafka cluster inside this process (librdkafka's mock cluster), speaking the real protocol on
// free ports of loopback. For `tocsin demo`, `--embedded-kafka` and tests. Thread-safe.
//
// It is not a broker to keep anything in:
// - A partition holds about 5 MB in memory; the oldest goes when more comes. Whoever replays into
// it
//   must pace itself by the readers' lag, or they report gaps.
// - Everything, the cluster id included, is new with each instance: positions stored against one do
// not
//   hold for the next (PlanStart says so).
// - An empty fetch always sleeps out KafkaOptions::fetch_wait; latencies measured here mean
// nothing.
// - Transactions are not honoured by readers (no read_committed). Partitions cannot be added later.
class EmbeddedKafka {
 public:
  // kUnavailable when the ports cannot be had.
  static absl::StatusOr<std::unique_ptr<EmbeddedKafka>> Create(int num_brokers = 1);
  // Clients that are still connected see the brokers go away.
  ~EmbeddedKafka();

  // "127.0.0.1:port[,...]", for KafkaOptions::brokers.
  const std::string& bootstrap() const;

  // kFailedPrecondition if it exists. Topics are also created (four partitions) by producing to
  // them.
  absl::Status CreateTopic(const std::string& name, int partitions);

  // Cuts all connections and takes no new ones, or takes them again. What is stored stays.
  void SetDown(bool down);

 private:
  struct Impl;
  explicit EmbeddedKafka(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
