// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "base/status.h"
#include "ingest/kafka.h"

namespace tocsin::ingest {
namespace {

constexpr std::string_view kWayOut =
    "run `tocsin serve --reset-positions` to forget the positions and read the log from its start";

absl::Status CheckOwner(const Layout& layout, std::string_view store_id) {
  for (const PartitionLayout& partition : layout.partitions) {
    if (!partition.committed_store.empty() && partition.committed_store != store_id) {
      return FailedPrecondition(
          "Kafka group '{}' belongs to store {} (this one is {}); give this one its own with "
          "--kafka-group, or, if the other is gone for good, run `tocsin serve --reset-positions`",
          layout.group, partition.committed_store, store_id);
    }
  }
  return absl::OkStatus();
}

using ById = std::map<PartitionId, const state::v1::Position*>;

absl::StatusOr<ById> Index(std::span<const state::v1::Position> positions) {
  ById by_id;
  for (const state::v1::Position& position : positions) {
    if (position.partition() < 0) continue;  // a file
    PartitionId id{position.source(), position.partition()};
    if (position.next_tally() < 0 || position.next_tally() > position.next_hit()) {
      return DataLoss("stored position of {} makes no sense: tallies to {}, hits to {}",
                      ToString(id), position.next_tally(), position.next_hit());
    }
    if (auto [at, fresh] = by_id.emplace(std::move(id), &position); !fresh) {
      return DataLoss("stored position of {} is there twice", ToString(at->first));
    }
  }
  return by_id;
}

}  // namespace

absl::StatusOr<StartPlan> PlanStart(const Layout& layout,
                                    std::span<const state::v1::Position> positions,
                                    std::string_view store_id, Reset reset) {
  StartPlan plan;
  ById stored;
  if (reset == Reset::kNo) {
    RETURN_IF_ERROR(CheckOwner(layout, store_id));
    ASSIGN_OR_RETURN(stored, Index(positions));
  }
  std::set<std::string_view> topics;
  std::set<PartitionId> present;
  for (const PartitionLayout& partition : layout.partitions) {
    topics.insert(partition.id.topic);
    present.insert(partition.id);
  }
  for (const auto& [id, position] : stored) {
    if (topics.contains(id.topic) && !present.contains(id)) {
      return FailedPrecondition(
          "{} has a stored position but is gone (was the topic recreated with fewer partitions?); "
          "{}",
          ToString(id), kWayOut);
    }
  }
  for (const PartitionLayout& partition : layout.partitions) {
    const auto found = stored.find(partition.id);
    if (found == stored.end()) {
      plan.starts.push_back({partition.id, partition.low});
      continue;
    }
    const state::v1::Position& position = *found->second;
    // Either side may not know the cluster's id (an old broker): then only offsets can tell.
    if (!position.log_id().empty() && !layout.cluster_id.empty() &&
        position.log_id() != layout.cluster_id) {
      return FailedPrecondition(
          "stored position of {} is of Kafka cluster {}, but these brokers are cluster {}; correct "
          "--kafka-brokers, or {}",
          ToString(partition.id), position.log_id(), layout.cluster_id, kWayOut);
    }
    if (position.next_hit() > partition.high) {
      return FailedPrecondition(
          "stored position {} of {} is past the log's end {} (was the topic recreated?); {}",
          position.next_hit(), ToString(partition.id), partition.high, kWayOut);
    }
    if (position.next_tally() < partition.low) {
      plan.gaps.push_back({partition.id, position.next_tally(), partition.low});
    }
    plan.starts.push_back({partition.id, std::max(position.next_tally(), partition.low)});
  }
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(plan.starts.begin(), plan.starts.end(), by_id);
  std::sort(plan.gaps.begin(), plan.gaps.end(), by_id);
  return plan;
}

}  // namespace tocsin::ingest
