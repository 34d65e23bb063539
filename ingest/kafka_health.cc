// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka_health.h"

#include <map>
#include <optional>

#include "simdjson.h"

namespace tocsin::ingest {
namespace {

struct Brokers {
  int up = 0;
  int all = 0;
  bool leaders_up = true;
};

// From librdkafka's statistics: {"brokers": {NAME: {"nodeid", "state"}},
// "topics": {NAME: {"partitions": {N: {"leader", "desired"}}}}}.
std::optional<Brokers> Read(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  simdjson::dom::object brokers;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root["brokers"].get(brokers) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  Brokers out;
  std::map<int64_t, bool> up;
  for (const simdjson::dom::key_value_pair broker : brokers) {
    int64_t id = -1;
    std::string_view state;
    if (broker.value["nodeid"].get(id) != simdjson::SUCCESS ||
        broker.value["state"].get(state) != simdjson::SUCCESS || id < 0) {
      continue;  // a bootstrap address or the group coordinator's alias, not a broker
    }
    up[id] = state == "UP" || state == "UPDATE";
  }
  for (const auto& [id, is_up] : up) {
    ++out.all;
    out.up += is_up ? 1 : 0;
  }
  bool assigned = false;
  simdjson::dom::object topics;
  if (root["topics"].get(topics) == simdjson::SUCCESS) {
    for (const simdjson::dom::key_value_pair topic : topics) {
      simdjson::dom::object partitions;
      if (topic.value["partitions"].get(partitions) != simdjson::SUCCESS) continue;
      for (const simdjson::dom::key_value_pair partition : partitions) {
        bool desired = false;
        int64_t leader = -1;
        if (partition.value["desired"].get(desired) != simdjson::SUCCESS || !desired) continue;
        if (partition.value["leader"].get(leader) != simdjson::SUCCESS) leader = -1;
        assigned = true;
        const auto found = up.find(leader);
        out.leaders_up = out.leaders_up && found != up.end() && found->second;
      }
    }
  }
  if (!assigned) out.leaders_up = out.up > 0;
  return out;
}

Time Now() { return SystemClock().Now(); }

}  // namespace

void HealthTracker::SetReachable(bool reachable) {
  if (health_.reachable == reachable && health_.since != kNoTime) return;
  health_.reachable = reachable;
  health_.since = Now();
}

void HealthTracker::OnStatistics(std::string_view json) {
  const std::optional<Brokers> brokers = Read(json);
  if (!brokers) return;
  const std::lock_guard lock(mu_);
  health_.brokers_up = brokers->up;
  health_.brokers = brokers->all;
  SetReachable(brokers->leaders_up);
}

void HealthTracker::OnError(std::string_view text, bool unreachable) {
  const std::lock_guard lock(mu_);
  health_.last_error = text;
  health_.last_error_time = Now();
  if (unreachable) {
    health_.brokers_up = 0;
    SetReachable(false);
  }
}

KafkaHealth HealthTracker::Get() const {
  const std::lock_guard lock(mu_);
  return health_;
}

}  // namespace tocsin::ingest
