// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"

// Rules that others wrote, as signatures. What our language can not say is said aloud: a rule is
// taken over exactly, or so that it finds more than it did, or not at all; never so that it
// silently finds less.
namespace tocsin::matcher {

struct ImportedRule {
  enum class Fate {
    kExact,
    kWidened,  // the signature also finds what the rule would not have found
    kRefused,  // there is no signature
  };
  std::string file;  // as found
  std::string rule;  // what the file calls it
  Fate fate = Fate::kExact;
  std::string reason;     // what is lost, or why refused; of kExact a remark or nothing
  std::string signature;  // the id it became part of; empty: refused
};
std::string_view ImportFateName(ImportedRule::Fate fate);  // "widened"

struct Import {
  std::string yaml;  // a file of signatures that loads; empty where every rule was refused
  std::vector<ImportedRule> rules;

  size_t Count(ImportedRule::Fate fate) const;
};

// Reads a file, or all files of a directory and those below it, in the order of their paths.
//   kInvalidArgument  a path that can not be read or holds nothing of the kind. A file that is
//                     broken is a refused rule and does not keep the others from being read.
//
// Node-problem-detector: *.json. Log monitors (kmsg, journald, filelog) and the rules of custom
// plugins that run its log-counter; other plugins and statistics are refused.
absl::StatusOr<Import> ImportNpd(const std::string& path);
// Common Reliability Enumerations: *.yaml with `rules`. Lines of a test.log beside a rule become
// examples.
absl::StatusOr<Import> ImportCre(const std::string& path);

}  // namespace tocsin::matcher
