// SPDX-License-Identifier: Apache-2.0
#include "api/watch_stream.h"

#include <functional>
#include <utility>

#include "base/status.h"

namespace tocsin::api {

using v1::WatchIncidentsResponse;

WatchStream::WatchStream(std::unique_ptr<Board::Watch> watch, std::string cluster, Filter filter,
                         bool resumed, std::function<void(v1::Incident&)> mark)
    : watch_(std::move(watch)),
      prefix_(cluster.empty() ? "" : "clusters/" + cluster + "/"),
      filter_(std::move(filter)),
      resumed_(resumed),
      mark_(std::move(mark)) {}

absl::StatusOr<std::vector<WatchIncidentsResponse>> WatchStream::Next(size_t max) {
  std::vector<WatchIncidentsResponse> out;
  while (out.empty()) {
    ASSIGN_OR_RETURN(std::vector<Board::Watch::Change> changes, watch_->Take(max));
    if (changes.empty()) break;
    for (const Board::Watch::Change& change : changes) {
      WatchIncidentsResponse response;
      if (Translate(change, response)) out.push_back(std::move(response));
    }
  }
  return out;
}

WatchIncidentsResponse WatchStream::Bookmark() const {
  WatchIncidentsResponse bookmark;
  bookmark.set_type(WatchIncidentsResponse::BOOKMARK);
  bookmark.set_revision(watch_->revision());
  return bookmark;
}

bool WatchStream::Translate(const Board::Watch::Change& change, WatchIncidentsResponse& out) {
  out.set_type(change.type);
  out.set_revision(change.revision);
  if (change.type == WatchIncidentsResponse::BOOKMARK) return true;
  const v1::Incident& incident = *change.incident;
  if (!incident.name().starts_with(prefix_)) return false;
  if (!filter_.empty()) {
    const size_t name = std::hash<std::string>()(incident.name());
    const bool shown = shown_.contains(name);
    if (change.type != WatchIncidentsResponse::DELETED && filter_.Matches(incident)) {
      // To a client that never had it, or had it taken away, it is new.
      if (!shown && (!resumed_ || gone_.contains(name)))
        out.set_type(WatchIncidentsResponse::ADDED);
      if (shown) out.set_type(WatchIncidentsResponse::MODIFIED);
      shown_.insert(name);
      gone_.erase(name);
    } else {
      if (!shown && (!resumed_ || !gone_.insert(name).second)) return false;
      shown_.erase(name);
      if (resumed_) gone_.insert(name);
      out.set_type(WatchIncidentsResponse::DELETED);
    }
  }
  *out.mutable_incident() = incident;
  if (mark_) mark_(*out.mutable_incident());
  return true;
}

}  // namespace tocsin::api
