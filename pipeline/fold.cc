// SPDX-License-Identifier: Apache-2.0
#include "pipeline/fold.h"

#include <algorithm>
#include <condition_variable>
#include <unordered_set>

#include <spdlog/spdlog.h>

#include "api/error.h"
#include "base/row.h"
#include "base/status.h"
#include "correlate/incidents.h"
#include "correlate/problems.h"
#include "correlate/render.h"
#include "pipeline/executor.h"

namespace tocsin::pipeline {
namespace {

constexpr Duration kRetryFirst = std::chrono::milliseconds(100);
constexpr Duration kRetryMax = seconds(5);

// Waits, but not past a request to stop. Returns false if that came.
bool Pause(Duration duration, std::stop_token stop) {
  std::mutex mu;
  std::condition_variable_any wake;
  std::unique_lock lock(mu);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

// The commands of one commit. Whoever is not answered otherwise hears that nothing was written.
class Answers {
 public:
  explicit Answers(std::vector<CommandQueue::Pending> pending) : pending_(std::move(pending)) {}
  ~Answers() {
    for (CommandQueue::Pending& pending : pending_) {
      pending.done.set_value(
          api::WithReason(Unavailable("the server stops: nothing was changed"), "SERVER_STOPS"));
    }
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  bool empty() const { return pending_.empty(); }
  void Execute(Executor& executor) {
    for (const CommandQueue::Pending& pending : pending_) {
      outcomes_.push_back(executor.Execute(pending.command));
    }
  }
  void Send() {
    for (size_t i = 0; i < pending_.size(); ++i) {
      pending_[i].done.set_value(std::move(outcomes_[i]));
    }
    pending_.clear();
  }

 private:
  std::vector<CommandQueue::Pending> pending_;
  std::vector<absl::StatusOr<api::Outcome>> outcomes_;
};

}  // namespace

Fold::Fold(const Options& options, const Catalogue& catalogue, store::Store& store,
           api::Board& board, Pace& pace)
    : options_(options), catalogue_(catalogue), store_(store), board_(board), pace_(pace) {}

void Fold::Serve(CommandQueue& commands, api::Silences& silences) {
  commands_ = &commands;
  silences_ = &silences;
}

absl::Status Fold::Restore() {
  std::vector<v1::Incident> incidents;
  store::Store::Visitor visitor;
  visitor.row = [&](std::string key, state::v1::Row row) {
    stored_rows_.insert(key);
    rows_bytes_ += row.ByteSizeLong();
    rows_.emplace(std::move(key), std::move(row));
  };
  visitor.problem = [&](state::v1::Problem problem) { state_.Put(catalogue_, std::move(problem)); };
  visitor.incident = [&](v1::Incident incident) { incidents.push_back(std::move(incident)); };
  visitor.tally = [&](const state::v1::Tally& tally) {
    state_.Heard(tally.cluster(), tally.node(), TimeFromNanos(tally.last()));
  };
  if (silences_ != nullptr) {
    visitor.silence = [&](const v1::Silence& silence) { silences_->Put(silence); };
  }
  RETURN_IF_ERROR(store_.Load(visitor));
  for (v1::Incident& incident : incidents) state_.Put(std::move(incident));
  ASSIGN_OR_RETURN(std::vector<state::v1::Position> positions, store_.Positions());
  // A partition that was idle may have grown since: it holds the frontier until it is read again.
  for (state::v1::Position& position : positions) {
    position.set_idle(false);
    frontier_.Update(position);
  }
  frontier_.TakeChanged();
  frontier_.Restore(store_.frontier());
  revision_ = store_.revision();
  // What was shown before the restart is shown before the first question can be asked.
  board_.Publish(revision_, {}, LiveOverlay());
  return absl::OkStatus();
}

void Fold::Add(Batch batch) {
  Slot first_open = frontier_.slot() == kNoSlot ? kNoSlot : frontier_.slot() + 1;
  uint64_t late = 0;
  for (state::v1::Row& row : batch.rows) {
    if (row.slot() < first_open) {
      // Its slot is decided. It counts, and may open a problem, in the first one that is not.
      row.set_slot(first_open);
      ++late;
    }
    std::string key = RowKey(row);
    auto [it, inserted] = rows_.try_emplace(key);
    rows_bytes_ -= it->second.ByteSizeLong();
    if (inserted) {
      it->second = std::move(row);
    } else {
      MergeRow(row, it->second);
    }
    rows_bytes_ += it->second.ByteSizeLong();
    dirty_rows_.insert(std::move(key));
  }
  for (state::v1::Tally& tally : batch.tallies) {
    state_.Heard(tally.cluster(), tally.node(), TimeFromNanos(tally.last()));
    tallies_.push_back(std::move(tally));
  }
  for (const state::v1::Position& position : batch.positions) frontier_.Update(position);
  // That a node was heard may end something in the overlay, too.
  if (!batch.rows.empty() || !batch.tallies.empty()) live_stale_ = true;
  std::lock_guard lock(stats_mu_);
  stats_.rows += batch.rows.size();
  stats_.late_rows += late;
}

void Fold::FillWriteSet(correlate::PendingRows::const_iterator settled_end,
                        const correlate::Layer& settled, store::WriteSet& set) {
  for (auto it = rows_.cbegin(); it != settled_end; ++it) {
    if (stored_rows_.contains(it->first)) set.rows_deleted.push_back(it->first);
  }
  for (const std::string& key : dirty_rows_) {
    auto it = rows_.find(key);
    bool unsettled = settled_end == rows_.cend() ? false : key >= settled_end->first;
    if (it != rows_.end() && unsettled) set.rows.emplace_back(key, it->second);
  }
  for (const auto& [key, problem] : settled.problems()) set.problems.push_back(problem);
  for (const auto& [name, incident] : settled.incidents()) {
    v1::Incident written = incident;
    written.set_settled(true);
    written.set_revision(revision_ + 1);
    written.set_etag(EtagOf(written));
    set.incidents.push_back(std::move(written));
  }
  for (const auto& [name, incident] : settled.aliases()) set.aliases.emplace_back(name, incident);
  set.tallies = tallies_;
  set.positions = frontier_.TakeChanged();
  set.frontier = frontier_.at();
}

void Fold::Forget(store::WriteSet& set) {
  Time since = frontier_.at() - options_.forget_after;
  // A look at everything: rarely.
  if (frontier_.at() == kNoTime || since < forgotten_until_ + std::chrono::minutes(10)) return;
  forgotten_until_ = since;
  std::unordered_set<std::string> changing;
  for (const state::v1::Problem& problem : set.problems) changing.insert(ProblemKey(problem));
  for (std::string& key : state_.OverSince(since)) {
    if (!changing.contains(key)) set.problems_deleted.push_back(std::move(key));
  }
}

std::vector<v1::Incident> Fold::LiveOverlay() const {
  correlate::Layer live(state_, catalogue_);
  correlate::FoldSlots(rows_.begin(), rows_.end(), live);
  std::vector<v1::Incident> incidents;
  for (const auto& [name, incident] : live.incidents()) {
    incidents.push_back(incident);
    incidents.back().set_settled(false);
    incidents.back().set_revision(revision_);
    incidents.back().set_etag(EtagOf(incidents.back()));
  }
  return incidents;
}

absl::Status Fold::Commit(std::stop_token stop) {
  frontier_.Advance();
  auto settled_end = correlate::EndOfSlot(rows_, frontier_.slot());
  correlate::Layer settled(state_, catalogue_);
  correlate::FoldSlots(rows_.cbegin(), settled_end, settled);
  if (frontier_.at() != kNoTime) {
    // Up to where rows are decided and not to the frontier itself, which lies within a slot: a hit
    // in that slot may yet put the end off.
    correlate::Refresh(correlate::EndQuiet(SlotEnd(frontier_.slot()), settled), settled);
  }

  store::WriteSet set;
  Answers answers(commands_ == nullptr ? std::vector<CommandQueue::Pending>() : commands_->Take());
  if (!answers.empty()) {
    Executor executor(board_, *silences_, settled);
    answers.Execute(executor);
    for (const auto& [name, silence] : executor.silences()) set.silences.push_back(silence);
    set.silences_deleted = executor.forgotten();
    set.sync = true;  // the answer promises that it is kept
  }
  FillWriteSet(settled_end, settled, set);
  Forget(set);
  bool changed = !set.rows.empty() || !set.rows_deleted.empty() || !set.problems.empty() ||
                 !set.incidents.empty() || !set.tallies.empty() || !set.positions.empty() ||
                 !set.problems_deleted.empty() || !set.silences.empty() ||
                 !set.silences_deleted.empty();
  if (changed) {
    set.revision = revision_ + 1;
    Duration pause = kRetryFirst;
    for (absl::Status status = store_.Commit(set); !status.ok(); status = store_.Commit(set)) {
      spdlog::error("store: {}; consuming waits until it takes writes again", Message(status));
      if (commands_ != nullptr) commands_->Refuse(true);
      {
        std::lock_guard lock(stats_mu_);
        stats_.store_failing = true;
        ++stats_.commit_retries;
      }
      if (!Pause(pause, stop))
        return absl::CancelledError("stopped while the store refused writes");
      pause = std::min(pause * 2, kRetryMax);
    }
    if (commands_ != nullptr) commands_->Refuse(false);
    ++revision_;
    settled.ApplyTo(state_);
    for (const std::string& key : set.problems_deleted) state_.Remove(key);
    for (const auto& [key, row] : set.rows) stored_rows_.insert(key);
    for (const std::string& key : set.rows_deleted) stored_rows_.erase(key);
    for (auto it = rows_.cbegin(); it != settled_end; ++it)
      rows_bytes_ -= it->second.ByteSizeLong();
    rows_.erase(rows_.cbegin(), settled_end);
    dirty_rows_.clear();
    tallies_.clear();
    std::lock_guard lock(stats_mu_);
    stats_.store_failing = false;
    ++stats_.commits;
    stats_.frontier = frontier_.at();
  }

  pace_.frontier_nanos.store(ToNanos(frontier_.at()), std::memory_order_relaxed);
  pace_.pressed.store(rows_bytes_ > options_.unsettled_bytes_max, std::memory_order_relaxed);

  // Settled incidents are shown at once, and with them an overlay that is as new.
  auto now = std::chrono::steady_clock::now();
  if (!set.incidents.empty() || !answers.empty() || (live_stale_ && now >= next_live_)) {
    board_.Publish(revision_, set.incidents, LiveOverlay());
    live_stale_ = false;
    auto cost = std::chrono::steady_clock::now() - now;
    auto rest = std::chrono::duration_cast<Duration>(cost / options_.live_share);
    next_live_ = now + std::max<Duration>(options_.live_every,
                                          options_.live_share < 1 ? rest : Duration::zero());
  }
  if (silences_ != nullptr) {
    for (const v1::Silence& silence : set.silences) silences_->Put(silence);
    for (const std::string& name : set.silences_deleted) silences_->Remove(name);
  }
  answers.Send();
  return absl::OkStatus();
}

absl::Status Fold::Run(Channel& channel, std::stop_token stop) {
  auto last_commit = std::chrono::steady_clock::now();
  size_t merged = 0;
  while (true) {
    std::optional<Batch> batch = channel.Receive(options_.commit_every, stop);
    bool stopping = !batch && stop.stop_requested();
    if (batch) {
      merged += batch->rows.size();
      Add(std::move(*batch));
    }
    auto now = std::chrono::steady_clock::now();
    if (stopping || merged >= options_.commit_rows || now - last_commit >= options_.commit_every) {
      RETURN_IF_ERROR(Commit(stop));
      last_commit = std::chrono::steady_clock::now();
      merged = 0;
    }
    if (stopping) return absl::OkStatus();
  }
}

Fold::Stats Fold::stats() const {
  std::lock_guard lock(stats_mu_);
  return stats_;
}

}  // namespace tocsin::pipeline
