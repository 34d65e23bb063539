// SPDX-License-Identifier: Apache-2.0
//
// Every problem has at most one parent: the best of what may have caused it when it opened. Parents
// make trees, and a tree is an incident. A parent stays for the episode; only a problem without one
// may get it later, when its cause was logged after it. Two incidents that turn out to be one are
// merged into the one that opened first, and the other's name goes on pointing there.
#include "correlate/incidents.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/core.h>

#include "base/hash.h"
#include "base/row.h"
#include "base/status.h"
#include "correlate/causes.h"
#include "correlate/decision.h"
#include "correlate/kin.h"
#include "correlate/render.h"
#include "correlate/rules.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;

constexpr size_t kCandidatesMax = 8;  // kept in caused_by and explained in why
constexpr int kWhyMax = 50;
// The same root at the same workload so often in so much time is chronic.
constexpr int kChronicTimes = 3;
constexpr Duration kChronicWithin = std::chrono::hours(24 * 7);

void Explain(const Problem& effect, const Candidate& candidate, bool accepted,
             std::string_view reason, Layer& layer, v1::Incident& incident) {
  const Problem* cause = layer.Find(candidate.key);
  if (cause == nullptr || incident.why_size() >= kWhyMax) return;
  v1::Why* why = incident.add_why();
  why->set_effect(ProblemName(effect));
  why->set_cause(ProblemName(*cause));
  why->set_shared(candidate.shared);
  why->mutable_gap()->set_seconds(candidate.gap.count() / 1'000'000'000);
  why->mutable_gap()->set_nanos(static_cast<int32_t>(candidate.gap.count() % 1'000'000'000));
  why->set_accepted(accepted);
  why->set_reason(std::string(reason));
}

// Gives `key` the best candidate as its parent that does not descend from it. The others are
// remembered.
void ChooseParent(const std::string& key, Layer& layer,
                  std::map<std::string, std::vector<Candidate>>& chosen) {
  const Problem* found = layer.Find(key);
  TOCSIN_CHECK(found != nullptr);
  std::vector<Candidate> candidates = CandidateCauses(*found, layer);
  std::erase_if(candidates, [&](const Candidate& c) { return RootOf(c.key, layer) == key; });
  if (candidates.empty()) return;
  if (candidates.size() > kCandidatesMax) candidates.resize(kCandidatesMax);
  Problem& problem = layer.Edit(key);
  if (problem.parent().empty()) problem.set_parent(candidates.front().key);
  problem.clear_caused_by();
  for (const Candidate& candidate : candidates) {
    if (candidate.key != problem.parent() && !candidate.sibling) {
      problem.add_caused_by(candidate.key);
    }
  }
  chosen[key] = std::move(candidates);
}

// Effects that were logged before `key`, their cause, opened.
std::vector<std::string> OrphansOf(const std::string& key, const Layer& layer) {
  std::set<std::string> orphans;
  const Problem* cause = layer.Find(key);
  const Signature* signature = layer.catalogue().Find(cause->signature());
  if (signature == nullptr) return {};
  for (const Edge& edge : signature->causes) {
    const Signature* effect_signature = layer.catalogue().Find(edge.id);
    if (effect_signature == nullptr) continue;
    for (const std::string& entity : cause->related()) {
      if (EntityFromString(entity).kind != edge.same) continue;
      for (const std::string& effect_key :
           layer.Sharing(cause->cluster(), effect_signature->id, entity)) {
        const Problem* effect = layer.Find(effect_key);
        if (effect == nullptr || !effect->parent().empty() || effect_key == key) continue;
        if (effect->incident().empty()) continue;  // opened in this very slot: chooses for itself
        if (MayCause(*cause, *effect, edge, layer.catalogue())) orphans.insert(effect_key);
      }
    }
  }
  return {orphans.begin(), orphans.end()};
}

std::vector<std::string> MembersOf(const v1::Incident& incident) {
  std::vector<std::string> keys;
  for (const v1::Problem& problem : incident.problems()) {
    keys.push_back(ProblemKey(incident.cluster(), problem.signature(),
                              problem.entity().kind() + "/" + problem.entity().name()));
  }
  return keys;
}

void Join(const std::string& key, const std::string& incident, Layer& layer) {
  Problem& problem = layer.Edit(key);
  problem.set_incident(incident);
  std::string own = IncidentName(problem);
  if (own != incident) {
    layer.Alias(own, incident);
    // It was shown, and perhaps decided upon, under its own name before its lines were all there.
    if (layer.FindIncident(own) == nullptr) MoveDecision(problem.cluster(), own, incident, layer);
  }
  layer.Index(key, problem);
}

// Moves everything of `from` into `into` and leaves a pointer behind.
void Merge(const std::string& from, const std::string& into, Layer& layer,
           std::set<std::string>& touched) {
  if (from == into) return;
  v1::Incident& old = layer.EditIncident(from);
  for (const std::string& key : MembersOf(old)) {
    const Problem* member = layer.Find(key);
    if (member != nullptr && member->incident() == from) Join(key, into, layer);
    if (const Problem* past = layer.FindPast(key, from)) layer.KeepPast(*past, into);
  }
  MoveDecision(old.cluster(), from, into, layer);
  v1::Incident& kept = layer.EditIncident(into);
  for (const v1::Why& why : old.why()) {
    if (kept.why_size() < kWhyMax) *kept.add_why() = why;
  }
  // Rendered from here on by what it was merged into; its own members stay listed as they were.
  for (const v1::Problem& member : old.problems()) *kept.add_problems() = member;
  // Nothing brings it up to date any more, so it may not show whether an end had been noticed by
  // now.
  v1::Severity worst = v1::SEVERITY_UNSPECIFIED;
  for (v1::Problem& member : *old.mutable_problems()) {
    member.set_state(v1::Problem::CLEARED);
    worst = std::max(worst, member.severity());
  }
  old.mutable_root_cause()->set_state(v1::Problem::CLEARED);
  old.set_severity(worst);
  old.clear_reopen_count();
  *old.mutable_resolve_time() = old.last_hit_time();
  old.set_state(v1::Incident::RESOLVED);
  old.set_resolve_reason(v1::Incident::MERGED);
  old.set_merged_into(into);
  touched.erase(from);
  touched.insert(into);
}

// Moves one tree out of an incident that holds others too, its kin: only it has a cause now.
void MoveTree(const std::string& root, const std::string& from, const std::string& into,
              Layer& layer, std::set<std::string>& touched) {
  v1::Incident& old = layer.EditIncident(from);
  v1::Incident& target = layer.EditIncident(into);
  google::protobuf::RepeatedPtrField<v1::Problem> left;
  std::vector<std::string> keys = MembersOf(old), kin;
  for (int i = 0; i < old.problems_size(); ++i) {
    const std::string& key = keys[i];
    const Problem* member = layer.Find(key);
    if (member == nullptr || member->incident() != from || RootOf(key, layer) != root) {
      *left.Add() = old.problems(i);
      if (member != nullptr && member->incident() == from) kin.push_back(key);
      continue;
    }
    Join(key, into, layer);
    ListMember(*layer.Find(key), target);
    if (const Problem* past = layer.FindPast(key, from)) layer.KeepPast(*past, into);
  }
  *old.mutable_problems() = std::move(left);
  touched.insert({from, into});
  // Somebody represents those that stay.
  std::sort(kin.begin(), kin.end());
  for (const std::string& key : kin) {
    if (Represents(*layer.Find(key))) return;
  }
  for (const std::string& key : kin) {
    if (!layer.Find(key)->parent().empty()) continue;
    Problem& problem = layer.Edit(key);
    problem.clear_kin_of();
    layer.Index(key, problem);
    return;
  }
}

// Whether all members of the incident descend from `root`.
bool IsOneTree(const v1::Incident& incident, const std::string& root, const Layer& layer) {
  for (const std::string& key : MembersOf(incident)) {
    const Problem* member = layer.Find(key);
    if (member == nullptr || member->incident() != incident.name()) continue;
    if (RootOf(key, layer) != root) return false;
  }
  return true;
}

// Of two incidents that are one, the name that has been known longer stays.
const v1::Incident& Elder(const v1::Incident& a, const v1::Incident& b) {
  auto age = [](const v1::Incident& i) {
    return std::tuple(i.open_time().seconds(), i.open_time().nanos(), std::string_view(i.name()));
  };
  return age(b) < age(a) ? b : a;
}

// What an incident has become, if it was merged.
std::string Present(std::string name, const Layer& layer) {
  for (const v1::Incident* incident = layer.FindIncident(name);
       incident != nullptr && !incident->merged_into().empty();
       incident = layer.FindIncident(name)) {
    name = incident->merged_into();
  }
  return name;
}

// Counts the incidents that `root` opened at its workload; what is remembered of them stands among
// the problems, as rules.h has it.
void CountChronic(const std::string& root, Layer& layer) {
  const Problem& problem = *layer.Find(root);
  const Signature* signature = layer.catalogue().Find(problem.signature());
  std::string workload;
  for (const std::string& entity : problem.related()) {
    if (EntityFromString(entity).kind != EntityKind::kWorkload) continue;
    if (!workload.empty()) return;  // about several, so not about one of them
    workload = entity;
  }
  if (signature == nullptr || workload.empty()) return;
  const int64_t onset = problem.onset();
  Problem& memory = RuleMemory(problem.cluster(), *signature, "again", workload, layer);
  auto* times = memory.mutable_window();
  int old = 0;
  while (old < times->size() && times->Get(old).first() < onset - kChronicWithin.count()) ++old;
  times->DeleteSubrange(0, old);
  if (times->size() >= kChronicTimes) times->DeleteSubrange(0, 1);
  times->Add()->set_first(onset);
  // Kept for as long as it counts, and not only as long as a problem that is over.
  memory.set_last(std::max(memory.last(), onset + kChronicWithin.count()));
  if (times->size() >= kChronicTimes) layer.Edit(root).set_chronic(true);
}

// The incident of the same failure elsewhere; "" if there is none.
std::string JoinKin(const std::string& root, Layer& layer, std::set<std::string>& touched) {
  std::optional<Kin> kin = FindKin(root, layer);
  if (!kin) return "";
  for (const std::string& other : kin->merged) {
    for (const std::string& key : MembersOf(*layer.FindIncident(other))) {
      const Problem* member = layer.Find(key);
      if (member == nullptr || member->incident() != other || !Represents(*member)) continue;
      layer.Edit(key).set_kin_of(kin->representative);
    }
    Merge(other, kin->incident, layer, touched);
  }
  layer.Edit(root).set_kin_of(kin->representative);
  v1::Incident& incident = layer.EditIncident(kin->incident);
  if (incident.why_size() < kWhyMax) {
    v1::Why* why = incident.add_why();
    why->set_effect(ProblemName(*layer.Find(root)));
    why->set_shared(kin->shared);
    why->set_accepted(true);
    why->set_reason("the same failure of the same " +
                    std::string(EntityKindName(EntityFromString(kin->shared).kind)));
  }
  return kin->incident;
}

}  // namespace

std::string ProblemName(const Problem& problem) {
  return problem.signature() + "@" + problem.entity();
}

std::string IncidentName(const Problem& problem) {
  std::string identity = ProblemKey(problem);
  identity += '\0';
  identity += std::to_string(problem.episode());
  return fmt::format("clusters/{}/incidents/{:016x}",
                     problem.cluster().empty() ? "-unknown-" : problem.cluster(),
                     StableHash(identity));
}

void FoldTransitions(const Transitions& transitions, Layer& layer) {
  std::map<std::string, std::vector<Candidate>> chosen;
  // Problems that go on from an earlier spell keep parent and incident.
  std::vector<std::string> fresh;
  for (const std::string& key : transitions.opened) {
    if (layer.Find(key)->incident().empty()) fresh.push_back(key);
  }
  std::vector<std::string> adopted;  // had an incident of their own and now have a parent
  for (const std::string& key : transitions.opened) {
    if (!layer.Find(key)->parent().empty()) continue;
    ChooseParent(key, layer, chosen);
    const Problem& problem = *layer.Find(key);
    if (!problem.parent().empty() && !problem.incident().empty()) adopted.push_back(key);
  }
  for (const std::string& key : transitions.opened) {
    for (const std::string& orphan : OrphansOf(key, layer)) {
      if (!layer.Find(orphan)->parent().empty()) continue;
      ChooseParent(orphan, layer, chosen);
      if (!layer.Find(orphan)->parent().empty()) adopted.push_back(orphan);
    }
  }

  std::set<std::string> touched;
  for (const std::string& key : transitions.touched) {
    const Problem* problem = layer.Find(key);
    if (problem != nullptr && !problem->incident().empty()) touched.insert(problem->incident());
  }

  // New trees join the oldest incident that one of their adopted effects has, or else get one named
  // after their earliest member.
  std::map<std::string, std::string> awaiting;  // root -> incident of an effect logged before it
  for (const std::string& key : adopted) {
    const std::string& own = layer.Find(key)->incident();
    std::string& best = awaiting[RootOf(key, layer)];
    best = best.empty() ? own : Elder(*layer.FindIncident(best), *layer.FindIncident(own)).name();
  }
  std::map<std::string, std::vector<std::string>> new_trees;  // root -> members opened now
  for (const std::string& key : fresh) new_trees[RootOf(key, layer)].push_back(key);
  auto earliest_of = [&](const std::vector<std::string>& members) {
    return *std::min_element(
        members.begin(), members.end(), [&](const std::string& a, const std::string& b) {
          return std::pair(layer.Find(a)->onset(), a) < std::pair(layer.Find(b)->onset(), b);
        });
  };
  std::vector<std::pair<std::string, std::vector<std::string>>> by_age(new_trees.begin(),
                                                                       new_trees.end());
  std::sort(by_age.begin(), by_age.end(), [&](const auto& a, const auto& b) {
    std::string first_a = earliest_of(a.second), first_b = earliest_of(b.second);
    return std::pair(layer.Find(first_a)->onset(), first_a) <
           std::pair(layer.Find(first_b)->onset(), first_b);
  });
  for (auto& [root, members] : by_age) {
    std::string incident = layer.Find(root)->incident();
    if (incident.empty()) incident = Present(awaiting[root], layer);
    if (incident.empty()) incident = JoinKin(root, layer, touched);
    if (incident.empty()) {
      const Problem& named_after = *layer.Find(earliest_of(members));
      incident = IncidentName(named_after);
      v1::Incident& created = layer.EditIncident(incident);
      created.set_cluster(named_after.cluster());
      SetTime(TimeFromNanos(named_after.onset()), *created.mutable_open_time());
      CountChronic(root, layer);
    }
    for (const std::string& key : members) {
      Join(key, incident, layer);
      ListMember(*layer.Find(key), layer.EditIncident(incident));
    }
    touched.insert(incident);
  }
  // Roots that got a parent: their whole tree moves.
  for (const std::string& key : adopted) {
    std::string own = layer.Find(key)->incident();
    std::string theirs = layer.Find(RootOf(key, layer))->incident();
    if (own.empty() || theirs.empty() || own == theirs) continue;
    std::string root = RootOf(key, layer);
    if (!IsOneTree(*layer.FindIncident(own), root, layer)) {
      MoveTree(root, own, theirs, layer, touched);
      continue;
    }
    const v1::Incident& elder = Elder(*layer.FindIncident(own), *layer.FindIncident(theirs));
    std::string into = elder.name();
    std::string from = into == own ? theirs : own;
    Merge(from, into, layer, touched);
  }
  for (const auto& [key, candidates] : chosen) {
    const Problem& problem = *layer.Find(key);
    v1::Incident& incident = layer.EditIncident(problem.incident());
    for (const Candidate& candidate : candidates) {
      bool accepted = candidate.key == problem.parent();
      Explain(problem, candidate, accepted,
              candidate.sibling ? "said of the same by the same message, and first"
              : accepted        ? "narrowest shared scope, nearest onset"
                                : "a nearer cause was taken",
              layer, incident);
    }
  }
  for (const std::string& name : touched) RenderIncident(layer, layer.EditIncident(name));
}

void Refresh(const std::vector<std::string>& problem_keys, Layer& layer) {
  std::set<std::string> touched;
  for (const std::string& key : problem_keys) {
    const Problem* problem = layer.Find(key);
    if (problem != nullptr && !problem->incident().empty()) touched.insert(problem->incident());
  }
  for (const std::string& name : touched) RenderIncident(layer, layer.EditIncident(name));
}

}  // namespace tocsin::correlate
