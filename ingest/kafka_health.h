// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string_view>

#include "ingest/kafka.h"

namespace tocsin::ingest {

// Turns what librdkafka tells (statistics as JSON, errors) into KafkaHealth. Thread-safe.
class HealthTracker {
 public:
  // Statistics as librdkafka prints them. What does not parse is ignored: the next ones come soon.
  void OnStatistics(std::string_view json);
  // `unreachable`: no broker at all is left.
  void OnError(std::string_view text, bool unreachable);

  KafkaHealth Get() const;

 private:
  void SetReachable(bool reachable);  // with mu_ held

  mutable std::mutex mu_;
  KafkaHealth health_;  // guarded by mu_
};

}  // namespace tocsin::ingest
