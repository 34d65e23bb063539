// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/signature.h"
#include "base/time.h"
#include "tocsin/state/v1/state.pb.h"
#include "tocsin/v1/incident.pb.h"

namespace tocsin::correlate {

// What the correlation remembers, in memory: problems, the incidents they belong to, who shares
// which entity, and when each node was last heard. The store holds the same durably; the fold loads
// it here once and writes every change to both. One thread.
//
// All changes are made in a Layer on top of a State and then either applied (settled) or dropped
// (the live overlay): one set of rules, two uses.
class State {
 public:
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // `catalogue` says by which kinds of entity a problem can be tied to others; it must outlive the
  // calls.
  void Put(const Catalogue& catalogue, state::v1::Problem problem);
  // After its problems.
  void Put(v1::Incident incident);
  void Remove(const std::string& problem_key);

  const state::v1::Problem* Find(std::string_view key) const;
  // Incidents that no problem of the present belongs to any more are not kept here: nothing can
  // change them.
  const v1::Incident* FindIncident(std::string_view name) const;

  // Some record of this node (and so of its cluster) carries this event time.
  void Heard(std::string_view cluster, std::string_view node, Time time);
  // Latest event time of the node; of the whole cluster if `node` is empty. kNoTime if never heard.
  Time LastHeard(std::string_view cluster, std::string_view node) const;

  // Keys of problems that end by quiet time, with the end of that time at or before `until`, in
  // order.
  std::vector<std::string> QuietBy(Time until) const;
  // Keys of problems that are over since before `since` (and their incidents are not open): they
  // can be forgotten.
  std::vector<std::string> OverSince(Time since) const;

  // Keys of what waits for something (rules.h), in order.
  const std::set<std::string>& Waiting() const { return waiting_; }
  // False for input that was cut where somebody cut it, as files are: that a node is not heard of
  // in it says nothing.
  bool silence_counts() const { return silence_counts_; }
  void set_silence_counts(bool counts) { silence_counts_ = counts; }

  size_t problem_count() const { return problems_.size(); }
  size_t incident_count() const { return incidents_.size(); }

 private:
  friend class Layer;
  using KeySet = std::set<std::string, std::less<>>;

  void Unindex(const state::v1::Problem& problem);
  void Release(const std::string& incident);

  std::unordered_map<std::string, state::v1::Problem, StringHash, std::equal_to<>> problems_;
  std::unordered_map<std::string, v1::Incident, StringHash, std::equal_to<>> incidents_;
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> members_;  // per incident
  // (cluster, signature, shared entity) -> keys of problems that were ever over their threshold.
  std::unordered_map<std::string, KeySet, StringHash, std::equal_to<>> sharing_;
  std::unordered_map<std::string, std::vector<std::string>, StringHash, std::equal_to<>> indexed_;
  std::set<std::pair<int64_t, std::string>> quiet_at_;  // (end of quiet time, key), active ones
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> heard_;
  std::set<std::string> waiting_;
  bool silence_counts_ = true;
};

// Changes on top of a State that has not seen them. Reads fall through, writes stay here.
// The State must not change while the Layer lives, but for Apply.
class Layer {
 public:
  Layer(const State& base, const Catalogue& catalogue) : base_(base), catalogue_(catalogue) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  const Catalogue& catalogue() const { return catalogue_; }
  const State& base() const { return base_; }

  // nullptr if there is none. Valid until the same problem is edited for the first time.
  const state::v1::Problem* Find(std::string_view key) const;
  // The problem, copied into this layer; an empty one if there was none. Stays where it is.
  state::v1::Problem& Edit(const std::string& key);

  const v1::Incident* FindIncident(std::string_view name) const;
  v1::Incident& EditIncident(const std::string& name);

  // Remembers what `problem` was to `incident`, for it is about to begin anew or its incident to be
  // merged: what an incident shows must not depend on whether it was rendered before or after.
  void KeepPast(const state::v1::Problem& problem, const std::string& incident);
  // What KeepPast has; nullptr if nothing.
  const state::v1::Problem* FindPast(const std::string& key, const std::string& incident) const;

  // Makes the problem's present entities findable by Sharing. Call after its related set grew.
  void Index(const std::string& key, const state::v1::Problem& problem);
  // Keys of problems of `signature` that name `entity`, in order.
  std::vector<std::string> Sharing(std::string_view cluster, std::string_view signature,
                                   std::string_view entity) const;

  // Keys of problems that were seen on the node or are about it, in order. Only where the catalogue
  // knows how a node's removal is told.
  std::vector<std::string> OnNode(std::string_view cluster, std::string_view node) const;

  // Makes the end of its quiet time findable by QuietBy. Call after it was hit.
  void Watch(const std::string& key, const state::v1::Problem& problem);
  // As State::QuietBy, with the changes of this layer.
  std::vector<std::string> QuietBy(Time until);

  // As State::Waiting, with the changes of this layer.
  std::vector<std::string> Waiting() const;

  // Another name of an incident.
  void Alias(const std::string& name, const std::string& incident) { aliases_[name] = incident; }

  const std::map<std::string, state::v1::Problem>& problems() const { return problems_; }
  const std::map<std::string, v1::Incident>& incidents() const { return incidents_; }
  const std::map<std::string, std::string>& aliases() const { return aliases_; }

  // Writes everything into `state`, which must be the base.
  void ApplyTo(State& state) const;

 private:
  const State& base_;
  const Catalogue& catalogue_;
  std::map<std::string, state::v1::Problem> problems_;
  std::map<std::string, v1::Incident> incidents_;
  std::map<std::string, std::string> aliases_;
  std::unordered_map<std::string, State::KeySet, StringHash, std::equal_to<>> sharing_;
  std::set<std::pair<int64_t, std::string>> quiet_at_;  // as the base's; may hold what is past
};

// A state that was not said again for so long is neither true nor over: it is unknown.
inline constexpr Duration kStaleAfter = std::chrono::hours(24);

// A problem that came back three times within this much time flaps: it stays active until it has
// been well for as long again, or is steadily there.
inline constexpr Duration kFlapWithin = std::chrono::hours(1);
inline constexpr int kFlapReopens = 3;
bool IsFlapping(const state::v1::Problem& problem);

// The end of the quiet time after which an occurrence counts as over, a state as stale, and what
// flaps as well again; kMaxTime for what the catalogue does not know.
Time QuietDeadline(const Catalogue& catalogue, const state::v1::Problem& problem);

}  // namespace tocsin::correlate
