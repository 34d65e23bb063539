// SPDX-License-Identifier: Apache-2.0
#include "api/watch_queue.h"

#include <algorithm>
#include <utility>

#include "api/error.h"
#include "base/status.h"

namespace tocsin::api {

using v1::WatchIncidentsResponse;

WatchQueue::WatchQueue(size_t capacity, int64_t revision, int64_t resume,
                       std::function<void()> wake)
    : capacity_(capacity),
      joined_(revision),
      wake_(std::move(wake)),
      seen_(revision),
      resume_(resume) {}

void WatchQueue::Push(const std::vector<Event>& events, int64_t revision) {
  std::lock_guard lock(mu_);
  seen_ = std::max(seen_, revision);
  if (overflowed_) return;
  for (const Event& event : events) {
    auto found = by_name_.find(event.incident->name());
    if (found == by_name_.end()) {
      if (waiting_.size() >= capacity_) {
        resume_ = ResumePoint();
        overflowed_ = true;
        by_name_.clear();
        waiting_.clear();
        break;
      }
      waiting_.push_back({event, revision});
      auto last = std::prev(waiting_.end());
      by_name_.emplace(last->event.incident->name(), last);
      continue;
    }
    // The watcher has not seen what waits, so the two become one. What was added is still new to
    // it; what was deleted and came back is not. A deletion is kept even of what was only just
    // added: it may have been delivered otherwise, by the first full reading.
    auto place = found->second;
    auto type = event.type;
    if (place->event.type == WatchIncidentsResponse::ADDED &&
        type == WatchIncidentsResponse::MODIFIED) {
      type = WatchIncidentsResponse::ADDED;
    } else if (place->event.type == WatchIncidentsResponse::DELETED &&
               type == WatchIncidentsResponse::ADDED) {
      type = WatchIncidentsResponse::MODIFIED;
    }
    by_name_.erase(found);  // its key lives in the incident that is let go of here
    place->event = {type, event.incident};
    by_name_.emplace(place->event.incident->name(), place);
  }
  if (!awake_ && (overflowed_ || !waiting_.empty())) {
    awake_ = true;
    if (wake_) wake_();
  }
}

void WatchQueue::Start() {
  std::lock_guard lock(mu_);
  started_ = true;
  resume_ = std::max(resume_, joined_);
}

int64_t WatchQueue::ResumePoint() const {
  if (!started_ || overflowed_) return resume_;
  return std::max(resume_, waiting_.empty() ? seen_ : waiting_.front().first_revision - 1);
}

absl::Status WatchQueue::TooSlow() const {
  return WithReason(
      Error(absl::StatusCode::kResourceExhausted,
            "more than {} incidents changed while this watcher was not reading; resume from "
            "revision {}",
            capacity_, resume_),
      "WATCHER_TOO_SLOW",
      {{"capacity", std::to_string(capacity_)}, {"revision", std::to_string(resume_)}});
}

absl::StatusOr<std::vector<WatchQueue::Change>> WatchQueue::Take(size_t max) {
  std::lock_guard lock(mu_);
  if (overflowed_) return TooSlow();
  std::vector<Change> changes;
  changes.reserve(std::min(max, waiting_.size()));
  while (!waiting_.empty() && changes.size() < max) {
    Waiting& first = waiting_.front();
    by_name_.erase(first.event.incident->name());
    Change change{first.event.type, std::move(first.event.incident), 0};
    waiting_.pop_front();
    resume_ = ResumePoint();
    change.revision = resume_;
    changes.push_back(std::move(change));
  }
  if (waiting_.empty()) awake_ = false;
  return changes;
}

absl::Status WatchQueue::status() const {
  std::lock_guard lock(mu_);
  return overflowed_ ? TooSlow() : absl::OkStatus();
}

int64_t WatchQueue::revision() const {
  std::lock_guard lock(mu_);
  return ResumePoint();
}

void WatchQueue::Close() {
  std::lock_guard lock(mu_);
  wake_ = nullptr;
}

}  // namespace tocsin::api
