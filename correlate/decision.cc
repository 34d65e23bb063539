// SPDX-License-Identifier: Apache-2.0
#include "correlate/decision.h"

#include <algorithm>

#include "base/row.h"
#include "base/status.h"
#include "correlate/incidents.h"
#include "correlate/render.h"

namespace tocsin::correlate {
namespace {

using state::v1::Decision;
using state::v1::Problem;

// No signature has such a name.
constexpr std::string_view kName = "~decision";

std::string KeyOf(const std::string& cluster, const std::string& incident) {
  return ProblemKey(cluster, std::string(kName), incident);
}

Problem& EditMemory(const std::string& cluster, const std::string& incident, Layer& layer) {
  Problem& memory = layer.Edit(KeyOf(cluster, incident));
  if (memory.signature().empty()) {
    memory.set_cluster(cluster);
    memory.set_signature(std::string(kName));
    memory.set_entity(incident);
    memory.set_incident(incident);
  }
  return memory;
}

}  // namespace

absl::Status CheckVerdict(Verdict verdict, const v1::Incident& shown) {
  const bool resolved = shown.state() == v1::Incident::RESOLVED;
  if (shown.resolve_reason() == v1::Incident::MERGED) {
    return FailedPrecondition("it is part of {} now: decide about that", shown.merged_into());
  }
  switch (verdict) {
    case Verdict::kAcknowledge:
      if (resolved) return FailedPrecondition("it is resolved: only what is open is acknowledged");
      if (shown.state() == v1::Incident::ACKNOWLEDGED) {
        return FailedPrecondition("{} has acknowledged it already", shown.acknowledged_by());
      }
      break;
    case Verdict::kResolve:
      if (resolved) return FailedPrecondition("it is resolved already");
      break;
    case Verdict::kReopen:
      if (!resolved) return FailedPrecondition("it is open: only what is resolved is reopened");
      break;
  }
  return absl::OkStatus();
}

void Decide(Verdict verdict, const v1::Incident& shown, const std::string& who,
            const std::string& note, Time at, const std::string& request, Layer& layer) {
  Problem& memory = EditMemory(shown.cluster(), shown.name(), layer);
  memory.set_last(std::max(memory.last(), ToNanos(at)));
  Decision& decision = *memory.mutable_decision();
  decision.set_who(who);
  decision.set_note(note);
  decision.set_request(request);
  // Where the log runs ahead of the clock, what was seen was still seen before the decision.
  const int64_t seen = ToNanos(GetTime(shown.last_hit_time()));
  const int64_t time = std::max(ToNanos(at), seen);
  switch (verdict) {
    case Verdict::kAcknowledge:
      decision.set_acknowledged(time);
      decision.set_acknowledged_by(who);
      decision.set_reopens(shown.reopen_count());
      break;
    case Verdict::kResolve:
      decision.set_resolved(time);
      decision.set_seen(seen);
      decision.set_resolved_reopens(shown.reopen_count());
      break;
    case Verdict::kReopen:
      decision.set_resolved(0);
      decision.set_reopened(std::max(time, ToNanos(GetTime(shown.resolve_time()))));
      decision.set_acknowledged(0);
      break;
  }
  if (layer.FindIncident(shown.name()) != nullptr) {
    RenderIncident(layer, layer.EditIncident(shown.name()));
  }
}

const Decision* FindDecision(const Layer& layer, const std::string& cluster,
                             const std::string& incident) {
  const Problem* memory = layer.Find(KeyOf(cluster, incident));
  return memory != nullptr && memory->has_decision() ? &memory->decision() : nullptr;
}

void ApplyDecision(const Layer& layer, v1::Incident& incident) {
  incident.clear_acknowledge_time();
  incident.clear_acknowledged_by();
  incident.clear_note();
  const Decision* decision = FindDecision(layer, incident.cluster(), incident.name());
  if (decision == nullptr) return;
  incident.set_note(decision->note());
  const int64_t last = ToNanos(GetTime(incident.last_hit_time()));
  const bool over = incident.state() == v1::Incident::RESOLVED;
  const int64_t ended = over ? ToNanos(GetTime(incident.resolve_time())) : 0;
  if (decision->resolved() != 0) {
    if (last <= decision->seen()) {
      // If the log knows of an earlier end, that is the truth.
      if (over && ended <= decision->resolved() && decision->reopened() <= ended) return;
      incident.set_state(v1::Incident::RESOLVED);
      incident.set_resolve_reason(v1::Incident::OPERATOR);
      SetTime(TimeFromNanos(decision->resolved()), *incident.mutable_resolve_time());
      return;
    }
    // It went on after it was resolved; where the log saw it end as well, that is counted already.
    if (incident.reopen_count() <= decision->resolved_reopens()) {
      incident.set_reopen_count(decision->resolved_reopens() + 1);
    }
    if (decision->acknowledged() < decision->resolved()) return;
  }
  if (over && decision->reopened() > ended) {
    incident.set_state(v1::Incident::OPEN);
    incident.set_resolve_reason(v1::Incident::RESOLVE_REASON_UNSPECIFIED);
    incident.clear_resolve_time();
  }
  if (incident.state() == v1::Incident::RESOLVED || decision->acknowledged() == 0) return;
  // What came back after it was over is news again.
  if (incident.reopen_count() > decision->reopens()) return;
  incident.set_state(v1::Incident::ACKNOWLEDGED);
  incident.set_acknowledged_by(decision->acknowledged_by());
  SetTime(TimeFromNanos(decision->acknowledged()), *incident.mutable_acknowledge_time());
}

void MoveDecision(const std::string& cluster, const std::string& from, const std::string& into,
                  Layer& layer) {
  const Decision* old = FindDecision(layer, cluster, from);
  if (old == nullptr || FindDecision(layer, cluster, into) != nullptr) return;
  Decision moved = *old;
  const int64_t last = layer.Find(KeyOf(cluster, from))->last();
  Problem& memory = EditMemory(cluster, into, layer);
  memory.set_last(last);
  *memory.mutable_decision() = std::move(moved);
}

}  // namespace tocsin::correlate
