// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/store.h"

namespace tocsin::api {

// The reader's side of a store, in memory: what the api tests need, with errors on demand.
// Thread-safe.
class FakeStore final : public store::Store {
 public:
  // Commits one incident (or several) at the next revision, which is returned.
  int64_t Put(std::vector<v1::Incident> incidents) {
    store::WriteSet set;
    set.incidents = std::move(incidents);
    set.revision = revision() + 1;
    for (v1::Incident& incident : set.incidents) incident.set_revision(*set.revision);
    TOCSIN_CHECK(Commit(set).ok());
    return *set.revision;
  }
  void PutNode(v1::Node node) {
    std::lock_guard lock(mu_);
    nodes_[{node.cluster(), node.node()}] = std::move(node);
  }
  // From now on every read fails with this; OK ends it.
  void FailReads(absl::Status status) {
    std::lock_guard lock(mu_);
    failure_ = std::move(status);
  }

  const std::string& id() const override { return id_; }
  absl::Status Commit(const store::WriteSet& set) override {
    std::lock_guard lock(mu_);
    for (const std::string& name : set.incidents_deleted) incidents_.erase(name);
    for (const v1::Incident& incident : set.incidents) incidents_[incident.name()] = incident;
    for (const auto& [alias, name] : set.aliases) aliases_[alias] = name;
    if (set.revision) revision_ = *set.revision;
    return absl::OkStatus();
  }
  absl::Status Load(const Visitor&) const override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<state::v1::Position>> Positions() const override {
    return std::vector<state::v1::Position>();
  }
  Time frontier() const override { return kNoTime; }
  int64_t revision() const override {
    std::lock_guard lock(mu_);
    return revision_;
  }
  absl::Status ResetPositions() override { return absl::OkStatus(); }

  absl::StatusOr<v1::Incident> GetIncident(std::string_view name) const override {
    std::lock_guard lock(mu_);
    RETURN_IF_ERROR(failure_);
    auto alias = aliases_.find(name);
    auto found = incidents_.find(alias == aliases_.end() ? name : std::string_view(alias->second));
    if (found != incidents_.end()) return found->second;
    const v1::Incident* only = nullptr;
    for (const auto& [key, incident] : incidents_) {
      std::string_view id = std::string_view(key).substr(key.rfind('/') + 1);
      if (!key.starts_with(name) && !id.starts_with(name)) continue;
      if (only != nullptr) return InvalidArgument("{} is ambiguous", name);
      only = &incident;
    }
    if (only == nullptr) return NotFound("no incident {}", name);
    return *only;
  }
  absl::Status ScanIncidents(std::string_view cluster,
                             const std::function<bool(const v1::Incident&)>& visit) const override {
    std::map<std::string, v1::Incident, std::less<>> snapshot;
    {
      std::lock_guard lock(mu_);
      RETURN_IF_ERROR(failure_);
      snapshot = incidents_;
    }
    for (const auto& [name, incident] : snapshot) {
      if ((cluster.empty() || incident.cluster() == cluster) && !visit(incident)) break;
    }
    return absl::OkStatus();
  }
  absl::Status ScanChanges(int64_t after,
                           const std::function<bool(const v1::Incident&)>& visit) const override {
    std::map<std::pair<int64_t, std::string>, v1::Incident> changes;
    {
      std::lock_guard lock(mu_);
      RETURN_IF_ERROR(failure_);
      for (const auto& [name, incident] : incidents_) {
        if (incident.revision() > after) changes[{incident.revision(), name}] = incident;
      }
    }
    for (const auto& [key, incident] : changes) {
      if (!visit(incident)) break;
    }
    return absl::OkStatus();
  }
  absl::Status ScanNodes(std::string_view cluster, std::string_view start_after,
                         const std::function<bool(const v1::Node&)>& visit) const override {
    std::lock_guard lock(mu_);
    RETURN_IF_ERROR(failure_);
    for (const auto& [key, node] : nodes_) {
      std::string joined = key.first + '\0' + key.second;
      if (!start_after.empty() && joined <= start_after) continue;
      if ((cluster.empty() || key.first == cluster) && !visit(node)) break;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<v1::Node> GetNode(std::string_view cluster, std::string_view node) const override {
    std::lock_guard lock(mu_);
    RETURN_IF_ERROR(failure_);
    auto found = nodes_.find({std::string(cluster), std::string(node)});
    if (found == nodes_.end()) return NotFound("no node {}", node);
    return found->second;
  }
  Stats GetStats() const override { return {}; }

 private:
  const std::string id_ = "fake";
  mutable std::mutex mu_;
  // All below are guarded by mu_.
  absl::Status failure_;
  int64_t revision_ = 0;
  std::map<std::string, v1::Incident, std::less<>> incidents_;
  std::map<std::string, std::string, std::less<>> aliases_;
  std::map<std::pair<std::string, std::string>, v1::Node> nodes_;
};

// "clusters/CLUSTER/incidents/ID", open, with one node.
inline v1::Incident MakeIncident(const std::string& id, const std::string& cluster = "prod",
                                 v1::Severity severity = v1::ERROR,
                                 int64_t open_seconds = 1'700'000'000) {
  v1::Incident incident;
  incident.set_name("clusters/" + cluster + "/incidents/" + id);
  incident.set_cluster(cluster);
  incident.set_state(v1::Incident::OPEN);
  incident.set_severity(severity);
  incident.mutable_open_time()->set_seconds(open_seconds);
  incident.mutable_last_hit_time()->set_seconds(open_seconds);
  incident.add_nodes("node-1");
  incident.set_hit_count(1);
  incident.set_settled(true);
  return incident;
}

class FixedClock final : public Clock {
 public:
  Time now = Time(seconds(1'700'003'600));
  Time Now() const override { return now; }
};

}  // namespace tocsin::api
