// SPDX-License-Identifier: Apache-2.0
#include "matcher/slot_tally.h"

#include <algorithm>

#include "matcher/entity.h"
#include "matcher/stable_hash.h"
#include "matcher/utf8.h"

namespace tocsin::matcher {
namespace {
constexpr size_t kEntriesMax = 50'000;
}  // namespace

SlotTallies::Entry* SlotTallies::Find(const Record& record, bool of_container, Slot slot) {
  auto is = [&](size_t i) {
    const Entry& entry = entries_[i];
    return entry.row.slot() == slot && entry.of_container == of_container &&
           entry.node == record.node && entry.cluster == record.cluster &&
           (!of_container || (entry.pod == record.pod && entry.container == record.container &&
                              entry.ns == record.ns));
  };
  size_t& last = last_[of_container ? 1 : 0];
  if (last < entries_.size() && is(last)) return &entries_[last];
  uint64_t hash = StableHash(record.node, StableHash(record.cluster, static_cast<uint64_t>(slot)));
  if (of_container) {
    hash = StableHash(record.container, StableHash(record.pod, StableHash(record.ns, hash)));
  }
  last = index_.Find(hash, is);
  if (last != HashIndex::kNone) return &entries_[last];
  last = entries_.size();
  if (entries_.size() >= kEntriesMax) return nullptr;
  index_.Add(hash, entries_.size());
  Entry& entry = entries_.emplace_back();
  entry.cluster = record.cluster;
  entry.node = record.node;
  entry.of_container = of_container;
  Record named = record;  // a node's tally names the node alone
  if (!of_container) {
    named = Record();
    named.cluster = record.cluster;
    named.node = record.node;
  } else {
    entry.ns = record.ns;
    entry.pod = record.pod;
    entry.container = record.container;
  }
  Identity identity = ResolveIdentity(named, {});
  Entity entity;
  ResolveEntity(of_container ? EntityKind::kContainer : EntityKind::kNode, identity, entity);
  std::string scratch;
  state::v1::Row& row = entry.row;
  row.set_cluster(std::string(ValidUtf8(record.cluster, scratch)));
  row.set_node(std::string(ValidUtf8(record.node, scratch)));
  row.set_entity(std::string(ValidUtf8(ToString(entity), scratch)));
  row.set_slot(slot);
  for (const std::string& name : Related(identity)) {
    AddToSet(ValidUtf8(name, scratch), kRelatedMax, *row.mutable_related());
  }
  return &entry;
}

void SlotTallies::Add(const Record& record, Time time, Slot slot) {
  for (bool of_container : {false, true}) {
    if (!(of_container ? containers_ : nodes_)) continue;
    if (record.node.empty() && !of_container) continue;
    if (of_container && (record.pod.empty() || record.container.empty())) continue;
    Entry* entry = Find(record, of_container, slot);
    if (entry == nullptr) {
      ++dropped_;
      continue;
    }
    state::v1::Row& row = entry->row;
    row.set_lines(row.lines() + 1);
    row.set_bytes(row.bytes() + static_cast<int64_t>(record.text.size()));
    int64_t nanos = ToNanos(time);
    if (row.first() == 0 || nanos < row.first()) row.set_first(nanos);
    if (nanos > row.last()) row.set_last(nanos);
  }
}

void SlotTallies::Take(Batch& batch) {
  for (Entry& entry : entries_) {
    batch.bytes += sizeof(state::v1::Row) + 400;
    batch.rows.push_back(std::move(entry.row));
  }
  entries_.clear();
  index_.Clear();
}

}  // namespace tocsin::matcher
