// SPDX-License-Identifier: Apache-2.0
#include "correlate/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/row.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;
using state::v1::Row;

constexpr int kHeldMax = 64;
// A row is filed up to this much after its own time; what is remembered must outlast that.
constexpr Duration kSlack = kAllowedLateness + kSlotLength;

// One slot's work.
class Slotwork {
 public:
  Slotwork(Slot slot, Layer& layer) : slot_(slot), layer_(layer) {}

  Ruled Run(std::span<const Row* const> rows);

 private:
  void Split(std::span<const Row* const> rows);
  void Near(const Signature& signature);
  void Sequence(const Signature& signature);
  void Await(const Signature& signature);
  void CountRatio(const Signature& signature);
  void Volume(const Signature& signature);
  void Silence(const Signature& signature);
  void FireWaiting();
  bool HeardAtOrAfter(const Problem& problem, Time time) const;

  // The record of a rule at an entity.
  Problem& Memory(const std::string& cluster, const Signature& signature, std::string_view rule,
                  const std::string& entity);
  Row& Make(const Problem& memory, const Signature& signature, int64_t first, int64_t last);
  const std::vector<const Row*>& Of(const std::string& id) const;

  const Slot slot_;
  Layer& layer_;
  Ruled out_;
  std::map<std::string, std::vector<const Row*>> by_signature_;
  std::vector<const Row*> tallies_;
  // (cluster, node) -> latest event time of the slot's tallies, "" for the whole cluster.
  std::map<std::pair<std::string, std::string>, int64_t> heard_;
};

bool IsOfKind(const std::string& entity, EntityKind kind) {
  return EntityFromString(entity).kind == kind;
}

template <typename Visit>
void ForEachOfKind(const Row& row, EntityKind kind, Visit visit) {
  for (const std::string& entity : row.related()) {
    if (IsOfKind(entity, kind)) visit(entity);
  }
}

// The canonical ids: a rule may name an alias.
std::set<std::string> Canonical(const Catalogue& catalogue, const std::vector<std::string>& ids) {
  std::set<std::string> out;
  for (const std::string& id : ids) {
    if (const Signature* found = catalogue.Find(id)) out.insert(found->id);
  }
  return out;
}

Problem& Slotwork::Memory(const std::string& cluster, const Signature& signature,
                          std::string_view rule, const std::string& entity) {
  return RuleMemory(cluster, signature, rule, entity, layer_);
}

// Remembers who was involved and what was said.
void Remember(const Row& row, Problem& memory) {
  memory.set_last(std::max(memory.last(), row.last()));
  for (const std::string& entity : row.related()) {
    AddToSet(entity, kRelatedMax, *memory.mutable_related());
  }
  if (!row.node().empty()) AddToSet(row.node(), kRelatedMax, *memory.mutable_nodes());
  for (const state::v1::Sample& sample : row.samples()) {
    AddSample(sample, kSamplesMax, *memory.mutable_samples());
  }
}

void Forget(Problem& memory) {
  memory.clear_related();
  memory.clear_nodes();
  memory.clear_samples();
  memory.clear_steps();
  memory.set_waiting(0);
}

Row& Slotwork::Make(const Problem& memory, const Signature& signature, int64_t first,
                    int64_t last) {
  Row& row = out_.made.emplace_back();
  row.set_cluster(memory.cluster());
  if (memory.nodes_size() == 1) row.set_node(memory.nodes(0));
  row.set_signature(signature.id);
  row.set_entity(memory.entity());
  row.set_slot(slot_);
  row.set_hits(1);
  row.set_first(first);
  row.set_last(last);
  *row.mutable_related() = memory.related();
  AddToSet(memory.entity(), kRelatedMax, *row.mutable_related());
  *row.mutable_samples() = memory.samples();
  return row;
}

const std::vector<const Row*>& Slotwork::Of(const std::string& id) const {
  static const std::vector<const Row*> kNone;
  auto it = by_signature_.find(id);
  return it == by_signature_.end() ? kNone : it->second;
}

void Slotwork::Split(std::span<const Row* const> rows) {
  for (const Row* row : rows) {
    if (!IsTally(*row)) {
      by_signature_[row->signature()].push_back(row);
      continue;
    }
    tallies_.push_back(row);
    for (const std::string& node : {row->node(), std::string()}) {
      int64_t& last = heard_[{row->cluster(), node}];
      last = std::max(last, row->last());
    }
  }
}

// --- requires_near ---

void Slotwork::Near(const Signature& signature) {
  const tocsin::Near& near = *signature.requires_near;
  const int64_t within = near.within.count();
  const int64_t kept_since = ToNanos(SlotBegin(slot_) - near.within - kSlack);
  auto memory_of = [&](const Row& row, const std::string& entity) -> Problem& {
    Problem& memory = Memory(row.cluster(), signature, "near", entity);
    memory.set_last(std::max(memory.last(), row.last()));
    auto* seen = memory.mutable_window();
    while (!seen->empty() && seen->Get(0).hits() < kept_since) seen->DeleteSubrange(0, 1);
    auto* held = memory.mutable_held();
    while (!held->empty() &&
           (ToNanos(SlotEnd(held->Get(0).slot())) < kept_since || held->size() > kHeldMax)) {
      held->DeleteSubrange(0, 1);
    }
    return memory;
  };
  auto beside = [&](const Row& row, const Problem& memory) {
    return std::any_of(
        memory.window().begin(), memory.window().end(), [&](const Problem::Bucket& seen) {
          return seen.first() - within <= row.last() && row.first() <= seen.hits() + within;
        });
  };
  // Neighbours: a bucket of `window` holds the first and (in `hits`) the last time of a slot.
  for (const std::string& id : Canonical(layer_.catalogue(), near.ids)) {
    for (const Row* row : Of(id)) {
      ForEachOfKind(*row, near.same, [&](const std::string& entity) {
        Problem& memory = memory_of(*row, entity);
        Problem::Bucket* seen = memory.add_window();
        seen->set_slot(slot_);
        seen->set_first(row->first());
        seen->set_hits(row->last());
        google::protobuf::RepeatedPtrField<Row> rest;
        for (Row& held : *memory.mutable_held()) {
          if (beside(held, memory)) {
            held.set_slot(slot_);
            out_.made.push_back(std::move(held));
          } else {
            *rest.Add() = std::move(held);
          }
        }
        memory.mutable_held()->Swap(&rest);
      });
    }
  }
  auto own = by_signature_.find(signature.id);
  if (own == by_signature_.end()) return;
  for (const Row* row : own->second) {
    bool counts = false;
    std::string first;
    ForEachOfKind(*row, near.same, [&](const std::string& entity) {
      if (first.empty()) first = entity;
      counts = counts || beside(*row, memory_of(*row, entity));
    });
    if (counts) {
      out_.rows.push_back(row);
    } else if (!first.empty()) {
      *memory_of(*row, first).add_held() = *row;
    }
  }
  own->second.clear();
}

// --- sequence ---

void Slotwork::Sequence(const Signature& signature) {
  std::vector<std::string> ids;
  for (const std::string& id : signature.sequence) {
    const Signature* found = layer_.catalogue().Find(id);
    ids.push_back(found != nullptr ? found->id : id);
  }
  struct Event {
    int64_t time;
    const Row* row;
  };
  std::vector<Event> events;
  for (const std::string& id : std::set<std::string>(ids.begin(), ids.end())) {
    for (const Row* row : Of(id)) {
      events.push_back({row->first(), row});
      if (row->last() > row->first()) events.push_back({row->last(), row});
    }
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tuple(a.time, RowKey(*a.row)) < std::tuple(b.time, RowKey(*b.row));
  });
  const int64_t within = signature.threshold_within.count();
  for (const Event& event : events) {
    ForEachOfKind(*event.row, signature.entity, [&](const std::string& entity) {
      Problem& memory = Memory(event.row->cluster(), signature, "steps", entity);
      while (memory.steps_size() < static_cast<int>(ids.size())) memory.add_steps();
      bool advanced = false;
      // The longest first: one event is one step of any chain. Of chains of one length the one
      // that began last is kept: it can last longest.
      for (size_t k = ids.size(); k-- > 0;) {
        if (ids[k] != event.row->signature()) continue;
        int64_t start = event.time;
        if (k > 0) {
          const Problem::Step& before = memory.steps(static_cast<int>(k) - 1);
          if (before.start() == 0 || event.time < before.end() ||
              event.time - before.start() > within) {
            continue;
          }
          start = before.start();
        }
        Problem::Step* step = memory.mutable_steps(static_cast<int>(k));
        if (start < step->start()) continue;
        step->set_start(start);
        step->set_end(event.time);
        advanced = true;
      }
      if (!advanced) return;
      Remember(*event.row, memory);
      const Problem::Step& whole = memory.steps(static_cast<int>(ids.size()) - 1);
      if (whole.start() == 0) return;
      Make(memory, signature, whole.start(), whole.end());
      Forget(memory);
    });
  }
}

// --- absent ---

void Slotwork::Await(const Signature& signature) {
  const Catalogue& catalogue = layer_.catalogue();
  const Signature* after = catalogue.Find(signature.absent->after);
  const Signature* awaited = catalogue.Find(signature.absent->id);
  if (after == nullptr || awaited == nullptr) return;
  for (const Row* row : Of(after->id)) {
    ForEachOfKind(*row, signature.entity, [&](const std::string& entity) {
      Problem& memory = Memory(row->cluster(), signature, "wait", entity);
      if (memory.waiting() != 0) return;
      Forget(memory);
      Remember(*row, memory);
      memory.set_waiting(row->first());
    });
  }
  for (const Row* row : Of(awaited->id)) {
    ForEachOfKind(*row, signature.entity, [&](const std::string& entity) {
      Problem& memory = Memory(row->cluster(), signature, "wait", entity);
      memory.set_last(std::max(memory.last(), row->last()));
      if (memory.waiting() != 0 && row->last() >= memory.waiting()) memory.set_waiting(0);
    });
  }
}

// --- ratio ---

void Slotwork::CountRatio(const Signature& signature) {
  const Signature* whole = layer_.catalogue().Find(signature.ratio_of);
  if (whole == nullptr) return;
  for (const Row* row : Of(whole->id)) {
    ForEachOfKind(*row, signature.entity, [&](const std::string& entity) {
      Problem& problem = layer_.Edit(ProblemKey(row->cluster(), signature.id, entity));
      if (problem.signature().empty()) {
        problem.set_cluster(row->cluster());
        problem.set_signature(signature.id);
        problem.set_entity(entity);
      }
      if (problem.active()) return;
      if (problem.episode() == 0) problem.set_last(std::max(problem.last(), row->last()));
      auto* window = problem.mutable_window();
      if (window->empty() || window->rbegin()->slot() != slot_) window->Add()->set_slot(slot_);
      Problem::Bucket& bucket = *window->rbegin();
      bucket.set_of(bucket.of() + row->hits() + row->versions_size());
      int64_t oldest = slot_ - std::max<int64_t>(1, signature.threshold_within / kSlotLength);
      while (!window->empty() && window->Get(0).slot() <= oldest) window->DeleteSubrange(0, 1);
    });
  }
}

// --- measure ---

void Slotwork::Volume(const Signature& signature) {
  const Measure& measure = *signature.measure;
  const EntityKind kind = measure.of_containers ? EntityKind::kContainer : EntityKind::kNode;
  const int64_t limit = measure.over * std::chrono::duration_cast<seconds>(kSlotLength).count();
  for (size_t begin = 0, end = 0; begin < tallies_.size(); begin = end) {
    const Row& head = *tallies_[begin];
    Row sum = head;
    for (end = begin + 1; end < tallies_.size() && tallies_[end]->entity() == head.entity() &&
                          tallies_[end]->cluster() == head.cluster();
         ++end) {
      MergeRow(*tallies_[end], sum);
    }
    if (!IsOfKind(head.entity(), kind) || sum.bytes() < limit) continue;
    sum.set_signature(signature.id);
    sum.set_hits(1);
    sum.set_bytes(0);
    out_.made.push_back(std::move(sum));
  }
}

void Slotwork::Silence(const Signature& signature) {
  const int64_t silent = signature.measure->silent.count();
  for (const Row* row : tallies_) {
    if (!IsOfKind(row->entity(), EntityKind::kNode)) continue;
    Problem& memory = Memory(row->cluster(), signature, "talk", row->entity());
    if (memory.waiting() == 0 || row->first() - memory.last() > silent) {
      memory.set_first(row->first());
    }
    Remember(*row, memory);
    memory.set_waiting(memory.last());
    std::string key = ProblemKey(row->cluster(), signature.id, row->entity());
    const Problem* problem = layer_.Find(key);
    if (problem != nullptr && problem->active() && row->last() > problem->last()) {
      out_.ended.emplace_back(
          key, TimeFromNanos(row->first() > problem->last() ? row->first() : row->last()));
    }
  }
  // Whom nobody expects any more.
  for (const std::string& id : Canonical(layer_.catalogue(), signature.cleared_by)) {
    for (const Row* row : Of(id)) {
      ForEachOfKind(*row, EntityKind::kNode, [&](const std::string& entity) {
        Memory(row->cluster(), signature, "talk", entity).set_waiting(0);
      });
    }
  }
}

bool Slotwork::HeardAtOrAfter(const Problem& problem, Time time) const {
  auto heard = [&](const std::string& node) {
    auto it = heard_.find({problem.cluster(), node});
    return it != heard_.end() && it->second >= ToNanos(time);
  };
  if (problem.nodes().empty()) return heard("");
  return std::any_of(problem.nodes().begin(), problem.nodes().end(), heard);
}

void Slotwork::FireWaiting() {
  if (tallies_.empty()) return;  // only a record that came after proves that one is missing
  const Catalogue& catalogue = layer_.catalogue();
  struct Talk {
    int64_t first, last;
  };
  std::map<std::string, std::vector<Talk>> talks;  // by cluster and signature of the memory
  std::vector<std::string> waiting = layer_.Waiting();
  for (const std::string& key : waiting) {
    const Problem& memory = *layer_.Find(key);
    if (memory.signature().ends_with("~talk")) {
      talks[ProblemKey(memory.cluster(), memory.signature(), "")].push_back(
          {memory.first(), memory.last()});
    }
  }
  for (const std::string& key : waiting) {
    const Problem& found = *layer_.Find(key);
    size_t tilde = found.signature().find('~');
    if (found.signature().ends_with("~plan")) continue;  // planned.cc
    const Signature* signature = catalogue.Find(found.signature().substr(0, tilde));
    if (signature == nullptr) continue;
    signature =
        &catalogue.In(*signature, found.cluster(), NamespaceOf(EntityFromString(found.entity())));
    Time since = TimeFromNanos(found.waiting());
    if (tilde == std::string::npos) {  // a state that must last
      if (since + signature->threshold_for > SlotBegin(slot_)) continue;
      if (HeardAtOrAfter(found, since + signature->threshold_for)) out_.lasted.push_back(key);
    } else if (signature->absent) {
      Time deadline = since + signature->absent->within;
      if (deadline > SlotBegin(slot_) || !HeardAtOrAfter(found, deadline)) continue;
      Problem& memory = layer_.Edit(key);
      Make(memory, *signature, ToNanos(deadline), ToNanos(deadline));
      Forget(memory);
    } else if (signature->measure) {
      const int64_t silent = signature->measure->silent.count();
      const int64_t last = found.last();
      if (last + silent > ToNanos(SlotBegin(slot_)) || !layer_.base().silence_counts()) continue;
      int beside = 0, still = 0;
      for (const Talk& other : talks[ProblemKey(found.cluster(), found.signature(), "")]) {
        if (other.first > last || other.last < last - silent) continue;
        ++beside;
        if (other.last >= last + silent) ++still;
      }
      --beside;  // itself
      bool steady = last - found.first() >= silent;
      if (steady && (still == 0 || 2 * still < beside)) continue;  // it is not this node alone
      Problem& memory = layer_.Edit(key);
      if (steady) Make(memory, *signature, last, last);
      memory.set_waiting(0);
    }
  }
}

Ruled Slotwork::Run(std::span<const Row* const> rows) {
  const Catalogue& catalogue = layer_.catalogue();
  Split(rows);
  // By the signatures that look at what is here, in the order of their ids.
  std::map<std::string, const Signature*> rules;
  for (const auto& [id, own] : by_signature_) {
    for (const Signature* watcher : catalogue.WatchersOf(id)) rules.emplace(watcher->id, watcher);
    const Signature* signature = catalogue.Find(id);
    if (signature != nullptr && signature->requires_near) rules.emplace(id, signature);
  }
  for (const auto& [id, signature] : rules) {
    if (!signature->sequence.empty()) Sequence(*signature);
    if (signature->absent) Await(*signature);
    if (!signature->ratio_of.empty()) CountRatio(*signature);
  }
  for (const Signature* signature : catalogue.Measures()) {
    if (signature->measure->silent > Duration::zero()) {
      Silence(*signature);
    } else {
      Volume(*signature);
    }
  }
  // Last, for it takes rows away that others may have looked at.
  for (const auto& [id, signature] : rules) {
    if (signature->requires_near) Near(*signature);
  }
  FireWaiting();
  for (const auto& [id, own] : by_signature_) {
    out_.rows.insert(out_.rows.end(), own.begin(), own.end());
  }
  for (const Row& row : out_.made) out_.rows.push_back(&row);
  std::vector<std::pair<std::string, const Row*>> sorted;
  for (const Row* row : out_.rows) sorted.emplace_back(RowKey(*row), row);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < sorted.size(); ++i) out_.rows[i] = sorted[i].second;
  return std::move(out_);
}

}  // namespace

Problem& RuleMemory(const std::string& cluster, const Signature& signature, std::string_view rule,
                    const std::string& entity, Layer& layer) {
  std::string name = signature.id;
  name += '~';
  name += rule;
  Problem& memory = layer.Edit(ProblemKey(cluster, name, entity));
  if (memory.signature().empty()) {
    memory.set_cluster(cluster);
    memory.set_signature(name);
    memory.set_entity(entity);
  }
  return memory;
}

Ruled ApplyRules(Slot slot, std::span<const Row* const> rows, Layer& layer) {
  return Slotwork(slot, layer).Run(rows);
}

}  // namespace tocsin::correlate
