// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/record.h"
#include "base/signature.h"
#include "matcher/pattern_set.h"

namespace tocsin::matcher {

// Why a record gave the findings it gave, for a person who asks. Copies; lives as long as the
// catalogue.
struct Explanation {
  struct Match {
    const Signature* signature = nullptr;
    std::string pattern;
    std::vector<std::pair<std::string, std::string>> captures;
    Entity entity;
    Severity severity = Severity::kError;  // as overrides have it
    bool shadow = false;                   // opens no incident, by overrides
  };
  // A pattern matched, and yet there is no finding.
  struct Removed {
    const Signature* signature = nullptr;
    std::string pattern;
    std::string reason;    // "also matches unless '...'", "refined by kernel-oom-cgroup", ...
    bool generic = false;  // it yielded to what says more
  };
  // What a pattern can not do without stands in the line, and the pattern fails.
  struct NearMiss {
    const Signature* signature = nullptr;
    std::string pattern;
    std::string literal;  // in lower case
  };
  std::vector<Match> matches;
  std::vector<Removed> removed;
  std::vector<NearMiss> near_misses;  // longest literal first, at most 10
};

// Takes milliseconds: tries every pattern of every stream.
Explanation Explain(const PatternSet& patterns, const Record& record);

}  // namespace tocsin::matcher
