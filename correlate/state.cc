// SPDX-License-Identifier: Apache-2.0
#include "correlate/state.h"

#include <algorithm>

#include "base/row.h"
#include "base/status.h"
#include "correlate/kin.h"

namespace tocsin::correlate {
namespace {

std::string SharingKey(std::string_view cluster, std::string_view signature,
                       std::string_view entity) {
  return ProblemKey(cluster, signature, entity);
}

std::string HeardKey(std::string_view cluster, std::string_view node) {
  std::string key(cluster);
  key += '\0';
  key += node;
  return key;
}

// The kinds of entity by which the catalogue can tie this signature to another.
uint32_t TyingKinds(const Catalogue& catalogue, const Signature& signature) {
  uint32_t kinds = 0;
  for (const Edge& edge : signature.causes) kinds |= 1u << static_cast<int>(edge.same);
  for (const CauseOf& cause : catalogue.CausesOf(signature.id)) {
    kinds |= 1u << static_cast<int>(cause.edge.same);
  }
  if (!signature.cleared_by.empty()) kinds |= 1u << static_cast<int>(signature.entity);
  return kinds;
}

// The keys under which a problem is found; empty before it was ever over its threshold.
std::vector<std::string> SharingKeys(const Catalogue& catalogue,
                                     const state::v1::Problem& problem) {
  std::vector<std::string> keys;
  const Signature* signature = catalogue.Find(problem.signature());
  if (signature == nullptr || problem.episode() == 0 || !problem.past_of().empty()) return keys;
  uint32_t kinds = TyingKinds(catalogue, *signature);
  for (const std::string& entity : problem.related()) {
    if (kinds >> static_cast<int>(EntityFromString(entity).kind) & 1) {
      keys.push_back(SharingKey(problem.cluster(), problem.signature(), entity));
    }
  }
  if (!catalogue.Removals().empty()) {
    for (const std::string& node : problem.nodes()) {
      keys.push_back(SharingKey(problem.cluster(), "", "node/" + node));
    }
    if (EntityFromString(problem.entity()).kind == EntityKind::kNode) {
      keys.push_back(SharingKey(problem.cluster(), "", problem.entity()));
    }
  }
  if (Represents(problem)) {
    for (const std::string& name : RollUpNames(*signature, problem)) {
      keys.push_back(SharingKey(problem.cluster(), problem.signature(), name));
    }
  }
  return keys;
}

}  // namespace

Time QuietDeadline(const Catalogue& catalogue, const state::v1::Problem& problem) {
  const Signature* signature = catalogue.Find(problem.signature());
  if (signature == nullptr) return kMaxTime;
  if (problem.settling() != 0) return TimeFromNanos(problem.settling()) + kFlapWithin;
  Time last = TimeFromNanos(problem.last());
  if (signature->kind == Signature::Kind::kState) return last + kStaleAfter;
  return last + signature->quiet + (IsFlapping(problem) ? kFlapWithin : Duration::zero());
}

bool IsFlapping(const state::v1::Problem& problem) {
  // By times of records only, so that it does not matter when it is asked.
  int64_t until = problem.settling() != 0 ? problem.settling() : problem.last();
  return problem.swung() != 0 && until - problem.swung() <= kFlapWithin.count();
}

void State::Unindex(const state::v1::Problem& problem) {
  std::string key = ProblemKey(problem);
  auto indexed = indexed_.find(key);
  if (indexed == indexed_.end()) return;
  for (const std::string& sharing : indexed->second) {
    auto it = sharing_.find(sharing);
    if (it == sharing_.end()) continue;
    it->second.erase(key);
    if (it->second.empty()) sharing_.erase(it);
  }
  indexed_.erase(indexed);
}

void State::Put(const Catalogue& catalogue, state::v1::Problem problem) {
  std::string key = ProblemKey(problem);
  if (problem.waiting() != 0) {
    waiting_.insert(key);
  } else if (!waiting_.empty()) {
    waiting_.erase(key);
  }
  if (!problem.past_of().empty()) {  // only looked up; keeps no incident in memory
    problems_[key] = std::move(problem);
    return;
  }
  if (auto old = problems_.find(key); old != problems_.end()) {
    if (old->second.active()) {
      quiet_at_.erase({ToNanos(QuietDeadline(catalogue, old->second)), key});
    }
    if (old->second.incident() != problem.incident()) {
      Release(old->second.incident());
      if (!problem.incident().empty()) ++members_[problem.incident()];
    }
  } else if (!problem.incident().empty()) {
    ++members_[problem.incident()];
  }
  Unindex(problem);
  std::vector<std::string> sharing = SharingKeys(catalogue, problem);
  if (!sharing.empty()) {
    for (const std::string& name : sharing) sharing_[name].insert(key);
    indexed_[key] = std::move(sharing);
  }
  if (problem.active()) {
    Time deadline = QuietDeadline(catalogue, problem);
    if (deadline != kMaxTime) quiet_at_.insert({ToNanos(deadline), key});
  }
  problems_[key] = std::move(problem);
}

void State::Release(const std::string& incident) {
  auto it = members_.find(incident);
  if (it == members_.end() || --it->second > 0) return;
  members_.erase(it);
  incidents_.erase(incident);
}

void State::Put(v1::Incident incident) {
  std::string name = incident.name();
  if (members_.contains(name)) incidents_[name] = std::move(incident);
}

void State::Remove(const std::string& problem_key) {
  auto it = problems_.find(problem_key);
  if (it == problems_.end()) return;
  TOCSIN_CHECK(!it->second.active());
  waiting_.erase(problem_key);
  if (it->second.past_of().empty()) {
    Unindex(it->second);
    Release(it->second.incident());
  }
  problems_.erase(it);
}

const state::v1::Problem* State::Find(std::string_view key) const {
  auto it = problems_.find(key);
  return it == problems_.end() ? nullptr : &it->second;
}

const v1::Incident* State::FindIncident(std::string_view name) const {
  auto it = incidents_.find(name);
  return it == incidents_.end() ? nullptr : &it->second;
}

void State::Heard(std::string_view cluster, std::string_view node, Time time) {
  int64_t& of_node = heard_[HeardKey(cluster, node)];
  of_node = std::max(of_node, ToNanos(time));
  if (!node.empty()) {
    int64_t& of_cluster = heard_[HeardKey(cluster, "")];
    of_cluster = std::max(of_cluster, ToNanos(time));
  }
}

Time State::LastHeard(std::string_view cluster, std::string_view node) const {
  auto it = heard_.find(HeardKey(cluster, node));
  return it == heard_.end() ? kNoTime : TimeFromNanos(it->second);
}

std::vector<std::string> State::QuietBy(Time until) const {
  std::vector<std::string> keys;
  for (const auto& [deadline, key] : quiet_at_) {
    if (deadline > ToNanos(until)) break;
    keys.push_back(key);
  }
  return keys;
}

std::vector<std::string> State::OverSince(Time since) const {
  std::vector<std::string> keys;
  for (const auto& [key, problem] : problems_) {
    if (problem.active()) continue;
    int64_t end = std::max(problem.cleared(), problem.last());
    if (end >= ToNanos(since)) continue;
    if (problem.has_decision()) {
      // Goes after everything that it is about: a state may be said again after days.
      auto members = members_.find(problem.incident());
      if (members != members_.end() && members->second > 1) continue;
    }
    auto incident = incidents_.find(problem.incident());
    if (incident != incidents_.end() && incident->second.state() != v1::Incident::RESOLVED)
      continue;
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

const state::v1::Problem* Layer::Find(std::string_view key) const {
  auto it = problems_.find(std::string(key));
  return it != problems_.end() ? &it->second : base_.Find(key);
}

state::v1::Problem& Layer::Edit(const std::string& key) {
  auto [it, inserted] = problems_.try_emplace(key);
  if (inserted) {
    if (const state::v1::Problem* problem = base_.Find(key)) it->second = *problem;
  }
  return it->second;
}

const v1::Incident* Layer::FindIncident(std::string_view name) const {
  auto it = incidents_.find(std::string(name));
  return it != incidents_.end() ? &it->second : base_.FindIncident(name);
}

v1::Incident& Layer::EditIncident(const std::string& name) {
  auto [it, inserted] = incidents_.try_emplace(name);
  if (inserted) {
    if (const v1::Incident* incident = base_.FindIncident(name)) it->second = *incident;
    it->second.set_name(name);
  }
  return it->second;
}

void Layer::KeepPast(const state::v1::Problem& problem, const std::string& incident) {
  state::v1::Problem past = problem;
  past.set_past_of(incident);
  past.clear_events();
  past.clear_window();
  past.clear_open();
  past.set_waiting(0);
  std::string key = ProblemKey(past);
  if (const state::v1::Problem* earlier = Find(key)) {
    past.set_hits(past.hits() + earlier->hits());
    past.set_lines(past.lines() + earlier->lines());
    past.set_first(std::min(past.first(), earlier->first()));
    auto* spells = past.mutable_spells();
    spells->MergeFrom(earlier->spells());
    state::v1::Problem::Spell* spell = spells->Add();
    spell->set_onset(earlier->onset());
    spell->set_cleared(earlier->cleared());
  }
  problems_[key] = std::move(past);
}

const state::v1::Problem* Layer::FindPast(const std::string& key,
                                          const std::string& incident) const {
  return Find(PastKey(key, incident));
}

void Layer::Index(const std::string& key, const state::v1::Problem& problem) {
  for (const std::string& sharing : SharingKeys(catalogue_, problem)) sharing_[sharing].insert(key);
}

std::vector<std::string> Layer::Sharing(std::string_view cluster, std::string_view signature,
                                        std::string_view entity) const {
  std::string name = SharingKey(cluster, signature, entity);
  State::KeySet keys;
  if (auto it = base_.sharing_.find(name); it != base_.sharing_.end()) keys = it->second;
  if (auto it = sharing_.find(name); it != sharing_.end()) {
    keys.insert(it->second.begin(), it->second.end());
  }
  return {keys.begin(), keys.end()};
}

std::vector<std::string> Layer::OnNode(std::string_view cluster, std::string_view node) const {
  return Sharing(cluster, "", "node/" + std::string(node));
}

void Layer::Watch(const std::string& key, const state::v1::Problem& problem) {
  Time deadline = QuietDeadline(catalogue_, problem);
  if (problem.active() && deadline != kMaxTime) quiet_at_.insert({ToNanos(deadline), key});
}

std::vector<std::string> Layer::QuietBy(Time until) {
  std::vector<std::string> keys;
  for (std::string& key : base_.QuietBy(until)) {
    const state::v1::Problem* problem = Find(key);
    if (problem->active() && QuietDeadline(catalogue_, *problem) <= until) {
      keys.push_back(std::move(key));
    }
  }
  for (auto it = quiet_at_.begin(); it != quiet_at_.end() && it->first <= ToNanos(until);) {
    const state::v1::Problem* problem = Find(it->second);
    if (problem != nullptr && problem->active() &&
        ToNanos(QuietDeadline(catalogue_, *problem)) == it->first) {
      keys.push_back(it->second);
      ++it;
    } else {
      it = quiet_at_.erase(it);  // ended, or hit again and in here a second time
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::vector<std::string> Layer::Waiting() const {
  std::set<std::string> keys = base_.Waiting();
  for (const auto& [key, problem] : problems_) {
    if (problem.waiting() != 0) {
      keys.insert(key);
    } else {
      keys.erase(key);
    }
  }
  return {keys.begin(), keys.end()};
}

void Layer::ApplyTo(State& state) const {
  TOCSIN_CHECK(&state == &base_);
  for (const auto& [key, problem] : problems_) state.Put(catalogue_, problem);
  for (const auto& [name, incident] : incidents_) state.Put(incident);
}

}  // namespace tocsin::correlate
