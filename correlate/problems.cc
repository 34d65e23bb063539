// SPDX-License-Identifier: Apache-2.0
//
// A problem is one signature at one entity. Hits fall into slots; while the problem is not active,
// the slots of the threshold's window are kept, and when their sum reaches the threshold the
// problem opens with its onset at the window's first hit. All times that are written are times of
// records, never of processing, so the outcome does not depend on when this code runs. In
// particular a hit that comes after the quiet time itself proves that the problem had ended:
// whether the end was noticed before the hit or only because of it, the same end is written.
#include "correlate/problems.h"

#include <algorithm>
#include <set>

#include "base/row.h"
#include "correlate/occurrences.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;
using state::v1::Row;

constexpr int kEventsMax = 1000;  // event uids remembered per problem
constexpr int kNodesMax = kRelatedMax;

void End(Time at, v1::Incident::ResolveReason reason, Problem& problem) {
  problem.set_active(false);
  problem.set_cleared(ToNanos(at));
  problem.set_clear_reason(reason);
}

// As End, but what flaps must first be well for a while. The caller watches its new deadline.
void Recover(Time at, Problem& problem) {
  if (!IsFlapping(problem)) return End(at, v1::Incident::CLEAR_SIGNATURE, problem);
  if (problem.settling() == 0) problem.set_settling(ToNanos(at));
}

// Why the problem ends when its quiet time is over.
v1::Incident::ResolveReason EndsBy(const Problem& problem, const Layer& layer) {
  if (problem.settling() != 0) return v1::Incident::CLEAR_SIGNATURE;
  const Signature* signature = layer.catalogue().Find(problem.signature());
  bool state = signature != nullptr && signature->kind == Signature::Kind::kState;
  return state ? v1::Incident::STALE : v1::Incident::QUIET_PERIOD;
}

// Hits that the event versions of a row add: an event that comes again with a higher count stands
// for the difference. The first version seen of a uid counts 1.
int64_t EventHits(const Row& row, Problem& problem) {
  int64_t hits = 0;
  for (const state::v1::EventVersion& version : row.versions()) {
    auto* events = problem.mutable_events();
    auto it = std::find_if(events->begin(), events->end(),
                           [&](const Problem::EventCounts& e) { return e.uid() == version.uid(); });
    if (it == events->end()) {
      if (events->size() >= kEventsMax) {
        auto oldest =
            std::min_element(events->begin(), events->end(),
                             [](const Problem::EventCounts& a, const Problem::EventCounts& b) {
                               return std::pair(a.slot(), a.uid()) < std::pair(b.slot(), b.uid());
                             });
        events->erase(oldest);
      }
      Problem::EventCounts* counts = events->Add();
      counts->set_uid(version.uid());
      counts->set_low(version.count());
      counts->set_high(version.count());
      counts->set_slot(row.slot());
      hits += 1;
      continue;
    }
    if (version.count() > it->high()) {
      hits += version.count() - it->high();
      it->set_high(version.count());
    } else if (version.count() < it->low()) {
      hits += it->low() - version.count();
      it->set_low(version.count());
    }
    it->set_slot(std::max<int64_t>(it->slot(), row.slot()));
  }
  return hits;
}

// Drops what has left the threshold's window.
void Prune(Slot slot, const Signature& signature, Problem& problem) {
  int64_t slots = std::max<int64_t>(1, signature.threshold_within / kSlotLength);
  auto* window = problem.mutable_window();
  int drop = 0;
  while (drop < window->size() && window->Get(drop).slot() <= slot - slots) ++drop;
  if (drop > 0) window->DeleteSubrange(0, drop);
}

// What the window adds up to: hits, or different values.
int64_t Sum(const Signature& signature, const Problem& problem) {
  int64_t hits = 0;
  google::protobuf::RepeatedField<uint64_t> values;
  for (const Problem::Bucket& bucket : problem.window()) {
    hits += bucket.hits();
    for (uint64_t value : bucket.distinct()) AddDistinct(value, values);
  }
  return signature.threshold_distinct.empty() ? hits : values.size();
}

bool IsOverThreshold(const Signature& signature, const Problem& problem) {
  if (Sum(signature, problem) < signature.threshold_count) return false;
  if (signature.ratio_of.empty()) return true;
  int64_t hits = 0, of = 0;
  for (const Problem::Bucket& bucket : problem.window()) {
    hits += bucket.hits();
    of += bucket.of();
  }
  // Nothing to compare with: it is not logged, or not shipped.
  return of > 0 && static_cast<double>(hits) >= signature.ratio_over * static_cast<double>(of);
}

// Nothing of the past episode can still be joined: begin anew, keeping what identifies the problem
// and the event counts (an old event that comes again is not new hits).
bool IsOver(const Problem& problem, Time now) {
  return !problem.active() && problem.window().empty() &&
         (problem.episode() == 0 || now - TimeFromNanos(problem.cleared()) > kReopenWithin);
}

void BeginAnew(Problem& problem) {
  Problem fresh;
  fresh.set_cluster(problem.cluster());
  fresh.set_signature(problem.signature());
  fresh.set_entity(problem.entity());
  fresh.mutable_events()->Swap(problem.mutable_events());
  fresh.mutable_open()->Swap(problem.mutable_open());
  problem = std::move(fresh);
}

// Whether it ended because its time was over, and not by what a record said.
bool EndedByTime(const Problem& problem) {
  return problem.clear_reason() == v1::Incident::QUIET_PERIOD ||
         problem.clear_reason() == v1::Incident::STALE ||
         (problem.clear_reason() == v1::Incident::CLEAR_SIGNATURE && problem.settling() != 0);
}

// A hit that came late, from within a quiet time that was believed: it had not ended.
bool WasNotQuiet(const Problem& problem, int64_t hit) {
  return !problem.active() && problem.episode() != 0 && EndedByTime(problem) &&
         hit < problem.cleared() && hit > problem.settling();
}

void TakeBackEnd(Problem& problem) {
  problem.set_active(true);
  problem.set_cleared(0);
  problem.set_clear_reason(0);
  problem.clear_window();
}

// Whether a hit can open the problem. What is logged of the time before a recovery but comes after
// it counts, and opens nothing again.
bool MayOpen(const Problem& problem, int64_t last_hit) {
  return !problem.active() &&
         (problem.episode() == 0 || problem.clear_reason() == v1::Incident::QUIET_PERIOD ||
          last_hit > problem.cleared());
}

int64_t FirstOfWindow(const Problem& problem) {
  int64_t first = 0;
  for (const Problem::Bucket& bucket : problem.window()) {
    if (bucket.hits() > 0 && (first == 0 || bucket.first() < first)) first = bucket.first();
  }
  return first;
}

void StopWaiting(Problem& problem) {
  problem.set_over_since(0);
  problem.set_over_onset(0);
  problem.set_waiting(0);
}

// When it began to flap: the third time in an hour that it comes back. `onset` is the present one.
int64_t SwingOf(const Problem& problem, int64_t onset) {
  // The first spell of all is no return, nor is the oldest that is still remembered.
  int earlier = problem.spells_size() - (kFlapReopens - 1);
  if (earlier < 1) return 0;
  return onset - problem.spells(earlier).onset() <= kFlapWithin.count() ? onset : 0;
}

// A flapping problem is hit again after it had been well.
void Swing(const Signature& signature, int64_t first, int64_t last, Problem& problem) {
  if (problem.swung() == 0 || !problem.active()) return;
  if (problem.settling() != 0 && last > problem.settling()) {
    problem.set_swung(std::max(first, problem.settling()));
    problem.set_settling(0);
  } else if (problem.settling() == 0 && IsFlapping(problem) &&
             signature.kind == Signature::Kind::kOccurrence &&
             first - problem.last() > signature.quiet.count()) {
    problem.set_swung(first);
  }
}

// The caller knows that it opened.
void Open(int64_t onset, Problem& problem) {
  StopWaiting(problem);
  if (problem.episode() == 0) {
    problem.set_episode(onset);
  } else {
    problem.set_reopens(problem.reopens() + 1);
    Problem::Spell* spell = problem.add_spells();
    spell->set_onset(problem.onset());
    spell->set_cleared(problem.cleared());
    problem.set_swung(SwingOf(problem, onset));
    if (problem.spells_size() > kSpellsMax) problem.mutable_spells()->DeleteSubrange(0, 1);
  }
  problem.set_settling(0);
  problem.set_active(true);
  problem.set_onset(onset);
  problem.set_cleared(0);
  problem.set_clear_reason(0);
  problem.clear_window();
}

// Takes the hits of a slot into the window. Returns true if that opened the problem.
bool CountHits(Slot slot, int64_t hits, int64_t first, int64_t last,
               std::span<const Row* const> rows, const Signature& signature, Problem& problem) {
  // Over the threshold without a break: also with what had come before this slot.
  if (problem.over_since() != 0 && signature.kind == Signature::Kind::kOccurrence &&
      !IsOverThreshold(signature, problem)) {
    StopWaiting(problem);
  }
  auto* window = problem.mutable_window();
  if (window->empty() || window->rbegin()->slot() != slot) window->Add()->set_slot(slot);
  Problem::Bucket& bucket = *window->rbegin();
  bucket.set_hits(bucket.hits() + hits);
  bucket.set_first(bucket.first() == 0 ? first : std::min(bucket.first(), first));
  for (const Row* row : rows) {
    for (uint64_t value : row->distinct()) AddDistinct(value, *bucket.mutable_distinct());
  }
  if (!IsOverThreshold(signature, problem)) return false;
  if (signature.threshold_for == Duration::zero()) {
    Open(FirstOfWindow(problem), problem);
    return true;
  }
  if (problem.over_since() == 0) {
    problem.set_over_since(first);
    problem.set_over_onset(FirstOfWindow(problem));
    // Of a state nothing more will be said: rules.cc tells when it has lasted.
    if (signature.kind == Signature::Kind::kState) problem.set_waiting(first);
  }
  if (last - problem.over_since() < signature.threshold_for.count()) return false;
  Open(problem.over_onset(), problem);
  return true;
}

// One problem's rows of one slot (they differ in node and stream only). Returns true if it opened.
bool FoldProblem(std::span<const Row* const> rows, const Signature& signature, Layer& layer,
                 std::string& key) {
  const Row& head = *rows.front();
  key = ProblemKey(head.cluster(), head.signature(), head.entity());
  Problem& problem = layer.Edit(key);
  if (problem.signature().empty()) {
    problem.set_cluster(head.cluster());
    problem.set_signature(head.signature());
    problem.set_entity(head.entity());
  }

  int64_t first = head.first();
  for (const Row* row : rows) first = std::min(first, row->first());
  Time first_time = TimeFromNanos(first);
  Prune(head.slot(), signature, problem);
  if (WasNotQuiet(problem, first)) TakeBackEnd(problem);
  if (IsOver(problem, first_time)) {
    // Only an incident with other members can be rendered again.
    const v1::Incident* incident = layer.FindIncident(problem.incident());
    if (incident != nullptr && incident->problems_size() > 1) {
      layer.KeepPast(problem, problem.incident());
    }
    BeginAnew(problem);
  }

  int64_t hits = 0, last = 0;
  for (const Row* row : rows) last = std::max(last, row->last());
  Swing(signature, first, last, problem);
  for (const Row* row : rows) {
    hits += EventHits(*row, problem);
    problem.set_lines(problem.lines() + row->lines());
    problem.set_first(problem.first() == 0 ? row->first()
                                           : std::min(problem.first(), row->first()));
    problem.set_last(std::max(problem.last(), row->last()));
    bool dropped = row->related_dropped() != 0;
    for (const std::string& entity : row->related()) {
      dropped |= !AddToSet(entity, kRelatedMax, *problem.mutable_related());
    }
    if (dropped) problem.set_related_dropped(1);
    if (!row->node().empty()) AddToSet(row->node(), kNodesMax, *problem.mutable_nodes());
    for (const state::v1::Sample& sample : row->samples()) {
      AddSample(sample, kSamplesMax, *problem.mutable_samples());
    }
  }
  hits += CountOccurrences(rows, signature, problem);
  problem.set_hits(problem.hits() + hits);

  bool opened = false;
  if (MayOpen(problem, last) && hits > 0) {
    opened = CountHits(head.slot(), hits, first, last, rows, signature, problem);
  }
  if (problem.episode() != 0) layer.Index(key, problem);
  layer.Watch(key, problem);
  return opened;
}

// A record that proves recovery ends what it names, unless a later hit stands against it.
void FoldClear(std::span<const Row* const> rows, const Signature& clearer, Layer& layer,
               std::set<std::string>& touched) {
  for (const Signature* cleared : layer.catalogue().ClearedBy(clearer.id)) {
    for (const Row* row : rows) {
      for (const std::string& entity : row->related()) {
        if (EntityFromString(entity).kind != cleared->entity) continue;
        // One that was not open yet did not last.
        std::string own = ProblemKey(row->cluster(), cleared->id, entity);
        if (const Problem* waits = layer.Find(own);
            waits != nullptr && waits->over_since() != 0 && row->last() >= waits->over_since()) {
          StopWaiting(layer.Edit(own));
          layer.Edit(own).clear_window();
        }
        for (const std::string& key : layer.Sharing(row->cluster(), cleared->id, entity)) {
          const Problem* found = layer.Find(key);
          if (found == nullptr || found->entity() != entity) continue;
          if (row->last() < found->last()) continue;
          Time at = TimeFromNanos(row->first() >= found->last() ? row->first() : row->last());
          // A recovery that comes late is believed before the quiet time that came early.
          if (!found->active() && !WasNotQuiet(*found, ToNanos(at))) continue;
          Time quiet = QuietDeadline(layer.catalogue(), *found);
          if (quiet <= at) {  // it had ended by itself; this record proves that we would have heard
            End(quiet, EndsBy(*found, layer), layer.Edit(key));
          } else {
            Problem& problem = layer.Edit(key);
            if (!problem.active()) TakeBackEnd(problem);
            Recover(at, problem);
            layer.Watch(key, *layer.Find(key));
          }
          touched.insert(key);
        }
      }
    }
  }
}

// The node that a record tells the removal of takes with it what was open on it alone: nobody will
// ever say that it recovered, and no line of it will end a quiet time.
void FoldRemoval(const Row& row, const Signature& removal, Layer& layer,
                 std::set<std::string>& touched) {
  for (const std::string& entity : row.related()) {
    if (EntityFromString(entity).kind != removal.entity) continue;
    const std::string node(EntityFromString(entity).name);
    for (const std::string& key : layer.OnNode(row.cluster(), node)) {
      const Problem* found = layer.Find(key);
      if (found == nullptr || !found->active()) continue;
      if (found->nodes_size() > 1 || (found->nodes_size() == 1 && found->nodes(0) != node) ||
          (found->nodes().empty() && found->entity() != entity)) {
        continue;
      }
      Time at = TimeFromNanos(std::max(row.first(), found->last()));
      if (row.last() < found->last()) continue;  // it was there afterwards
      Time quiet = QuietDeadline(layer.catalogue(), *found);
      if (quiet <= at) {
        End(quiet, EndsBy(*found, layer), layer.Edit(key));
      } else {
        End(at, v1::Incident::NODE_GONE, layer.Edit(key));
      }
      touched.insert(key);
    }
  }
}

// Calls `take` with the rows of each (cluster, signature, entity).
template <typename Take>
void ForEachGroup(std::span<const Row* const> rows, Take take) {
  auto same = [](const Row& a, const Row& b) {
    return a.signature() == b.signature() && a.cluster() == b.cluster() && a.entity() == b.entity();
  };
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    end = begin + 1;
    while (end < rows.size() && same(*rows[begin], *rows[end])) ++end;
    take(rows.subspan(begin, end - begin));
  }
}

}  // namespace

std::vector<std::string> EndOverdue(std::span<const Row* const> rows, Layer& layer) {
  std::vector<std::string> ended;
  ForEachGroup(rows, [&](std::span<const Row* const> group) {
    std::string key = ProblemKey(group[0]->cluster(), group[0]->signature(), group[0]->entity());
    const Problem* problem = layer.Find(key);
    if (problem == nullptr || !problem->active()) return;
    int64_t first = group[0]->first();
    for (const Row* row : group) first = std::min(first, row->first());
    Time deadline = QuietDeadline(layer.catalogue(), *problem);
    if (deadline > TimeFromNanos(first)) return;
    End(deadline, EndsBy(*problem, layer), layer.Edit(key));
    ended.push_back(std::move(key));
  });
  return ended;
}

Transitions FoldRows(std::span<const Row* const> rows, Layer& layer,
                     const std::vector<std::string>& lasted,
                     const std::vector<std::pair<std::string, Time>>& ended) {
  std::set<std::string> touched;
  Transitions transitions;
  struct Clear {
    std::span<const Row* const> rows;
    const Signature* signature;
  };
  std::vector<Clear> clears;
  ForEachGroup(rows, [&](std::span<const Row* const> group) {
    const Signature* signature = layer.catalogue().Find(group[0]->signature());
    if (signature == nullptr) return;
    if (!layer.catalogue().ClearedBy(signature->id).empty()) clears.push_back({group, signature});
    signature = &layer.catalogue().In(*signature, group[0]->cluster(),
                                      NamespaceOf(EntityFromString(group[0]->entity())));
    if (signature->off || signature->shadow) return;     // what is derived comes as far as this
    if (signature->severity <= Severity::kInfo) return;  // it tags, and may clear; it never opens
    std::string key;
    if (FoldProblem(group, *signature, layer, key)) transitions.opened.push_back(key);
    touched.insert(std::move(key));
  });
  // After all hits of the slot, so that a hit and its recovery in the same ten seconds are ordered
  // by their times and not by the names of their signatures.
  for (const Clear& clear : clears) FoldClear(clear.rows, *clear.signature, layer, touched);
  for (const Row* row : rows) {
    for (const Signature* removal : layer.catalogue().Removals()) {
      if (row->signature() == removal->id) FoldRemoval(*row, *removal, layer, touched);
    }
  }
  for (const auto& [key, at] : ended) {
    if (!layer.Find(key)->active()) continue;
    Recover(at, layer.Edit(key));
    layer.Watch(key, *layer.Find(key));
    touched.insert(key);
  }
  for (const std::string& key : lasted) {
    const Problem* problem = layer.Find(key);
    if (problem->over_since() == 0 || problem->active()) continue;
    Open(problem->over_onset(), layer.Edit(key));
    layer.Index(key, *layer.Find(key));
    layer.Watch(key, *layer.Find(key));
    transitions.opened.push_back(key);
    touched.insert(key);
  }
  std::sort(transitions.opened.begin(), transitions.opened.end());
  transitions.touched.assign(touched.begin(), touched.end());
  return transitions;
}

std::vector<std::string> EndQuiet(Time until, Layer& layer) {
  std::vector<std::string> ended;
  for (const std::string& key : layer.QuietBy(until)) {
    const Problem* problem = layer.Find(key);
    Time deadline = QuietDeadline(layer.catalogue(), *problem);
    // A problem seen on many nodes is over when any of them is still heard: its entity is wider
    // than a node, and one node that keeps logging without the failure is proof enough.
    bool heard =
        problem->nodes().empty() && layer.base().LastHeard(problem->cluster(), "") >= deadline;
    for (const std::string& node : problem->nodes()) {
      heard = heard || layer.base().LastHeard(problem->cluster(), node) >= deadline;
    }
    // A state ends by being said to end. One that was not said again for very long is unknown.
    v1::Incident::ResolveReason reason = EndsBy(*problem, layer);
    // And of what came and went the recovery was said.
    if (!heard && reason == v1::Incident::QUIET_PERIOD) continue;
    End(deadline, reason, layer.Edit(key));
    ended.push_back(key);
  }
  return ended;
}

}  // namespace tocsin::correlate
