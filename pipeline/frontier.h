// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "tocsin/state/v1/state.pb.h"

namespace tocsin::pipeline {

// Up to where event time is decided: the smallest progress of all partitions minus the allowed
// lateness. It never goes back. A partition of which nothing is known yet holds it; one that is
// confirmed at the end of its log does not.
class Frontier {
 public:
  // Continues at `at`, as the store has it.
  void Restore(Time at) { at_ = at; }
  // What was read of one partition. Later positions of a partition replace earlier ones.
  void Update(const state::v1::Position& position);
  // Moves as far as the positions allow and returns the new value.
  Time Advance();

  Time at() const { return at_; }
  // Slots up to and including this one are settled.
  Slot slot() const { return at_ == kNoTime ? kNoSlot : SlotOf(at_) - 1; }
  // Positions updated since the last call.
  std::vector<state::v1::Position> TakeChanged();

 private:
  struct Entry {
    state::v1::Position position;
    bool changed = false;
  };
  std::map<std::pair<std::string, int32_t>, Entry> positions_;
  Time at_ = kNoTime;
};

}  // namespace tocsin::pipeline
