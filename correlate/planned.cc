// SPDX-License-Identifier: Apache-2.0
#include "correlate/planned.h"

#include <algorithm>
#include <set>

#include "base/row.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;
using state::v1::Row;

constexpr std::string_view kPlan = "plan";
constexpr int kHeldMax = 64;

std::string PlanKey(const std::string& cluster, const Signature& signature,
                    const std::string& entity) {
  std::string name = signature.id;
  name += '~';
  name += kPlan;
  return ProblemKey(cluster, name, entity);
}

int64_t EndOf(const Problem& window, const Signature& context) {
  const int64_t end = window.last() + context.quiet.count();
  return window.cleared() != 0 ? std::min(end, window.cleared()) : end;
}

// The work is done: what is found from here on counts.
void Close(const Row& row, const Signature& context, Layer& layer) {
  for (const std::string& entity : row.related()) {
    if (EntityFromString(entity).kind != context.entity) continue;
    const std::string key = PlanKey(row.cluster(), context, entity);
    const Problem* window = layer.Find(key);
    if (window == nullptr || window->first() == 0 || window->cleared() != 0) continue;
    if (row.last() >= window->last()) layer.Edit(key).set_cleared(row.last());
  }
}

// Marks the windows that findings of `context` open.
void Open(const Row& row, const Signature& context, Layer& layer) {
  for (const std::string& entity : row.related()) {
    if (EntityFromString(entity).kind != context.entity) continue;
    Problem& window = RuleMemory(row.cluster(), context, kPlan, entity, layer);
    if (window.first() == 0 || row.first() > EndOf(window, context)) {
      window.set_first(row.first());
      window.set_cleared(0);
    }
    window.set_first(std::min(window.first(), row.first()));
    window.set_last(std::max(window.last(), row.last()));
  }
}

// The end of the latest window that the row lies in; 0: it lies in none.
int64_t PlannedUntil(const Row& row, const Signature& signature, const Layer& layer) {
  int64_t until = 0;
  for (const std::string& id : signature.expected_during) {
    const Signature* context = layer.catalogue().Find(id);
    if (context == nullptr) continue;
    for (const std::string& entity : row.related()) {
      if (EntityFromString(entity).kind != context->entity) continue;
      const Problem* window = layer.Find(PlanKey(row.cluster(), *context, entity));
      if (window == nullptr || window->first() == 0) continue;
      const int64_t end = EndOf(*window, *context);
      if (row.first() >= window->first() - kPlannedAhead.count() && row.first() <= end) {
        until = std::max(until, end);
      }
    }
  }
  return until;
}

// A recovery unsays what waits at the same entity.
void Unsay(const Row& row, const Signature& cleared, Layer& layer) {
  for (const std::string& entity : row.related()) {
    if (EntityFromString(entity).kind != cleared.entity) continue;
    const std::string key = PlanKey(row.cluster(), cleared, entity);
    const Problem* waits = layer.Find(key);
    if (waits == nullptr || waits->held().empty() || row.last() < waits->last()) continue;
    Problem& memory = layer.Edit(key);
    memory.clear_held();
    memory.set_waiting(0);
  }
}

// Of a node that is there no more nothing is waited for.
void Remove(const Row& row, const Signature& removal, Layer& layer) {
  for (const std::string& entity : row.related()) {
    if (EntityFromString(entity).kind != removal.entity) continue;
    for (const Signature& signature : layer.catalogue().signatures()) {
      if (signature.expected_during.empty()) continue;
      const std::string key = PlanKey(row.cluster(), signature, entity);
      const Problem* waits = layer.Find(key);
      if (waits == nullptr || waits->held().empty()) continue;
      Problem& memory = layer.Edit(key);
      memory.clear_held();
      memory.set_waiting(0);
    }
  }
}

void Hold(const Row& row, const Signature& signature, int64_t until, Layer& layer) {
  Problem& memory = RuleMemory(row.cluster(), signature, kPlan, row.entity(), layer);
  memory.set_last(std::max(memory.last(), row.last()));
  memory.set_waiting(until);
  if (memory.held_size() < kHeldMax) *memory.add_held() = row;
}

// What outlasted its window counts now.
void Release(Slot slot, Layer& layer, Ruled& ruled) {
  const int64_t now = ToNanos(SlotBegin(slot));
  for (const std::string& key : layer.Waiting()) {
    const Problem& found = *layer.Find(key);
    if (found.held().empty() || found.waiting() > now) continue;
    const std::string& name = found.signature();
    size_t tilde = name.find('~');
    if (tilde == std::string::npos || std::string_view(name).substr(tilde + 1) != kPlan) continue;
    const Signature* signature = layer.catalogue().Find(name.substr(0, tilde));
    Problem& memory = layer.Edit(key);
    memory.set_waiting(0);
    google::protobuf::RepeatedPtrField<Row> held;
    held.Swap(memory.mutable_held());
    if (signature == nullptr) continue;  // it left the catalogue
    // The work may have been announced again since.
    int64_t until = 0;
    for (const Row& row : held) until = std::max(until, PlannedUntil(row, *signature, layer));
    if (until > now) {
      memory.mutable_held()->Swap(&held);
      memory.set_waiting(until);
      continue;
    }
    for (Row& row : held) {
      row.set_slot(slot);
      ruled.rows.push_back(&ruled.made.emplace_back(std::move(row)));
    }
  }
}

void SortByKey(std::vector<const Row*>& rows) {
  std::vector<std::pair<std::string, const Row*>> sorted;
  sorted.reserve(rows.size());
  for (const Row* row : rows) sorted.emplace_back(RowKey(*row), row);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < sorted.size(); ++i) rows[i] = sorted[i].second;
}

}  // namespace

void ApplyPlans(Slot slot, Layer& layer, Ruled& ruled) {
  const Catalogue& catalogue = layer.catalogue();
  if (!catalogue.has_contexts()) return;
  for (const Row* row : ruled.rows) {
    std::string_view id = row->signature();
    if (id.ends_with(kAheadSuffix)) id.remove_suffix(kAheadSuffix.size());
    const Signature* signature = catalogue.Find(id);
    if (signature == nullptr) continue;
    if (catalogue.IsContext(signature->id)) Open(*row, *signature, layer);
  }
  // Their announcements have said what they had to say.
  std::erase_if(ruled.rows,
                [](const Row* row) { return row->signature().ends_with(kAheadSuffix); });
  for (const Row* row : ruled.rows) {
    for (const Signature* closed : catalogue.ClearedBy(row->signature())) {
      if (catalogue.IsContext(closed->id)) Close(*row, *closed, layer);
    }
  }
  std::vector<const Row*> counts;
  counts.reserve(ruled.rows.size());
  for (const Row* row : ruled.rows) {
    const Signature* signature = catalogue.Find(row->signature());
    if (signature != nullptr && !signature->expected_during.empty()) {
      const Problem* open = layer.Find(ProblemKey(row->cluster(), row->signature(), row->entity()));
      const int64_t until = PlannedUntil(*row, *signature, layer);
      if (until != 0 && (open == nullptr || !open->active())) {
        if (signature->kind == Signature::Kind::kState) Hold(*row, *signature, until, layer);
        continue;
      }
    }
    counts.push_back(row);
  }
  // After all of the slot: a state and its recovery in the same ten seconds are ordered by time.
  for (const Row* row : ruled.rows) {
    for (const Signature* cleared : catalogue.ClearedBy(row->signature())) {
      if (!cleared->expected_during.empty()) Unsay(*row, *cleared, layer);
    }
    for (const Signature* removal : catalogue.Removals()) {
      if (row->signature() == removal->id) Remove(*row, *removal, layer);
    }
  }
  ruled.rows = std::move(counts);
  const size_t before = ruled.rows.size();
  Release(slot, layer, ruled);
  if (ruled.rows.size() != before) SortByKey(ruled.rows);
}

}  // namespace tocsin::correlate
