// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/time.h"
#include "tocsin/state/v1/state.pb.h"
#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/node.pb.h"
#include "tocsin/v1/silence.pb.h"

namespace rocksdb {
class Env;
}

namespace tocsin::store {

struct Options {
  std::string dir;  // created if missing
  size_t block_cache_bytes = 64 << 20;
  // How long resolved incidents are kept, in event time against the frontier. Open ones stay for
  // ever.
  Duration retention = std::chrono::hours(30 * 24);
  // How long cleared problems are kept, likewise.
  Duration problem_retention = std::chrono::hours(24);
  rocksdb::Env* env = nullptr;  // for tests that break the disk; outlives the store
};

// One atomic change of everything that is kept: what the fold decided, and how far it had read when
// it did. Either all of it is durable or none. Deletions are applied first: what stands in a
// `..._deleted` list and is also written is kept. Where one key is written twice, the last counts.
//
// Rows and problems keep any bytes. Incidents, aliases and tallies are what clients see: NULs
// and bytes that are not UTF-8 become U+FFFD in them, names included.
struct WriteSet {
  std::vector<std::pair<std::string, state::v1::Row>> rows;  // unsettled, by RowKey; replaced whole
  std::vector<std::string> rows_deleted;                     // settled, by RowKey
  std::vector<state::v1::Problem> problems;                  // replaced whole
  std::vector<std::string> problems_deleted;                 // ids, as ProblemId() gives them
  std::vector<v1::Incident> incidents;                       // replaced whole; carry their revision
  std::vector<std::string> incidents_deleted;                // names
  std::vector<std::pair<std::string, std::string>> aliases;  // another name -> name
  std::vector<v1::Silence> silences;                         // replaced whole
  std::vector<std::string> silences_deleted;                 // names
  std::vector<state::v1::Tally> tallies;                     // added to what is there
  std::vector<state::v1::Position> positions;  // replaced whole, by (source, partition)
  std::optional<Time> frontier;                // never goes back
  std::optional<int64_t> revision;
  bool sync = false;  // fsync the log before returning: for answers that promise durability

  bool empty() const;
};

// tocsin::ProblemKey(): the key of a problem, unique over clusters.
std::string ProblemId(const state::v1::Problem& problem);

// The RocksDB database under --data-dir. Keys and values: FORMAT.md.
// One writer (the fold); any number of readers in any thread. Reads see whole commits only, and go
// on while the disk refuses writes. A visitor runs inside the read: it must be quick and must not
// call the store, which may be waiting for it in order to reopen the database.
//
// What is expired (Options) is absent on every read from the commit on that moved the frontier past
// it; the space comes back in small steps with later commits.
//
// Every method may also return UNAVAILABLE (the disk fails) or DATA_LOSS (stored bytes do not mean
// what they should; the message names family and key).
class Store {
 public:
  // Opens or creates. FAILED_PRECONDITION: another process holds it, or a newer release wrote it;
  // the message says what to do. UNAVAILABLE: the disk says no. DATA_LOSS: files are missing or
  // corrupt. A log that is torn or damaged is no error: the store opens as of the last whole commit
  // before it.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // A random id made when the store was created: what Kafka's group metadata carries.
  virtual const std::string& id() const = 0;

  // --- the fold's side ---
  // Durable against kill -9 when it returns, against power loss only with `sync` (or once a later
  // commit was synced). UNAVAILABLE when the disk is full or failing: nothing is visible; call
  // again with the same set until it works, and pause between tries. Each try first probes the disk
  // and, once that works, reopens the database. If the failed try turns out to have become durable
  // after all, the same set is not applied again; another set is refused with FAILED_PRECONDITION,
  // after which only a fresh start from the store's state is right. Dies if frontier or revision go
  // back.
  virtual absl::Status Commit(const WriteSet& set) = 0;

  // Everything the fold must have in memory to go on. Each visitor is called once per stored value.
  struct Visitor {
    std::function<void(std::string key, state::v1::Row)> row;
    std::function<void(state::v1::Problem)> problem;
    std::function<void(v1::Incident)> incident;  // all that are not yet expired, resolved ones too
    std::function<void(state::v1::Tally)> tally;
    std::function<void(v1::Silence)> silence;
  };
  // Rows, problems, incidents, tallies, silences, each in the order of their keys; visitors left
  // empty are skipped.
  virtual absl::Status Load(const Visitor& visitor) const = 0;
  virtual absl::StatusOr<std::vector<state::v1::Position>> Positions() const = 0;
  virtual Time frontier() const = 0;  // as of the last commit
  virtual int64_t revision() const = 0;
  // Forgets all positions; the next start reads the topics from their beginning. Synced.
  virtual absl::Status ResetPositions() = 0;

  // --- the query layer's side ---
  // By name, else by alias (followed through any merges), else by a prefix of the id, which may be
  // an incident's or an alias's and must lead to one incident: INVALID_ARGUMENT with the candidates
  // if it leads to several. "clusters/-/incidents/ID" and a bare "ID" look in all clusters, at the
  // cost of a walk over all names. INVALID_ARGUMENT if it is no incident's name, NOT_FOUND if there
  // is none.
  virtual absl::StatusOr<v1::Incident> GetIncident(std::string_view name) const = 0;
  // Calls `visit` for incidents of `cluster` (all clusters if empty) in name order until it returns
  // false. One consistent snapshot.
  virtual absl::Status ScanIncidents(
      std::string_view cluster, const std::function<bool(const v1::Incident&)>& visit) const = 0;
  // Incidents whose latest revision is greater than `after`, in order of revision, then name; each
  // once.
  virtual absl::Status ScanChanges(int64_t after,
                                   const std::function<bool(const v1::Incident&)>& visit) const = 0;
  // Nodes in (cluster, node) order, starting after `start_after` ("cluster\0node", empty: from the
  // beginning), each with its streams in the order of their numbers; `open_incidents` is left
  // empty.
  virtual absl::Status ScanNodes(std::string_view cluster, std::string_view start_after,
                                 const std::function<bool(const v1::Node&)>& visit) const = 0;
  // NOT_FOUND if nothing was ever heard of it.
  virtual absl::StatusOr<v1::Node> GetNode(std::string_view cluster,
                                           std::string_view node) const = 0;

  struct Stats {
    uint64_t disk_bytes = 0;    // of the directory
    uint64_t memory_bytes = 0;  // write buffers, block cache, open tables
    uint64_t keys_estimated = 0;
  };
  virtual Stats GetStats() const = 0;

 protected:
  Store() = default;
};

}  // namespace tocsin::store
