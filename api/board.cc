// SPDX-License-Identifier: Apache-2.0
#include "api/board.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "absl/container/btree_set.h"

#include "api/error.h"
#include "api/watch_queue.h"
#include "base/status.h"

// The overlay is an immutable map that Publish replaces: a reader holds on to the one it began with
// and never sees half of a commit. Publish is the only writer, so what it computes before taking
// the lock (what changed against the previous overlay) cannot be overtaken.
namespace tocsin::api {
namespace {

using v1::Incident;
using v1::WatchIncidentsResponse;

struct Live {
  std::shared_ptr<const Incident> incident;
  std::string content;  // serialised without what changes in every commit
};
using Overlay = std::map<std::string, Live, std::less<>>;

// What says whether two versions look the same to a client.
std::string ContentOf(Incident& incident) {
  int64_t revision = incident.revision();
  std::string etag = std::move(*incident.mutable_etag());
  incident.clear_revision();
  incident.clear_etag();
  std::string content = incident.SerializeAsString();
  incident.set_revision(revision);
  if (!etag.empty()) incident.set_etag(std::move(etag));
  return content;
}

// "clusters/C/incidents/ID": its id; the whole of anything without a slash.
std::string_view IdOf(std::string_view name) { return name.substr(name.rfind('/') + 1); }

// Whether `prefix` (of a full name, with "-" for any cluster, or of a bare id) begins `name`.
bool IsPrefixOf(std::string_view prefix, std::string_view name) {
  if (IdOf(prefix).empty()) return false;
  if (prefix.find('/') == std::string_view::npos) return IdOf(name).starts_with(prefix);
  constexpr std::string_view kAny = "clusters/-/incidents/";
  if (prefix.starts_with(kAny)) return IdOf(name).starts_with(prefix.substr(kAny.size()));
  return name.starts_with(prefix);
}

}  // namespace

struct Board::Impl {
  const store::Store& store;
  const Options options;

  mutable std::mutex mu;
  // All below are guarded by mu; of *overlay only the pointer.
  int64_t revision = 0;
  std::shared_ptr<const Overlay> overlay = std::make_shared<Overlay>();
  absl::btree_set<std::string> names;  // of everything shown: what tells ADDED from MODIFIED
  // What left the overlay without being written, or left the store, and at which revision: the
  // changes that the store cannot tell a watcher who resumes.
  std::deque<std::pair<int64_t, std::string>> departures;
  int64_t oldest_resume = 0;  // from here on `departures` is complete
  std::vector<std::weak_ptr<WatchQueue>> queues;

  Impl(const store::Store& s, const Options& o) : store(s), options(o) {}

  std::shared_ptr<const Overlay> Snapshot(int64_t* at = nullptr) const {
    std::lock_guard lock(mu);
    if (at != nullptr) *at = revision;
    return overlay;
  }
  void Depart(int64_t at, const std::string& name);  // mu held
};

void Board::Impl::Depart(int64_t at, const std::string& name) {
  departures.emplace_back(at, name);
  while (departures.size() > options.departures_max) {
    oldest_resume = departures.front().first + 1;
    departures.pop_front();
  }
}

Board::Board(const store::Store& store) : Board(store, Options()) {}

Board::Board(const store::Store& store, const Options& options)
    : impl_(std::make_unique<Impl>(store, options)) {
  impl_->revision = impl_->oldest_resume = store.revision();
  // A store that cannot be read now has said so to the fold; at worst a MODIFIED comes as ADDED.
  store
      .ScanIncidents("",
                     [this](const Incident& incident) {
                       impl_->names.insert(incident.name());
                       return true;
                     })
      .IgnoreError();
}

Board::~Board() = default;

int64_t Board::revision() const {
  std::lock_guard lock(impl_->mu);
  return impl_->revision;
}

void Board::Publish(int64_t revision, const std::vector<Incident>& settled,
                    std::vector<Incident> live, const std::vector<std::string>& deleted) {
  std::shared_ptr<const Overlay> before = impl_->Snapshot();
  auto overlay = std::make_shared<Overlay>();
  std::vector<std::shared_ptr<const Incident>> changed;
  std::unordered_set<std::string_view> told;  // names in `settled` and `deleted`
  for (Incident& incident : live) {
    if (incident.revision() == 0) incident.set_revision(revision);
    std::string content = ContentOf(incident);
    std::string name = incident.name();
    auto old = before->find(name);
    if (old != before->end() && old->second.content == content) {
      (*overlay)[name] = old->second;
    } else {
      auto shared = std::make_shared<const Incident>(std::move(incident));
      changed.push_back(shared);
      (*overlay)[name] = {std::move(shared), std::move(content)};
    }
  }
  for (const Incident& incident : settled) {
    if (overlay->contains(incident.name())) continue;
    changed.push_back(std::make_shared<const Incident>(incident));
    told.insert(incident.name());
  }
  std::vector<std::shared_ptr<const Incident>> gone;
  std::vector<std::string> reverted;
  for (const std::string& name : deleted) {
    if (overlay->contains(name) || !told.insert(name).second) continue;
    auto old = before->find(name);
    if (old != before->end()) {
      gone.push_back(old->second.incident);
    } else {
      Incident shell;
      shell.set_name(name);
      gone.push_back(std::make_shared<const Incident>(std::move(shell)));
    }
  }
  // What was live and is not any more falls back to what the store has.
  for (const auto& [name, old] : *before) {
    if (overlay->contains(name) || told.contains(name)) continue;
    absl::StatusOr<Incident> stored = impl_->store.GetIncident(name);
    if (stored.ok() && stored->name() == name) {
      reverted.push_back(name);
      changed.push_back(std::make_shared<const Incident>(*std::move(stored)));
    } else if (stored.ok() || absl::IsNotFound(stored.status())) {
      gone.push_back(old.incident);
    } else {
      overlay->emplace(name,
                       old);  // the store cannot say now: shown as it was, asked again next time
    }
  }

  std::vector<WatchQueue::Event> events;
  events.reserve(changed.size() + gone.size());
  std::vector<std::shared_ptr<WatchQueue>> queues;
  {
    std::lock_guard lock(impl_->mu);
    impl_->revision = std::max(impl_->revision, revision);
    impl_->overlay = std::move(overlay);
    for (auto& incident : changed) {
      bool is_new = impl_->names.insert(incident->name()).second;
      events.push_back({is_new ? WatchIncidentsResponse::ADDED : WatchIncidentsResponse::MODIFIED,
                        std::move(incident)});
    }
    for (const std::string& name : reverted) impl_->Depart(revision, name);
    for (auto& incident : gone) {
      impl_->names.erase(incident->name());
      impl_->Depart(revision, incident->name());
      events.push_back({WatchIncidentsResponse::DELETED, std::move(incident)});
    }
    std::erase_if(impl_->queues, [&](const std::weak_ptr<WatchQueue>& weak) {
      std::shared_ptr<WatchQueue> queue = weak.lock();
      if (queue == nullptr) return true;
      queues.push_back(std::move(queue));
      return false;
    });
  }
  for (const auto& queue : queues) queue->Push(events, revision);
}

absl::StatusOr<Incident> Board::Get(std::string_view name) const {
  std::shared_ptr<const Overlay> overlay = impl_->Snapshot();
  if (auto live = overlay->find(name); live != overlay->end()) return *live->second.incident;
  absl::StatusOr<Incident> stored = impl_->store.GetIncident(name);
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored;
  // The store follows aliases and prefixes of what it has; what is only live can match as well.
  if (!stored.ok() || (stored->name() != name && IsPrefixOf(name, stored->name()))) {
    const Incident* found = stored.ok() ? &*stored : nullptr;
    for (const auto& [key, live] : *overlay) {
      if (!IsPrefixOf(name, key)) continue;
      if (found != nullptr && found->name() != key) {
        return BadField("name",
                        fmt::format("{} is the beginning of several names, {} and {} among them",
                                    Quoted(name), found->name(), key),
                        "AMBIGUOUS_NAME");
      }
      found = live.incident.get();
    }
    if (found == nullptr) return stored;
    return Incident(*found);
  }
  if (auto live = overlay->find(stored->name()); live != overlay->end()) {
    return *live->second.incident;
  }
  return stored;
}

absl::StatusOr<int64_t> Board::Scan(std::string_view cluster,
                                    const std::function<bool(const Incident&)>& visit) const {
  int64_t revision = 0;
  std::shared_ptr<const Overlay> overlay = impl_->Snapshot(&revision);
  bool more = true;
  size_t seen = 0;
  // Names of the overlay that the store has as well: pointers into *overlay.
  std::vector<const std::string*> both;
  RETURN_IF_ERROR(impl_->store.ScanIncidents(cluster, [&](const Incident& incident) {
    ++seen;
    auto live = overlay->empty() ? overlay->end() : overlay->find(incident.name());
    if (live == overlay->end()) return more = visit(incident);
    both.push_back(&live->first);
    return more = visit(*live->second.incident);
  }));
  std::sort(both.begin(), both.end());
  for (auto live = overlay->begin(); more && live != overlay->end(); ++live) {
    const Incident& incident = *live->second.incident;
    if (!cluster.empty() && incident.cluster() != cluster) continue;
    if (std::binary_search(both.begin(), both.end(), &live->first)) continue;
    more = visit(incident);
  }
  return revision;
}

// --- watching
// -----------------------------------------------------------------------------------------

struct Board::Watch::Impl {
  enum class Phase { kRefused, kEverything, kChanges, kOverlay, kFollowing };

  const Board* board;
  std::shared_ptr<WatchQueue> queue;
  int64_t after;   // what the watcher has seen
  int64_t joined;  // the revision from which on `queue` holds everything
  Phase phase;
  absl::Status error;
  std::string cursor;                      // kEverything: last name delivered
  int64_t cursor_revision;                 // kChanges: last revision delivered
  std::vector<std::string> departed;       // kChanges: to be told as they are by now
  std::shared_ptr<const Overlay> overlay;  // kChanges, kOverlay: as it was at `joined`

  absl::Status TakeEverything(size_t max, std::vector<Change>& out);
  absl::Status TakeChanges(size_t max, std::vector<Change>& out);
  void Follow(std::vector<Change>& out);
};

// Which names there are is read from the board in steps, each incident as it is shown by then: no
// snapshot has to be held for a slow reader. What changes meanwhile waits in the queue.
absl::Status Board::Watch::Impl::TakeEverything(size_t max, std::vector<Change>& out) {
  std::vector<std::string> names;
  {
    std::lock_guard lock(board->impl_->mu);
    const auto& all = board->impl_->names;
    for (auto it = all.upper_bound(cursor); it != all.end() && names.size() < max; ++it) {
      names.push_back(*it);
    }
  }
  for (std::string& name : names) {
    absl::StatusOr<Incident> incident = board->Get(name);
    cursor = std::move(name);
    if (incident.ok() && incident->name() == cursor) {
      out.push_back({WatchIncidentsResponse::ADDED,
                     std::make_shared<const Incident>(*std::move(incident)), after});
    } else if (!incident.ok() && !absl::IsNotFound(incident.status())) {
      return incident.status();
    }  // else it has expired or was withdrawn since
  }
  if (names.size() < max) Follow(out);
  return absl::OkStatus();
}

absl::Status Board::Watch::Impl::TakeChanges(size_t max, std::vector<Change>& out) {
  for (const std::string& name : departed) {
    if (overlay->contains(name)) continue;  // is back, and told with the overlay
    absl::StatusOr<Incident> incident = board->Get(name);
    auto type = WatchIncidentsResponse::MODIFIED;
    if (!incident.ok() || incident->name() != name) {
      if (!incident.ok() && !absl::IsNotFound(incident.status())) return incident.status();
      type = WatchIncidentsResponse::DELETED;
      incident = Incident();
      incident->set_name(name);
    }
    out.push_back({type, std::make_shared<const Incident>(*std::move(incident)), after});
  }
  departed.clear();
  bool complete = true;
  RETURN_IF_ERROR(board->impl_->store.ScanChanges(cursor_revision, [&](const Incident& incident) {
    if (incident.revision() > joined) return false;  // waits in the queue
    if (out.size() >= max && incident.revision() > cursor_revision) {
      complete = false;
      return false;
    }
    cursor_revision = incident.revision();
    if (!overlay->contains(incident.name())) {
      out.push_back(
          {WatchIncidentsResponse::MODIFIED, std::make_shared<const Incident>(incident), after});
    }
    return true;
  }));
  if (complete) phase = Phase::kOverlay;
  return absl::OkStatus();
}

void Board::Watch::Impl::Follow(std::vector<Change>& out) {
  phase = Phase::kFollowing;
  overlay = nullptr;
  queue->Start();
  out.push_back({WatchIncidentsResponse::BOOKMARK, nullptr, joined});
}

Board::Watch::Watch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Board::Watch::~Watch() { impl_->queue->Close(); }

std::unique_ptr<Board::Watch> Board::Subscribe(int64_t after_revision, std::function<void()> wake) {
  auto watch = std::make_shared<Watch::Impl>();
  watch->board = this;
  watch->after = watch->cursor_revision = after_revision;
  std::lock_guard lock(impl_->mu);
  watch->joined = impl_->revision;
  watch->overlay = impl_->overlay;
  watch->queue = std::make_shared<WatchQueue>(impl_->options.watch_capacity, impl_->revision,
                                              after_revision, std::move(wake));
  if (after_revision == 0) {
    watch->phase = Watch::Impl::Phase::kEverything;
  } else if (after_revision < impl_->oldest_resume || after_revision > impl_->revision) {
    bool past = after_revision > impl_->revision;
    watch->phase = Watch::Impl::Phase::kRefused;
    watch->error = WithReason(
        Error(absl::StatusCode::kOutOfRange,
              "revision {} is {}; list again, or watch from revision 0", after_revision,
              past ? "later than anything that happened here" : "too old to resume from"),
        past ? "REVISION_UNKNOWN" : "REVISION_COMPACTED",
        {{"revision", std::to_string(after_revision)},
         {"current", std::to_string(impl_->revision)},
         {"oldest", std::to_string(impl_->oldest_resume)}});
    return std::make_unique<Watch>(std::move(watch));
  } else {
    watch->phase = Watch::Impl::Phase::kChanges;
    std::unordered_set<std::string_view> told;
    for (const auto& [revision, name] : impl_->departures) {
      // At `after` itself too: the overlay may have changed within a revision.
      if (revision >= after_revision && told.insert(name).second) watch->departed.push_back(name);
    }
  }
  impl_->queues.push_back(watch->queue);
  return std::make_unique<Watch>(std::move(watch));
}

absl::StatusOr<std::vector<Board::Watch::Change>> Board::Watch::Take(size_t max) {
  if (max == 0) return std::vector<Change>();
  if (!impl_->error.ok()) return impl_->error;
  std::vector<Change> out;
  while (out.empty() && impl_->phase != Impl::Phase::kFollowing) {
    impl_->error = impl_->queue->status();
    if (impl_->error.ok()) {
      if (impl_->phase == Impl::Phase::kEverything) {
        impl_->error = impl_->TakeEverything(max, out);
      } else if (impl_->phase == Impl::Phase::kChanges) {
        impl_->error = impl_->TakeChanges(max, out);
      } else {
        for (const auto& [name, live] : *impl_->overlay) {
          out.push_back({WatchIncidentsResponse::MODIFIED, live.incident, impl_->after});
        }
        impl_->Follow(out);
      }
    }
    if (!impl_->error.ok()) return impl_->error;
  }
  if (!out.empty()) return out;
  absl::StatusOr<std::vector<Change>> changes = impl_->queue->Take(max);
  if (!changes.ok()) impl_->error = changes.status();
  return changes;
}

int64_t Board::Watch::revision() const { return impl_->queue->revision(); }

}  // namespace tocsin::api
