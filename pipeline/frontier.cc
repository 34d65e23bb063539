// SPDX-License-Identifier: Apache-2.0
#include "pipeline/frontier.h"

#include <algorithm>

#include "base/row.h"

namespace tocsin::pipeline {

void Frontier::Update(const state::v1::Position& position) {
  Entry& entry = positions_[{position.source(), position.partition()}];
  entry.position = position;
  entry.changed = true;
}

Time Frontier::Advance() {
  Time slowest = kMaxTime, fastest = kNoTime;
  for (const auto& [id, entry] : positions_) {
    Time progress = TimeFromNanos(entry.position.progress());
    fastest = std::max(fastest, progress);
    if (!entry.position.idle()) slowest = std::min(slowest, progress);
  }
  // With every partition at its end, what was read last says how far we are.
  Time progress = slowest == kMaxTime ? fastest : slowest;
  if (progress > kNoTime + kAllowedLateness) at_ = std::max(at_, progress - kAllowedLateness);
  return at_;
}

std::vector<state::v1::Position> Frontier::TakeChanged() {
  std::vector<state::v1::Position> changed;
  for (auto& [id, entry] : positions_) {
    if (!entry.changed) continue;
    changed.push_back(entry.position);
    entry.changed = false;
  }
  return changed;
}

}  // namespace tocsin::pipeline
