// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "matcher/pattern_set.h"

namespace tocsin::matcher {

struct SelfTestFailure {
  std::string file;
  int line = 0;
  std::string signature;
  std::string message;
};

// "kernel.yaml:31: kernel-oom: example does not match in stream kernel: '...'"
std::string ToString(const SelfTestFailure& failure);

// Holds a catalogue to its own examples, each tried in every stream of its signature and in `text`:
// an example must give a finding of its signature with the captures it asserts, a counterexample
// none.
std::vector<SelfTestFailure> RunSelfTest(const PatternSet& patterns);

}  // namespace tocsin::matcher
