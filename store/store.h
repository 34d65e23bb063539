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

namespace tocsin::store {

struct Options {
  std::string dir;                    // created if missing
  size_t block_cache_bytes = 64 << 20;
  // How long resolved incidents are kept, in event time against the frontier.
  Duration retention = std::chrono::hours(30 * 24);
};

// One atomic change of everything that is kept: what the fold decided, and how far it had read when it
// did. Either all of it is durable or none.
struct WriteSet {
  std::vector<std::pair<std::string, state::v1::Row>> rows;  // unsettled, by RowKey; replaced whole
  std::vector<std::string> rows_deleted;                     // settled, by RowKey
  std::vector<state::v1::Problem> problems;                  // replaced whole
  std::vector<std::string> problems_deleted;                 // ids, as ProblemId() gives them
  std::vector<v1::Incident> incidents;                       // replaced whole; carry their revision
  std::vector<std::string> incidents_deleted;                // names
  std::vector<std::pair<std::string, std::string>> aliases;  // another name -> name
  std::vector<state::v1::Tally> tallies;                     // added to what is there
  std::vector<state::v1::Position> positions;                // replaced whole, by (source, partition)
  std::optional<Time> frontier;                              // never goes back
  std::optional<int64_t> revision;
  bool sync = false;  // fsync the log before returning: for answers that promise durability

  bool empty() const;
};

// "cluster\0signature@kind/name": the key of a problem, unique over clusters.
std::string ProblemId(const state::v1::Problem& problem);

// The RocksDB database under --data-dir. Keys and values: FORMAT.md.
// One writer (the fold); any number of readers in any thread. Reads see whole commits only.
class Store {
 public:
  // Opens or creates. FAILED_PRECONDITION: another process holds it, or a newer release wrote it.
  // UNAVAILABLE: the disk says no. DATA_LOSS: RocksDB finds it corrupt.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // A random id made when the store was created: what Kafka's group metadata carries.
  virtual const std::string& id() const = 0;

  // --- the fold's side ---
  // UNAVAILABLE when the disk is full or failing: nothing was written, try the same set again later.
  virtual absl::Status Commit(const WriteSet& set) = 0;

  // Everything the fold must have in memory to go on. Each visitor is called once per stored value.
  struct Visitor {
    std::function<void(std::string key, state::v1::Row)> row;
    std::function<void(state::v1::Problem)> problem;
    std::function<void(v1::Incident)> incident;  // all that are not yet expired, resolved ones too
    std::function<void(state::v1::Tally)> tally;
  };
  virtual absl::Status Load(const Visitor& visitor) const = 0;
  virtual absl::StatusOr<std::vector<state::v1::Position>> Positions() const = 0;
  virtual Time frontier() const = 0;      // as of the last commit
  virtual int64_t revision() const = 0;
  // Forgets all positions; the next start reads the topics from their beginning.
  virtual absl::Status ResetPositions() = 0;

  // --- the query layer's side ---
  // NOT_FOUND if no incident or alias has this name.
  virtual absl::StatusOr<v1::Incident> GetIncident(std::string_view name) const = 0;
  // Calls `visit` for incidents of `cluster` (all clusters if empty) in name order until it returns
  // false. One consistent snapshot.
  virtual absl::Status ScanIncidents(std::string_view cluster,
                                     const std::function<bool(const v1::Incident&)>& visit) const = 0;
  // Incidents whose latest revision is greater than `after`, in order of revision.
  virtual absl::Status ScanChanges(int64_t after,
                                   const std::function<bool(const v1::Incident&)>& visit) const = 0;
  // Nodes in (cluster, node) order, starting after `start_after` ("cluster\0node", empty: from the
  // beginning), each with its streams; `open_incidents` is left empty.
  virtual absl::Status ScanNodes(std::string_view cluster, std::string_view start_after,
                                 const std::function<bool(const v1::Node&)>& visit) const = 0;
  virtual absl::StatusOr<v1::Node> GetNode(std::string_view cluster, std::string_view node) const = 0;

  struct Stats {
    uint64_t disk_bytes = 0;
    uint64_t memory_bytes = 0;
    uint64_t keys_estimated = 0;
  };
  virtual Stats GetStats() const = 0;

 protected:
  Store() = default;
};

}  // namespace tocsin::store
