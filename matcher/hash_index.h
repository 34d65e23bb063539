// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tocsin::matcher {

// A flat hash table from a key's hash to its position in a vector of the caller's, who compares
// keys. Exists because a lookup takes views and must not build a key. Positions are only ever
// added; Clear keeps the memory.
class HashIndex {
 public:
  static constexpr size_t kNone = ~size_t{0};

  // The position added with `hash` for which `is(position)`, or kNone.
  template <typename Is>
  size_t Find(uint64_t hash, Is is) const {
    if (slots_.empty()) return kNone;
    size_t mask = slots_.size() - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.position == kNone) return kNone;
      if (slot.hash == hash && is(slot.position)) return slot.position;
    }
  }

  void Add(uint64_t hash, size_t position) {
    if (2 * (size_ + 1) > slots_.size()) Grow();
    Insert({hash, position});
    ++size_;
  }

  void Clear() {
    if (size_ > 0) slots_.assign(slots_.size() > kKeptMax ? 0 : slots_.size(), Slot{});
    size_ = 0;
  }

 private:
  static constexpr size_t kKeptMax = 1
                                     << 14;  // clearing more than this costs more than growing anew
  struct Slot {
    uint64_t hash = 0;
    size_t position = kNone;
  };

  void Insert(Slot slot) {
    size_t mask = slots_.size() - 1;
    size_t at = slot.hash & mask;
    while (slots_[at].position != kNone) at = (at + 1) & mask;
    slots_[at] = slot;
  }

  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.position != kNone) Insert(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t size_ = 0;
};

}  // namespace tocsin::matcher
