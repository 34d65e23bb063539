// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"

#include "api/board.h"

namespace tocsin::api {

// What waits for one watcher: each incident once, at its latest, in the order in which they first
// changed, so that one which never stops changing does not hold the others back. Thread-safe.
class WatchQueue {
 public:
  using Change = Board::Watch::Change;
  struct Event {
    v1::WatchIncidentsResponse::Type type;
    std::shared_ptr<const v1::Incident> incident;
  };

  // At most `capacity` incidents wait; `wake` as in Board::Subscribe. Changes up to `revision` are
  // not this queue's business; `resume` is the resume point until Start().
  WatchQueue(size_t capacity, int64_t revision, int64_t resume, std::function<void()> wake);

  // One commit's events. Calls `wake` if the queue was empty and is not now, or has just
  // overflowed.
  void Push(const std::vector<Event>& events, int64_t revision);
  // Everything up to the constructor's `revision` has been delivered some other way.
  void Start();
  // At most `max`; empty: nothing now. RESOURCE_EXHAUSTED once it overflowed.
  absl::StatusOr<std::vector<Change>> Take(size_t max);
  // The error that Take would return.
  absl::Status status() const;
  int64_t revision() const;
  // After it returns `wake` is not called again.
  void Close();

 private:
  struct Waiting {
    Event event;
    int64_t first_revision;
  };
  int64_t ResumePoint() const;  // mu_ held
  absl::Status TooSlow() const;

  const size_t capacity_;
  const int64_t joined_;  // the constructor's `revision`
  mutable std::mutex mu_;
  // All below are guarded by mu_.
  std::function<void()> wake_;
  std::list<Waiting> waiting_;
  std::unordered_map<std::string_view, std::list<Waiting>::iterator> by_name_;  // names in waiting_
  int64_t seen_;    // latest revision pushed
  int64_t resume_;  // never goes back
  bool started_ = false;
  bool awake_ = true;  // the reader knows that there is something
  bool overflowed_ = false;
};

}  // namespace tocsin::api
