// SPDX-License-Identifier: Apache-2.0
#include "correlate/render.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/row.h"
#include "correlate/causes.h"
#include "correlate/decision.h"
#include "correlate/incidents.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;

uint32_t Saturated(int64_t count) {
  return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, std::numeric_limits<uint32_t>::max()));
}

v1::Severity ToProto(Severity severity) { return static_cast<v1::Severity>(severity); }

struct Member {
  std::string key;
  // As it is or, where it has gone on to another episode elsewhere, as it was. nullptr: forgotten.
  const Problem* problem;
  v1::Problem shown;
  const Problem* past = nullptr;  // an earlier episode in the same incident
};

std::string KeyOf(const v1::Incident& incident, const v1::Problem& problem) {
  return ProblemKey(incident.cluster(), problem.signature(),
                    problem.entity().kind() + "/" + problem.entity().name());
}

// Whether the parent is no cause but the first of the same group.
bool IsSibling(const Problem& problem, const Layer& layer) {
  const Problem* parent = layer.Find(problem.parent());
  const Signature* own = layer.catalogue().Find(problem.signature());
  if (parent == nullptr || own == nullptr || own->group.empty()) return false;
  const Signature* first = layer.catalogue().Find(parent->signature());
  return first != nullptr && first->group == own->group && parent->entity() == problem.entity();
}

v1::Problem Show(const Problem& problem, const Layer& layer) {
  v1::Problem shown;
  shown.set_signature(problem.signature());
  Entity entity = EntityFromString(problem.entity());
  shown.mutable_entity()->set_kind(std::string(EntityKindName(entity.kind)));
  shown.mutable_entity()->set_name(entity.name);
  if (!problem.nodes().empty()) shown.set_node(problem.nodes(0));
  shown.set_hit_count(Saturated(problem.hits()));
  shown.set_line_count(Saturated(problem.lines()));
  SetTime(TimeFromNanos(problem.first()), *shown.mutable_first_hit_time());
  SetTime(TimeFromNanos(problem.last()), *shown.mutable_last_hit_time());
  shown.set_state(problem.active() ? v1::Problem::ACTIVE : v1::Problem::CLEARED);
  if (const Signature* signature = layer.catalogue().Find(problem.signature())) {
    shown.set_severity(
        ToProto(layer.catalogue().In(*signature, problem.cluster(), NamespaceOf(entity)).severity));
    shown.set_title(std::string(Localised(signature->title)));
  }
  auto add_cause = [&](const std::string& key) {
    const Problem* cause = layer.Find(key);
    if (cause != nullptr) shown.add_caused_by(ProblemName(*cause));
  };
  if (!problem.parent().empty() && !IsSibling(problem, layer)) add_cause(problem.parent());
  for (const std::string& key : problem.caused_by()) add_cause(key);
  return shown;
}

// When the incident was quiet in between: the times in which no member was active. Computed from
// the members' spells and not from the order of events, so that it does not matter when an end was
// noticed.
int CountReopens(const std::vector<Member>& members) {
  std::vector<std::pair<int64_t, int64_t>> spells;
  for (const Member& member : members) {
    if (member.problem == nullptr) continue;
    for (const Problem::Spell& spell : member.problem->spells()) {
      spells.emplace_back(spell.onset(), spell.cleared());
    }
    spells.emplace_back(member.problem->onset(), member.problem->active()
                                                     ? std::numeric_limits<int64_t>::max()
                                                     : member.problem->cleared());
    if (member.past == nullptr) continue;
    for (const Problem::Spell& spell : member.past->spells()) {
      spells.emplace_back(spell.onset(), spell.cleared());
    }
    spells.emplace_back(member.past->onset(), member.past->cleared());
  }
  std::sort(spells.begin(), spells.end());
  int gaps = 0;
  int64_t until = spells.empty() ? 0 : spells.front().second;
  for (const auto& [onset, cleared] : spells) {
    if (onset > until) ++gaps;
    until = std::max(until, cleared);
  }
  return gaps;
}

void ShowPlaces(const std::vector<Member>& members, v1::Incident& incident) {
  std::set<std::string> nodes, pods, namespaces, workloads;
  for (const Member& member : members) {
    if (member.problem == nullptr) continue;
    nodes.insert(member.problem->nodes().begin(), member.problem->nodes().end());
    for (const std::string& related : member.problem->related()) {
      Entity entity = EntityFromString(related);
      if (entity.kind == EntityKind::kNode) nodes.insert(entity.name);
      if (entity.kind == EntityKind::kPod) pods.insert(entity.name);
      if (entity.kind == EntityKind::kNamespace) namespaces.insert(entity.name);
      if (entity.kind == EntityKind::kWorkload) workloads.insert(entity.name);
    }
  }
  auto show = [](const std::set<std::string>& names,
                 google::protobuf::RepeatedPtrField<std::string>& list) {
    list.Clear();
    for (const std::string& name : names) {
      if (list.size() == kListMax) break;
      *list.Add() = name;
    }
    return static_cast<uint32_t>(names.size());
  };
  incident.set_node_total(show(nodes, *incident.mutable_nodes()));
  incident.set_pod_total(show(pods, *incident.mutable_pods()));
  incident.set_namespace_total(show(namespaces, *incident.mutable_namespaces()));
  incident.set_workload_total(show(workloads, *incident.mutable_workloads()));
}

void ShowEvidence(const std::vector<Member>& members, v1::Incident& incident) {
  std::vector<std::pair<const state::v1::Sample*, const Problem*>> samples;
  for (const Member& member : members) {  // root first: it keeps its lines when the list is cut
    if (member.problem == nullptr) continue;
    int taken = 0;
    for (const state::v1::Sample& sample : member.problem->samples()) {
      if (samples.size() >= kEvidenceMax || taken++ >= kEvidencePerProblem) break;
      samples.emplace_back(&sample, member.problem);
    }
  }
  if (samples.empty()) return;
  std::stable_sort(samples.begin(), samples.end(),
                   [](const auto& a, const auto& b) { return SampleLess(*a.first, *b.first); });
  incident.clear_evidence();
  for (const auto& [sample, problem] : samples) {
    v1::Evidence* evidence = incident.add_evidence();
    SetTime(TimeFromNanos(sample->time()), *evidence->mutable_time());
    evidence->set_node(sample->node());
    evidence->set_stream(std::string(StreamName(static_cast<Stream>(sample->stream()))));
    evidence->set_text(sample->text());
    evidence->set_signature(problem->signature());
    v1::Source* source = evidence->mutable_source();
    if (sample->partition() < 0) {
      source->set_file(sample->source());
      source->set_line(sample->offset());
    } else {
      source->set_topic(sample->source());
      source->set_partition(sample->partition());
      source->set_offset(sample->offset());
    }
    source->set_index(sample->index());
  }
}

void ShowLifecycle(const std::vector<Member>& members, v1::Incident& incident) {
  bool active = false;
  int64_t open = std::numeric_limits<int64_t>::max(), last = 0, cleared = 0;
  int64_t hits = 0, lines = 0;
  bool flapping = false;
  uint32_t reason = v1::Incident::QUIET_PERIOD;
  Severity worst = Severity::kUnspecified, worst_active = Severity::kUnspecified;
  for (const Member& member : members) {
    Severity severity = static_cast<Severity>(member.shown.severity());
    worst = std::max(worst, severity);
    open = std::min(open, ToNanos(GetTime(member.shown.first_hit_time())));
    last = std::max(last, ToNanos(GetTime(member.shown.last_hit_time())));
    hits += member.shown.hit_count();
    lines += member.shown.line_count();
    if (member.problem == nullptr) continue;
    if (member.problem->active()) {
      active = true;
      worst_active = std::max(worst_active, severity);
      flapping = flapping || IsFlapping(*member.problem);
    } else if (member.problem->cleared() >= cleared) {
      cleared = member.problem->cleared();
      reason = member.problem->clear_reason();
    }
  }
  SetTime(TimeFromNanos(open), *incident.mutable_open_time());
  SetTime(TimeFromNanos(last), *incident.mutable_last_hit_time());
  incident.set_hit_count(Saturated(hits));
  incident.set_line_count(Saturated(lines));
  incident.set_severity(ToProto(active ? worst_active : worst));
  incident.set_flapping(flapping);
  incident.set_reopen_count(Saturated(CountReopens(members)));
  if (active) {
    incident.set_state(v1::Incident::OPEN);
    incident.clear_resolve_time();
    incident.set_resolve_reason(v1::Incident::RESOLVE_REASON_UNSPECIFIED);
  } else {
    incident.set_state(v1::Incident::RESOLVED);
    SetTime(TimeFromNanos(cleared), *incident.mutable_resolve_time());
    incident.set_resolve_reason(static_cast<v1::Incident::ResolveReason>(reason));
  }
}

void ShowRoot(const Layer& layer, const Member& root, v1::Incident& incident) {
  const Catalogue& catalogue = layer.catalogue();
  *incident.mutable_root_cause() = root.shown;
  if (root.problem != nullptr) incident.set_chronic(root.problem->chronic());
  incident.clear_hypotheses();
  incident.clear_references();
  const Signature* signature = catalogue.Find(root.shown.signature());
  if (signature == nullptr) return;  // the catalogue has changed: keep the texts we had
  std::vector<CauseOf> known_causes = catalogue.CausesOf(signature->id);
  std::erase_if(known_causes, [](const CauseOf& by) { return by.sibling; });
  incident.set_root_status(known_causes.empty() ? v1::Incident::OBSERVED
                                                : v1::Incident::SYMPTOM_ONLY);
  // Likeliest first: what shares the narrowest scope, then what is worst. Several edges of one
  // cause are one hypothesis.
  std::stable_sort(
      known_causes.begin(), known_causes.end(), [](const CauseOf& a, const CauseOf& b) {
        return std::tuple(static_cast<int>(a.edge.same), -static_cast<int>(a.cause->severity)) <
               std::tuple(static_cast<int>(b.edge.same), -static_cast<int>(b.cause->severity));
      });
  std::set<std::string_view> told;
  for (const CauseOf& by : known_causes) {
    if (!told.insert(by.cause->id).second) continue;
    v1::Hypothesis* hypothesis = incident.add_hypotheses();
    hypothesis->set_signature(by.cause->id);
    hypothesis->set_reason(std::string(Localised(by.cause->title)));
    hypothesis->set_check_command(by.cause->check);
  }
  for (const std::string& reference : signature->references) incident.add_references(reference);
  incident.set_check(signature->check);
  Localise(catalogue, "en", incident);
}

}  // namespace

void SetTime(Time time, google::protobuf::Timestamp& timestamp) {
  int64_t nanos = ToNanos(time);
  int64_t whole = nanos / 1'000'000'000, rest = nanos % 1'000'000'000;
  if (rest < 0) {  // protobuf wants the fraction to count forward
    rest += 1'000'000'000;
    --whole;
  }
  timestamp.set_seconds(whole);
  timestamp.set_nanos(static_cast<int32_t>(rest));
}

Time GetTime(const google::protobuf::Timestamp& timestamp) {
  return TimeFromNanos(timestamp.seconds() * 1'000'000'000 + timestamp.nanos());
}

void ListMember(const Problem& problem, v1::Incident& incident) {
  Entity entity = EntityFromString(problem.entity());
  for (const v1::Problem& member : incident.problems()) {
    if (member.signature() == problem.signature() &&
        member.entity().kind() == EntityKindName(entity.kind) &&
        member.entity().name() == entity.name) {
      return;
    }
  }
  v1::Problem* member = incident.add_problems();
  member->set_signature(problem.signature());
  member->mutable_entity()->set_kind(std::string(EntityKindName(entity.kind)));
  member->mutable_entity()->set_name(entity.name);
}

void RenderIncident(const Layer& layer, v1::Incident& incident) {
  std::map<std::string, Member> by_key;
  for (const v1::Problem& problem : incident.problems()) {
    std::string key = KeyOf(incident, problem);
    const Problem* current = layer.Find(key);
    const Problem* past = layer.FindPast(key, incident.name());
    bool ours = current != nullptr && current->incident() == incident.name();
    if (!ours) current = past;
    Member& member = by_key[key];
    member = {key, current, current != nullptr ? Show(*current, layer) : problem};
    if (ours && past != nullptr) {
      member.past = past;
      member.shown.set_hit_count(Saturated(current->hits() + past->hits()));
      member.shown.set_line_count(Saturated(current->lines() + past->lines()));
      SetTime(TimeFromNanos(std::min(current->first(), past->first())),
              *member.shown.mutable_first_hit_time());
    }
  }
  std::vector<Member> members;
  for (auto& [key, member] : by_key) members.push_back(std::move(member));
  // The root first, then in the order in which things began.
  std::sort(members.begin(), members.end(), [&](const Member& a, const Member& b) {
    auto rank = [&](const Member& m) {
      bool root = m.problem != nullptr && m.problem->parent().empty();
      return std::tuple(!root, ToNanos(GetTime(m.shown.first_hit_time())), std::string_view(m.key));
    };
    return rank(a) < rank(b);
  });
  if (members.empty()) return;
  incident.clear_problems();
  for (const Member& member : members) *incident.add_problems() = member.shown;
  ShowRoot(layer, members.front(), incident);
  ShowLifecycle(members, incident);
  ApplyDecision(layer, incident);
  ShowPlaces(members, incident);
  ShowEvidence(members, incident);
  incident.set_catalogue_version(layer.catalogue().version());
}

void Localise(const Catalogue& catalogue, std::string_view lang, v1::Incident& incident) {
  auto title = [&](v1::Problem& problem) {
    if (const Signature* signature = catalogue.Find(problem.signature())) {
      problem.set_title(std::string(Localised(signature->title, lang)));
    }
  };
  title(*incident.mutable_root_cause());
  for (v1::Problem& problem : *incident.mutable_problems()) title(problem);
  if (const Signature* root = catalogue.Find(incident.root_cause().signature())) {
    incident.set_title(std::string(Localised(root->title, lang)));
    incident.set_cause(std::string(Localised(root->cause, lang)));
    incident.set_remedy(std::string(Localised(root->remedy, lang)));
  }
  for (v1::Hypothesis& hypothesis : *incident.mutable_hypotheses()) {
    if (const Signature* signature = catalogue.Find(hypothesis.signature())) {
      hypothesis.set_reason(std::string(Localised(signature->title, lang)));
    }
  }
}

}  // namespace tocsin::correlate
