// SPDX-License-Identifier: Apache-2.0
#include "pipeline/kafka_lanes.h"

#include <algorithm>
#include <condition_variable>
#include <set>

#include <spdlog/spdlog.h>

#include "base/row.h"
#include "base/status.h"

namespace tocsin::pipeline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kPollTimeout = std::chrono::milliseconds(50);
constexpr Duration kDescribeTimeout = std::chrono::seconds(10);
// A held partition is this far ahead of the frontier; below that it is needed to move it.
constexpr Duration kAheadMax = std::chrono::minutes(2);

bool Pause(Duration duration, std::stop_token stop) {
  std::mutex mu;
  std::condition_variable_any wake;
  std::unique_lock lock(mu);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

// Which of a lane's partitions stand at their end and since when, and which are held.
class Watchful {
 public:
  Watchful(ingest::KafkaConsumer& consumer, Lane& lane, Duration idle_after)
      : consumer_(consumer), lane_(lane), idle_after_(idle_after) {}

  void Saw(const ingest::PollResult& polled) {
    for (const ingest::Message& message : polled.messages) {
      ingest::PartitionId id{std::string(message.topic), message.partition};
      at_end_.erase(id);
      Time& progress = progress_[id];
      progress = std::max(progress, message.broker_time);
    }
    for (const ingest::PartitionEnd& end : polled.ends) {
      at_end_[{std::string(end.topic), end.partition}] = {Clock::now(), end.offset};
    }
  }

  void MarkIdle() {
    if (!consumer_.health().reachable) {
      // What is at its end can not be told while the broker is away: begin to wait anew.
      for (auto& [id, end] : at_end_) end.since = Clock::now();
      return;
    }
    for (const auto& [id, end] : at_end_) {
      if (Clock::now() - end.since >= idle_after_) {
        lane_.SetIdle(id.topic, id.partition, end.offset, true);
      }
    }
  }

  void HoldBack(const Pace& pace) {
    if (!pace.pressed.load(std::memory_order_relaxed)) {
      for (const ingest::PartitionId& id : held_) (void)consumer_.Release(id).ok();
      held_.clear();
      return;
    }
    Time frontier = TimeFromNanos(pace.frontier_nanos.load(std::memory_order_relaxed));
    for (const auto& [id, progress] : progress_) {
      if (progress <= frontier + kAheadMax || held_.contains(id)) continue;
      if (consumer_.Hold(id).ok()) held_.insert(id);
    }
  }

 private:
  struct End {
    Clock::time_point since;
    int64_t offset;
  };
  ingest::KafkaConsumer& consumer_;
  Lane& lane_;
  const Duration idle_after_;
  std::map<ingest::PartitionId, End> at_end_;
  std::map<ingest::PartitionId, Time> progress_;
  std::set<ingest::PartitionId> held_;
};

}  // namespace

KafkaLanes::KafkaLanes(const Options& options, const matcher::PatternSet& patterns,
                       store::Store& store, Channel& channel, const Pace& pace)
    : options_(options), patterns_(patterns), store_(store), channel_(channel), pace_(pace) {}

absl::StatusOr<std::unique_ptr<KafkaLanes>> KafkaLanes::Start(const Options& options,
                                                              const matcher::PatternSet& patterns,
                                                              store::Store& store, Channel& channel,
                                                              const Pace& pace) {
  std::unique_ptr<KafkaLanes> lanes(new KafkaLanes(options, patterns, store, channel, pace));
  ASSIGN_OR_RETURN(lanes->admin_, ingest::KafkaAdmin::Create(options.kafka));
  lanes->lane_stats_.resize(static_cast<size_t>(options.lanes));
  for (int i = 0; i < options.lanes; ++i) lanes->workers_.push_back(std::make_unique<Worker>());

  absl::Status planned = lanes->Plan(options.first_contact, options.reset, {});
  if (!planned.ok() && planned.code() != absl::StatusCode::kUnavailable) return planned;
  if (!planned.ok()) lanes->Fail(planned);

  for (size_t i = 0; i < lanes->workers_.size(); ++i) {
    lanes->workers_[i]->thread = std::jthread(
        [self = lanes.get(), i](std::stop_token stop) { self->RunLane(i, std::move(stop)); });
  }
  bool contacted = planned.ok();
  lanes->supervisor_ = std::jthread([self = lanes.get(), contacted](std::stop_token stop) {
    if (!contacted) {
      // Not once connected yet: keep trying, more often than when all is well.
      Duration pause = std::chrono::milliseconds(500);
      while (Pause(pause, stop)) {
        absl::Status status = self->Plan(kDescribeTimeout, self->options_.reset, stop);
        self->Fail(status);
        if (status.ok()) break;
        pause = std::min<Duration>(pause * 2, seconds(5));
      }
    }
    self->Supervise(std::move(stop));
  });
  return lanes;
}

void KafkaLanes::Fail(const absl::Status& status) {
  std::string problem = status.ok() ? "" : Message(status);
  std::lock_guard lock(stats_mu_);
  if (problem != stats_.problem && !problem.empty()) spdlog::warn("kafka: {}", problem);
  if (problem.empty() && !stats_.problem.empty()) spdlog::info("kafka: reading again");
  stats_.problem = std::move(problem);
}

// Assigns every partition that is not assigned yet.
absl::Status KafkaLanes::Plan(Duration timeout, ingest::Reset reset, std::stop_token stop) {
  ASSIGN_OR_RETURN(ingest::Layout layout, admin_->Describe(timeout));
  ASSIGN_OR_RETURN(std::vector<state::v1::Position> positions, store_.Positions());
  ASSIGN_OR_RETURN(ingest::StartPlan plan,
                   ingest::PlanStart(layout, positions, options_.kafka.store_id, reset));
  if (reset == ingest::Reset::kPositions && assigned_.empty()) {
    RETURN_IF_ERROR(store_.ResetPositions());
    positions.clear();
  }
  if (log_id_.empty()) log_id_ = layout.cluster_id;
  for (const std::string& topic : layout.missing_topics) {
    spdlog::warn("kafka: topic {} does not exist yet; looking again every {}", topic,
                 FormatDuration(options_.describe_every));
  }
  std::map<ingest::PartitionId, const state::v1::Position*> stored;
  for (const state::v1::Position& position : positions) {
    stored[{position.source(), position.partition()}] = &position;
  }
  uint64_t lost = 0;
  for (const ingest::Gap& gap : plan.gaps) {
    if (assigned_.contains(gap.id)) continue;
    lost += static_cast<uint64_t>(gap.to - gap.from);
    spdlog::warn("kafka: {} lost offsets {} to {}: retention took them before they were read",
                 ingest::ToString(gap.id), gap.from, gap.to);
  }
  // The fold must know of every partition before anything of any is handed over: one that it does
  // not know does not hold the frontier, and its lines would be late.
  Batch announcement;
  for (const ingest::StartAt& start : plan.starts) {
    if (assigned_.contains(start.id) || stored.contains(start.id)) continue;
    state::v1::Position& position = announcement.positions.emplace_back();
    position.set_source(start.id.topic);
    position.set_partition(start.id.partition);
    position.set_log_id(log_id_);
    position.set_next_hit(start.offset);
    position.set_next_tally(start.offset);
  }
  if (!announcement.empty() && !channel_.Send(std::move(announcement), stop)) {
    return absl::CancelledError("stopped");
  }
  for (const ingest::StartAt& start : plan.starts) {
    if (assigned_.contains(start.id)) continue;
    // Round robin by order of discovery: lanes get equal numbers of partitions.
    size_t lane = assigned_.size() % workers_.size();
    assigned_[start.id] = lane;
    state::v1::Position position;
    if (auto it = stored.find(start.id); it != stored.end()) position = *it->second;
    position.set_source(start.id.topic);
    position.set_partition(start.id.partition);
    position.set_log_id(log_id_);
    position.set_next_tally(start.offset);
    position.set_next_hit(std::max(position.next_hit(), start.offset));
    Worker& worker = *workers_[lane];
    std::lock_guard lock(worker.mu);
    worker.assign.push_back(start);
    worker.restore.push_back(std::move(position));
  }
  std::lock_guard lock(stats_mu_);
  stats_.lost_records += lost;
  stats_.partitions = static_cast<int>(assigned_.size());
  return absl::OkStatus();
}

void KafkaLanes::Supervise(std::stop_token stop) {
  Clock::time_point next_describe = Clock::now() + options_.describe_every;
  while (Pause(options_.hint_every, stop)) {
    if (absl::StatusOr<std::vector<state::v1::Position>> positions = store_.Positions();
        positions.ok()) {
      (void)admin_->CommitHint(*positions).ok();  // a hint: nothing depends on it
    }
    if (Clock::now() < next_describe) continue;
    next_describe = Clock::now() + options_.describe_every;
    absl::Status status = Plan(kDescribeTimeout, ingest::Reset::kNo, stop);
    // That the broker is away shows in the consumers' health, and they resume by themselves.
    if (status.code() != absl::StatusCode::kUnavailable) Fail(status);
  }
}

void KafkaLanes::RunLane(size_t index, std::stop_token stop) {
  absl::Status status = PollLoop(*workers_[index], index, stop);
  if (!status.ok()) Fail(status);
}

absl::Status KafkaLanes::PollLoop(Worker& worker, size_t index, std::stop_token stop) {
  // Nothing to read before the first assignment, which also says whose offsets these are.
  while (true) {
    {
      std::lock_guard lock(worker.mu);
      if (!worker.assign.empty()) break;
    }
    if (!Pause(std::chrono::milliseconds(100), stop)) return absl::OkStatus();
  }
  Lane::Options lane_options = options_.lane;
  lane_options.log_id = log_id_;
  Lane lane(patterns_, lane_options);
  ASSIGN_OR_RETURN(auto consumer, ingest::KafkaConsumer::Create(options_.kafka, {}));
  Watchful watchful(*consumer, lane, options_.idle_after);
  Clock::time_point next_tallies = Clock::now() + options_.tallies_every;
  Stats counted;

  auto hand_over = [&](bool tallies) {
    if (!lane.HasNews() && !tallies) return;
    Batch batch = lane.Flush(tallies);
    if (!batch.empty()) channel_.Send(std::move(batch), stop);
  };
  while (!stop.stop_requested()) {
    std::vector<ingest::StartAt> assign;
    std::vector<state::v1::Position> restore;
    {
      std::lock_guard lock(worker.mu);
      assign.swap(worker.assign);
      restore.swap(worker.restore);
    }
    for (const state::v1::Position& position : restore) lane.Restore(position);
    if (!assign.empty()) RETURN_IF_ERROR(consumer->Assign(assign));

    ASSIGN_OR_RETURN(ingest::PollResult polled, consumer->Poll(kPollTimeout));
    for (const ingest::Message& message : polled.messages) lane.Take(message);
    watchful.Saw(polled);
    watchful.MarkIdle();
    watchful.HoldBack(pace_);
    for (const ingest::Gap& gap : polled.gaps) {
      counted.lost_records += static_cast<uint64_t>(gap.to - gap.from);
    }
    counted.redelivered += polled.redelivered;
    counted.corrupt += polled.corrupt;

    bool tallies = Clock::now() >= next_tallies || lane.MustFlushTallies();
    if (tallies) next_tallies = Clock::now() + options_.tallies_every;
    hand_over(tallies);

    ingest::KafkaHealth health = consumer->health();
    counted.reachable = health.reachable;
    counted.last_error = health.last_error;
    counted.records = lane.counts().records;
    counted.bytes = lane.counts().bytes;
    counted.findings = lane.counts().findings;
    if (counted.bad.size() != lane.counts().bad.size() || !polled.messages.empty()) {
      counted.bad = {lane.counts().bad.begin(), lane.counts().bad.end()};
    }
    std::lock_guard lock(stats_mu_);
    lane_stats_[index] = counted;
  }
  // A last hand-over so that a restart need not read the tallies again. Not past a full channel:
  // what is not handed over was not stored, and is read again.
  Batch batch = lane.Flush(true);
  if (!batch.empty()) channel_.Send(std::move(batch), stop);
  return absl::OkStatus();
}

void KafkaLanes::Stop() {
  if (supervisor_.joinable()) {
    supervisor_.request_stop();
    supervisor_.join();
  }
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.request_stop();
  }
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

KafkaLanes::Stats KafkaLanes::stats() const {
  std::lock_guard lock(stats_mu_);
  Stats all = stats_;
  all.reachable = !lane_stats_.empty() && all.partitions > 0;
  for (const Stats& lane : lane_stats_) {
    // A lane without partitions has nothing to reach.
    all.reachable = all.reachable && (lane.reachable || lane.records == 0);
    if (!lane.last_error.empty()) all.last_error = lane.last_error;
    all.records += lane.records;
    all.bytes += lane.bytes;
    all.findings += lane.findings;
    all.lost_records += lane.lost_records;
    all.redelivered += lane.redelivered;
    all.corrupt += lane.corrupt;
    for (const auto& [reason, count] : lane.bad) all.bad[reason] += count;
  }
  return all;
}

}  // namespace tocsin::pipeline
