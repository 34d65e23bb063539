// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "store/store.h"
#include "tocsin/v1/incident.pb.h"

namespace tocsin::api {

// Where the fold hangs out what it knows and the query layer reads it: settled incidents from the
// store, and over them the live overlay (incidents as they would be if no late line came), which is
// never stored. Thread-safe. The fold never waits for a reader: a watcher that does not keep up is
// coalesced to the latest version of each incident, and dropped with its resume point when even
// that passes its capacity.
class Board {
 public:
  struct Options {
    // Distinct incidents that wait for one watcher; the one more drops it. Versions are shared
    // between watchers, so a waiting incident costs about 150 bytes.
    size_t watch_capacity = 65'536;
    // Names remembered that were live and fell back, or were withdrawn or deleted: what the store
    // cannot tell a watcher that resumes. A resume point from before the oldest of them (or from
    // before the start of this process) is refused with OUT_OF_RANGE.
    size_t departures_max = 65'536;
  };

  // Reads the names of all stored incidents once. `store` outlives the board, the board its
  // watches.
  explicit Board(const store::Store& store);
  Board(const store::Store& store, const Options& options);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  // Called by the fold after each commit, in revision order. `settled` were written in this commit;
  // `live` is the whole overlay that holds from now on and replaces the previous one (incidents
  // that were in the previous overlay and are in neither list are shown again as the store has
  // them, or withdrawn as DELETED if it has none). `deleted` were removed from the store in this
  // commit. A revision may come several times if only the overlay changed. Costs about 3 us per
  // live incident.
  void Publish(int64_t revision, const std::vector<v1::Incident>& settled,
               std::vector<v1::Incident> live, const std::vector<std::string>& deleted = {});

  int64_t revision() const;

  // The incident as it is shown now, by name or alias. NOT_FOUND; UNAVAILABLE if the store cannot
  // read.
  absl::StatusOr<v1::Incident> Get(std::string_view name) const;
  // Every incident of `cluster` (all if empty) as shown now, overlay over store, until `visit`
  // returns false: in the store's order, then those that are only live. The reference is valid
  // during the call. Returns the revision it holds for: whatever changes during the scan has a
  // later one.
  absl::StatusOr<int64_t> Scan(std::string_view cluster,
                               const std::function<bool(const v1::Incident&)>& visit) const;

  // A watcher. `after_revision` 0: everything that is there as ADDED, then a BOOKMARK, then
  // changes; otherwise what changed after it, then a BOOKMARK, then changes. There is something to
  // Take at once. From then on `wake` is called from the fold's thread when there is again: it must
  // not block and must not call back into the board or the watch; the watcher then drains with
  // Take() on its own thread. It is never called once the handle is gone. The subscription ends
  // with the handle.
  class Watch;
  std::unique_ptr<Watch> Subscribe(int64_t after_revision, std::function<void()> wake);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One thread at a time.
class Board::Watch {
 public:
  struct Change {
    v1::WatchIncidentsResponse::Type type;         // ADDED, MODIFIED, DELETED or BOOKMARK
    std::shared_ptr<const v1::Incident> incident;  // null for BOOKMARK; shared between watchers
    int64_t revision;  // resume point once this change has been handled; never goes back
  };
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // What changed since the last Take, about `max` (all of one revision come together), each
  // incident once at its latest; empty: nothing now, wait for `wake`. After an error the watch is
  // dead: RESOURCE_EXHAUSTED: it fell too far behind; revision() is where to resume. OUT_OF_RANGE:
  // what happened since `after_revision` is not known any more, or not yet. UNAVAILABLE: the store
  // cannot read.
  absl::StatusOr<std::vector<Change>> Take(size_t max);

  // The resume point: everything up to here has been taken. Moves on without changes, too.
  int64_t revision() const;

  struct Impl;  // known to board.cc only
  explicit Watch(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace tocsin::api
