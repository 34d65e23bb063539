// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
// coalesced to the latest version of each incident, and dropped with its resume point when even that
// passes its capacity.
class Board {
 public:
  explicit Board(const store::Store& store);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  // Called by the fold after each commit, in revision order. `settled` were written in this commit;
  // `live` is the whole overlay that holds from now on and replaces the previous one (incidents that
  // were in the previous overlay and are in neither list are shown again as the store has them, or
  // withdrawn as DELETED if it has none).
  void Publish(int64_t revision, const std::vector<v1::Incident>& settled,
               std::vector<v1::Incident> live);

  int64_t revision() const;

  // The incident as it is shown now, by name or alias.
  absl::StatusOr<v1::Incident> Get(std::string_view name) const;
  // Every incident of `cluster` (all if empty) as shown now, overlay over store, in name order, until
  // `visit` returns false. The revision it holds for is returned.
  absl::StatusOr<int64_t> Scan(std::string_view cluster,
                               const std::function<bool(const v1::Incident&)>& visit) const;

  // A watcher. `wake` is called from the fold's thread, must not block and must not call back into the
  // board; the watcher then drains with Take() on its own thread. The subscription ends with the handle.
  class Watch;
  std::unique_ptr<Watch> Subscribe(int64_t after_revision, std::function<void()> wake);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Board::Watch {
 public:
  struct Change {
    v1::WatchIncidentsResponse::Type type;
    v1::Incident incident;
    int64_t revision;
  };
  ~Watch();
  // What changed since the last Take, at most `max`, each incident once at its latest. RESOURCE_EXHAUSTED
  // with the resume revision in the message once the watcher fell too far behind.
  absl::StatusOr<std::vector<Change>> Take(size_t max);
  int64_t revision() const;  // resume point: everything up to here has been taken

 private:
  friend class Board;
  struct Impl;
  explicit Watch(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace tocsin::api
