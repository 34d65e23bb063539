// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/row.h"
#include "correlate/fold.h"
#include "correlate/incidents.h"
#include "correlate/problems.h"
#include "correlate/render.h"

// What the tests of correlate share: signatures by hand, and a world that is fed hits.
namespace tocsin::correlate {

inline constexpr int64_t kStart = 1'700'000'000;  // seconds

inline Signature Make(const std::string& id, EntityKind entity = EntityKind::kNode) {
  Signature signature;
  signature.id = id;
  signature.title["en"] = "Title of " + id;
  signature.entity = entity;
  signature.match = {id};
  return signature;
}

inline Edge To(std::string id, EntityKind same) {
  Edge edge;
  edge.id = std::move(id);
  edge.same = same;
  return edge;
}

// Feeds hits and reads incidents; every line of a test is a sentence.
class World {
 public:
  explicit World(std::vector<Signature> signatures) : catalogue_(std::move(signatures), "test") {}

  // A hit `at` seconds after the start.
  World& Hit(const std::string& signature, const std::string& entity, int at,
             std::vector<std::string> related = {}, int hits = 1) {
    state::v1::Row row;
    row.set_cluster("c1");
    row.set_signature(signature);
    row.set_entity(entity);
    Time time = Time(seconds(kStart + at));
    row.set_slot(SlotOf(time));
    row.set_hits(hits);
    row.set_lines(hits);
    row.set_first(ToNanos(time));
    row.set_last(ToNanos(time));
    related.push_back(entity);
    related.push_back("cluster/c1");
    for (const std::string& e : related) {
      AddToSet(e, kRelatedMax, *row.mutable_related());
      if (e.starts_with("node/")) row.set_node(e.substr(5));
    }
    std::string key = RowKey(row);
    auto [it, inserted] = rows_.emplace(key, row);
    if (!inserted) MergeRow(row, it->second);
    last_key_ = key;
    return *this;
  }
  World& HitEvent(const std::string& signature, const std::string& entity, int at, uint64_t uid,
                  int64_t count) {
    Hit(signature, entity, at, {}, 0);
    auto& row = Last();
    auto* version = row.add_versions();
    version->set_uid(uid);
    version->set_count(count);
    return *this;
  }
  // Changes what was fed last.
  state::v1::Row& Last() { return rows_.at(last_key_); }
  // Files what was fed last under another slot, as a lane does.
  World& Refile(int at) {
    state::v1::Row row = rows_.at(last_key_);
    rows_.erase(last_key_);
    row.set_slot(SlotOf(Time(seconds(kStart + at))));
    last_key_ = RowKey(row);
    rows_.emplace(last_key_, row);
    return *this;
  }
  // Lines that came some way (0: the text is as new as the time).
  World& Line(const std::string& signature, const std::string& entity, double at, uint64_t text,
              uint32_t path, std::vector<std::string> related = {}, int count = 1) {
    state::v1::Mark mark;
    mark.set_time(ToNanos(Time(seconds(kStart))) + static_cast<int64_t>(at * 1e9));
    mark.set_key(text);
    mark.set_path(path);
    mark.set_count(count);
    Hit(signature, entity, static_cast<int>(at), std::move(related), count);
    AddMark(mark, *Last().mutable_marks());
    return *this;
  }
  // What a node or container logged: a tally.
  World& Tally(const std::string& entity, int at, int64_t bytes = 100,
               std::vector<std::string> related = {}) {
    Hit("", entity, at, std::move(related), 0);
    Last().set_lines(1);
    Last().set_bytes(Last().bytes() + bytes);
    return *this;
  }
  World& Heard(const std::string& node, int at) {
    state_.Heard("c1", node, Time(seconds(kStart + at)));
    return *this;
  }
  // Folds what was fed, each slot in a layer of its own, then ends what is quiet at `at`.
  World& Settle(int at) {
    while (!rows_.empty()) {
      auto end = EndOfSlot(rows_, rows_.begin()->second.slot());
      Layer layer(state_, catalogue_);
      FoldSlots(rows_.cbegin(), end, layer);
      Apply(layer);
      rows_.erase(rows_.cbegin(), end);
    }
    Layer layer(state_, catalogue_);
    Refresh(EndQuiet(Time(seconds(kStart + at)), layer), layer);
    Apply(layer);
    return *this;
  }

  std::vector<v1::Incident> Incidents() const {
    std::vector<v1::Incident> incidents;
    for (const auto& [name, incident] : written_) {
      if (incident.resolve_reason() != v1::Incident::MERGED) incidents.push_back(incident);
    }
    std::sort(incidents.begin(), incidents.end(), [](const auto& a, const auto& b) {
      return std::pair(a.open_time().seconds(), a.name()) <
             std::pair(b.open_time().seconds(), b.name());
    });
    return incidents;
  }
  std::vector<v1::Incident> Merged() const {
    std::vector<v1::Incident> incidents;
    for (const auto& [name, incident] : written_) {
      if (incident.resolve_reason() == v1::Incident::MERGED) incidents.push_back(incident);
    }
    return incidents;
  }
  const State& state() const { return state_; }
  void Cut() { state_.set_silence_counts(false); }

 private:
  void Apply(const Layer& layer) {
    for (const auto& [name, incident] : layer.incidents()) written_[name] = incident;
    layer.ApplyTo(state_);
  }

  Catalogue catalogue_;
  State state_;
  PendingRows rows_;
  std::string last_key_;
  std::map<std::string, v1::Incident> written_;  // what a store would hold
};

inline std::vector<std::string> Members(const v1::Incident& incident) {
  std::vector<std::string> members;
  for (const v1::Problem& p : incident.problems()) members.push_back(p.signature());
  return members;
}

}  // namespace tocsin::correlate
