// SPDX-License-Identifier: Apache-2.0
#include "correlate/kin.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/entity.h"
#include "base/row.h"
#include "correlate/incidents.h"
#include "correlate/problems.h"
#include "correlate/render.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;

EntityKind RollUpKind(EntityKind kind) {
  switch (kind) {
    case EntityKind::kContainer:
    case EntityKind::kPod:
      return EntityKind::kWorkload;
    case EntityKind::kNode:
      return EntityKind::kCluster;
    default:
      return EntityKind::kNone;
  }
}

std::string WaveName(std::string_view shared, int64_t hour) {
  return std::string(shared) + "@" + std::to_string(hour);
}

int64_t HourOf(const Problem& problem) {
  return problem.onset() / Duration(std::chrono::hours(1)).count();
}

// On how many nodes the incident shows this signature; no more than `limit` are counted.
int NodesWith(std::string_view signature, const v1::Incident& incident, int limit) {
  int count = 0;
  for (const v1::Problem& problem : incident.problems()) {
    if (problem.signature() == signature && ++count >= limit) break;
  }
  return count;
}

// Told by times of records alone: whether the end of the incident has been noticed by now does not
// matter.
bool StillGoesOn(const Problem& representative, const v1::Incident& incident, Time onset,
                 const Signature& signature) {
  if (signature.kind == Signature::Kind::kState) {
    return incident.state() != v1::Incident::RESOLVED ||
           GetTime(incident.resolve_time()) + kReopenWithin >= onset;
  }
  Time last = std::max(GetTime(incident.last_hit_time()), TimeFromNanos(representative.last()));
  Duration settles = IsFlapping(representative) ? kFlapWithin : Duration::zero();
  return last + signature.quiet + settles + kReopenWithin >= onset;
}

}  // namespace

bool Represents(const Problem& problem) {
  return !problem.incident().empty() && problem.parent().empty() && problem.kin_of().empty() &&
         problem.past_of().empty();
}

std::vector<std::string> RollUpNames(const Signature& signature, const Problem& problem) {
  EntityKind kind = RollUpKind(signature.entity);
  if (kind == EntityKind::kNone) return {};
  for (const std::string& entity : problem.related()) {
    if (EntityFromString(entity).kind != kind) continue;
    if (kind == EntityKind::kCluster) return {WaveName(entity, HourOf(problem))};
    return {entity + "@"};
  }
  return {};
}

std::optional<Kin> FindKin(const std::string& key, const Layer& layer) {
  const Problem& problem = *layer.Find(key);
  const Signature* signature = layer.catalogue().Find(problem.signature());
  if (signature == nullptr) return std::nullopt;
  std::vector<std::string> names = RollUpNames(*signature, problem);
  if (names.empty()) return std::nullopt;
  bool nodes = RollUpKind(signature->entity) == EntityKind::kCluster;
  std::string shared = names.front().substr(0, names.front().rfind('@'));
  if (nodes) names.push_back(WaveName(shared, HourOf(problem) - 1));
  Time onset = TimeFromNanos(problem.onset());

  // The incidents that this problem could be one with, by age.
  using Found = std::tuple<int64_t, int64_t, std::string, std::string>;  // opened, incident, key
  std::set<Found> found;
  int seen_on = 1;  // nodes
  for (const std::string& name : names) {
    for (const std::string& other : layer.Sharing(problem.cluster(), problem.signature(), name)) {
      const Problem* representative = layer.Find(other);
      if (representative == nullptr || other == key || !Represents(*representative)) continue;
      const v1::Incident* incident = layer.FindIncident(representative->incident());
      if (incident == nullptr) continue;
      int on = 0;
      if (nodes) {
        on = NodesWith(problem.signature(), *incident, kWaveNodes);
        Time last =
            std::max(GetTime(incident->last_hit_time()), TimeFromNanos(representative->last()));
        if (TimeFromNanos(representative->onset()) + kWaveWithin < onset &&
            (on < kWaveNodes || last + kWaveWithin < onset)) {
          continue;
        }
      } else if (!StillGoesOn(*representative, *incident, onset, *signature)) {
        continue;
      }
      // A layer may still list it under an hour in which it was open before: it counts once.
      if (found
              .emplace(incident->open_time().seconds(), incident->open_time().nanos(),
                       incident->name(), other)
              .second) {
        seen_on += on;
      }
    }
  }
  if (found.empty() || (nodes && seen_on < kWaveNodes)) return std::nullopt;
  Kin kin;
  kin.shared = std::move(shared);
  for (const auto& [seconds, nanos, incident, representative] : found) {
    if (kin.incident.empty()) {
      kin.incident = incident;
      kin.representative = representative;
    } else if (nodes && incident != kin.incident) {
      kin.merged.push_back(incident);
    }
  }
  return kin;
}

}  // namespace tocsin::correlate
