// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace tocsin::pipeline {

// What the fold tells the lanes: how far it is, and whether it holds more undecided rows than it
// may. Then partitions that run ahead of the others are held until the slow ones have caught up.
struct Pace {
  std::atomic<int64_t> frontier_nanos = 0;
  std::atomic<bool> pressed = false;
};

}  // namespace tocsin::pipeline
