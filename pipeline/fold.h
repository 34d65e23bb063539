// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "api/board.h"
#include "api/silences.h"
#include "base/channel.h"
#include "base/signature.h"
#include "base/time.h"
#include "correlate/fold.h"
#include "correlate/state.h"
#include "pipeline/command_queue.h"
#include "pipeline/frontier.h"
#include "pipeline/pace.h"
#include "store/store.h"

namespace tocsin::pipeline {

// The only writer: takes batches from the channel, decides what is settled, commits state and
// positions together, and hangs out the result on the board. Everything but stats() belongs to one
// thread.
class Fold {
 public:
  struct Options {
    Duration commit_every = std::chrono::milliseconds(20);
    size_t commit_rows = 65'536;  // or earlier, when this many rows have been merged
    // The overlay of unsettled rows is computed anew at most this often, and never takes more than
    // this share of the fold's time.
    Duration live_every = std::chrono::milliseconds(40);
    double live_share = 0.2;
    // Problems that ended this long before the frontier are forgotten; more than any edge reaches
    // back.
    Duration forget_after = std::chrono::hours(6);
    // More undecided rows than this, and the lanes are asked to hold back the partitions that run
    // ahead.
    size_t unsettled_bytes_max = 256 << 20;
  };
  struct Stats {
    uint64_t commits = 0;
    uint64_t rows = 0;
    uint64_t late_rows = 0;       // arrived for a slot that was settled already
    uint64_t commit_retries = 0;  // the store refused; nothing was lost, lanes wait
    bool store_failing = false;
    Time frontier = kNoTime;
  };

  // The collaborators outlive the fold.
  Fold(const Options& options, const Catalogue& catalogue, store::Store& store, api::Board& board,
       Pace& pace);

  // From now on commits carry out what waits in `commands`, and keep `silences` up to date. Call
  // before Restore. Both outlive the fold.
  void Serve(CommandQueue& commands, api::Silences& silences);

  // Reads back what the store holds. Call once, first.
  absl::Status Restore();

  // Merges a batch into what is not yet settled. Nothing is durable before Commit.
  void Add(Batch batch);

  // Settles every slot the frontier has passed, writes everything in one batch, then publishes.
  // While the store refuses, it tries again (100 ms, doubling to 5 s) until it works or `stop` is
  // requested: then nothing was written and kCancelled is returned.
  absl::Status Commit(std::stop_token stop);

  // Receives and commits until `stop` is requested and the channel is drained.
  absl::Status Run(Channel& channel, std::stop_token stop);

  Stats stats() const;

 private:
  void FillWriteSet(correlate::PendingRows::const_iterator settled_end,
                    const correlate::Layer& settled, store::WriteSet& set);
  void Forget(store::WriteSet& set);
  std::vector<v1::Incident> LiveOverlay() const;

  const Options options_;
  const Catalogue& catalogue_;
  store::Store& store_;
  api::Board& board_;
  Pace& pace_;
  CommandQueue* commands_ = nullptr;
  api::Silences* silences_ = nullptr;

  correlate::State state_;
  correlate::PendingRows rows_;        // unsettled
  size_t rows_bytes_ = 0;              // roughly what rows_ holds
  std::set<std::string> dirty_rows_;   // changed since the last commit
  std::set<std::string> stored_rows_;  // in the store: must be deleted once settled
  std::vector<state::v1::Tally> tallies_;
  Frontier frontier_;
  int64_t revision_ = 0;
  Time forgotten_until_ = kNoTime;
  std::chrono::steady_clock::time_point next_live_{};
  bool live_stale_ = false;

  mutable std::mutex stats_mu_;
  Stats stats_;  // guarded by stats_mu_
};

}  // namespace tocsin::pipeline
