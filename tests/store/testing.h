// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/row.h"
#include "base/status.h"
#include "store/store.h"

// What the store's tests share: a directory each, short makers, and the whole content as plain
// maps.
namespace tocsin::store {

class TempDir {
 public:
  TempDir() {
    std::string path = testing::TempDir() + "/tocsin-store-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::unique_ptr<Store> MustOpen(const Options& options) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? std::move(*store) : nullptr;
}
inline std::unique_ptr<Store> MustOpen(const std::string& dir) {
  Options options;
  options.dir = dir;
  return MustOpen(options);
}

inline Time At(int64_t second) { return Time(seconds(second)); }

inline v1::Incident MakeIncident(std::string_view name, int64_t revision, int64_t resolved_s = 0) {
  v1::Incident incident;
  incident.set_name(std::string(name));
  incident.set_revision(revision);
  incident.set_state(resolved_s == 0 ? v1::Incident::OPEN : v1::Incident::RESOLVED);
  if (resolved_s != 0) incident.mutable_resolve_time()->set_seconds(resolved_s);
  return incident;
}

inline state::v1::Problem MakeProblem(std::string_view entity, int64_t hits,
                                      int64_t cleared_s = 0) {
  state::v1::Problem problem;
  problem.set_cluster("c");
  problem.set_signature("sig");
  problem.set_entity(std::string(entity));
  problem.set_hits(hits);
  problem.set_active(cleared_s == 0);
  problem.set_cleared(cleared_s * 1'000'000'000);
  return problem;
}

inline state::v1::Tally MakeTally(std::string_view cluster, std::string_view node, uint32_t stream,
                                  int64_t lines, int64_t first, int64_t last) {
  state::v1::Tally tally;
  tally.set_cluster(std::string(cluster));
  tally.set_node(std::string(node));
  tally.set_stream(stream);
  tally.set_lines(lines);
  tally.set_bytes(lines * 100);
  tally.set_first(first);
  tally.set_last(last);
  return tally;
}

inline state::v1::Position MakePosition(std::string_view source, int32_t partition, int64_t next) {
  state::v1::Position position;
  position.set_source(std::string(source));
  position.set_partition(partition);
  position.set_next_hit(next);
  position.set_next_tally(next);
  return position;
}

inline state::v1::Row MakeRow(std::string_view entity, int64_t slot, int64_t hits) {
  state::v1::Row row;
  row.set_cluster("c");
  row.set_node("n");
  row.set_signature("sig");
  row.set_entity(std::string(entity));
  row.set_slot(slot);
  row.set_hits(hits);
  return row;
}

// Everything that a store shows, serialized, so that two stores compare with ==.
struct Content {
  std::map<std::string, std::string> rows, problems, incidents, tallies, positions;
  int64_t frontier = 0;
  int64_t revision = 0;

  friend bool operator==(const Content&, const Content&) = default;
};

inline std::string TallyId(const state::v1::Tally& tally) {
  return tally.cluster() + "|" + tally.node() + "|" + std::to_string(tally.stream());
}
inline std::string PositionId(const state::v1::Position& position) {
  return position.source() + "|" + std::to_string(position.partition());
}

inline Content ReadAll(const Store& store) {
  Content content;
  Store::Visitor visitor;
  visitor.row = [&](std::string key, state::v1::Row row) {
    content.rows[key] = row.SerializeAsString();
  };
  visitor.problem = [&](state::v1::Problem problem) {
    content.problems[ProblemId(problem)] = problem.SerializeAsString();
  };
  visitor.incident = [&](v1::Incident incident) {
    content.incidents[incident.name()] = incident.SerializeAsString();
  };
  visitor.tally = [&](state::v1::Tally tally) {
    content.tallies[TallyId(tally)] = tally.SerializeAsString();
  };
  absl::Status loaded = store.Load(visitor);
  EXPECT_TRUE(loaded.ok()) << loaded;
  absl::StatusOr<std::vector<state::v1::Position>> positions = store.Positions();
  EXPECT_TRUE(positions.ok()) << positions.status();
  if (positions.ok()) {
    for (const state::v1::Position& position : *positions) {
      content.positions[PositionId(position)] = position.SerializeAsString();
    }
  }
  content.frontier = ToNanos(store.frontier());
  content.revision = store.revision();
  return content;
}

inline std::vector<std::string> Names(const Store& store, std::string_view cluster) {
  std::vector<std::string> names;
  absl::Status status = store.ScanIncidents(cluster, [&](const v1::Incident& incident) {
    names.push_back(incident.name());
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return names;
}

// (name, revision) of the changes after `after`.
inline std::vector<std::pair<std::string, int64_t>> Changes(const Store& store, int64_t after) {
  std::vector<std::pair<std::string, int64_t>> changes;
  absl::Status status = store.ScanChanges(after, [&](const v1::Incident& incident) {
    changes.emplace_back(incident.name(), incident.revision());
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return changes;
}

}  // namespace tocsin::store
