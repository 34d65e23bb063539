// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/channel.h"
#include "ingest/dead_letter.h"
#include "ingest/kafka.h"
#include "matcher/pattern_set.h"
#include "pipeline/lane.h"
#include "pipeline/pace.h"
#include "store/store.h"

namespace tocsin::pipeline {

// Kafka's side of the service: a few threads, each with a consumer and a lane of its own, and one
// that looks after them: it plans where partitions start, finds new ones, tells the group how far
// we are.
class KafkaLanes {
 public:
  struct Options {
    ingest::KafkaOptions kafka;
    Lane::Options lane;
    int lanes = 1;
    ingest::Reset reset = ingest::Reset::kNo;
    // How long a partition must be confirmed at its end before it stops holding the frontier.
    Duration idle_after = std::chrono::seconds(60);
    Duration tallies_every = std::chrono::seconds(10);
    Duration describe_every = std::chrono::seconds(30);
    Duration hint_every = std::chrono::seconds(5);
    // How long Start waits for the broker before it leaves that to the background.
    Duration first_contact = std::chrono::seconds(5);
  };
  struct Stats {
    bool reachable = false;
    std::string problem;     // why not reading, in one sentence; empty when all is well
    std::string last_error;  // of the broker
    uint64_t records = 0, bytes = 0, findings = 0;
    uint64_t lost_records = 0;  // taken by retention before they were read
    uint64_t redelivered = 0, corrupt = 0;
    std::map<std::string, uint64_t> bad;
    int partitions = 0;
  };

  // The collaborators outlive the lanes. kFailedPrecondition: the stored positions do not fit the
  // cluster, or the group belongs to another store; the message says what to do. A broker that
  // cannot be reached is no error.
  static absl::StatusOr<std::unique_ptr<KafkaLanes>> Start(const Options& options,
                                                           const matcher::PatternSet& patterns,
                                                           store::Store& store, Channel& channel,
                                                           const Pace& pace);
  // Stops polling, lets the lanes hand over what they have, joins the threads. The channel must
  // still be drained while it runs.
  void Stop();
  ~KafkaLanes() { Stop(); }

  Stats stats() const;

 private:
  struct Worker {
    std::jthread thread;
    std::mutex mu;
    std::vector<ingest::StartAt> assign;       // guarded by mu: not yet taken up
    std::vector<state::v1::Position> restore;  // guarded by mu
  };

  KafkaLanes(const Options& options, const matcher::PatternSet& patterns, store::Store& store,
             Channel& channel, const Pace& pace);
  absl::Status Plan(Duration timeout, ingest::Reset reset, std::stop_token stop);
  void Supervise(std::stop_token stop);
  void RunLane(size_t index, std::stop_token stop);
  absl::Status PollLoop(Worker& worker, size_t index, std::stop_token stop);
  void Fail(const absl::Status& status);

  const Options options_;
  const matcher::PatternSet& patterns_;
  store::Store& store_;
  Channel& channel_;
  const Pace& pace_;
  std::unique_ptr<ingest::KafkaAdmin> admin_;
  std::map<ingest::PartitionId, size_t> assigned_;  // supervisor only, after Start
  std::string log_id_;                              // set once, before the first assignment

  mutable std::mutex stats_mu_;
  std::vector<Stats> lane_stats_;  // guarded by stats_mu_
  Stats stats_;                    // guarded by stats_mu_: what is not of a lane

  std::vector<std::unique_ptr<Worker>> workers_;
  std::jthread supervisor_;
};

}  // namespace tocsin::pipeline
