// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/record.h"
#include "base/row.h"
#include "matcher/hash_index.h"

namespace tocsin::matcher {

// What each node and each container logs, slot by slot, as rows of no signature: they are folded in
// order with the findings, so that what follows from them (a container that logs too much, a node
// gone silent) is the same in every run. Only catalogues with such rules pay for it: some tens of
// nanoseconds a record. One per lane.
class SlotTallies {
 public:
  SlotTallies(bool nodes, bool containers) : nodes_(nodes), containers_(containers) {}

  bool any() const { return nodes_ || containers_; }
  // `time`: the record's effective time; `slot`: where it is filed.
  void Add(const Record& record, Time time, Slot slot);
  // Appends the rows since the last call, in no order, and their weight to `batch`.
  void Take(Batch& batch);
  // Lines counted for no container because there were too many of these.
  uint64_t dropped() const { return dropped_; }

 private:
  struct Entry {
    std::string cluster, node;  // as they came, not yet UTF-8
    std::string ns, pod, container;
    bool of_container = false;
    uint64_t hash = 0;
    state::v1::Row row;
  };
  Entry* Find(const Record& record, bool of_container, Slot slot);

  const bool nodes_, containers_;
  std::vector<Entry> entries_;
  HashIndex index_;
  size_t last_[2] = {0, 0};  // of a node, of a container: neighbours are mostly the same
  uint64_t dropped_ = 0;
};

}  // namespace tocsin::matcher
