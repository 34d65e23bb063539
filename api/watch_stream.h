// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"

#include "api/board.h"
#include "api/filter.h"

namespace tocsin::api {

// WatchIncidents without the wire: a watch of the board, seen through a parent and a filter. An
// incident that no longer matches is DELETED from the stream, one that begins to match is ADDED to
// it. One thread at a time.
class WatchStream {
 public:
  // `cluster` empty: all. `resumed`: the client holds incidents that this stream has not sent, so
  // what does not match is DELETED once even if it may never have matched.
  // `mark` completes what is sent; may be empty.
  WatchStream(std::unique_ptr<Board::Watch> watch, std::string cluster, Filter filter, bool resumed,
              std::function<void(v1::Incident&)> mark = nullptr);

  // What there is to send, at most about `max` changes' worth; empty: wait for `wake`. Errors as in
  // Board::Watch::Take.
  absl::StatusOr<std::vector<v1::WatchIncidentsResponse>> Next(size_t max);
  // A BOOKMARK at the present resume point.
  v1::WatchIncidentsResponse Bookmark() const;

 private:
  // What to send for `change`, if anything.
  bool Translate(const Board::Watch::Change& change, v1::WatchIncidentsResponse& out);

  std::unique_ptr<Board::Watch> watch_;
  const std::string prefix_;  // "clusters/C/", or empty
  const Filter filter_;
  const bool resumed_;
  const std::function<void(v1::Incident&)> mark_;
  // Hashes of names, kept only with a filter: what the client was shown and holds, and, where it
  // may hold more than that, what it was told to let go of.
  std::unordered_set<size_t> shown_;
  std::unordered_set<size_t> gone_;
};

}  // namespace tocsin::api
