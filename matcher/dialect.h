// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// The language of patterns: what Hyperscan and RE2 both accept, on bytes. Hyperscan finds, RE2
// extracts captures; where the two read the same characters differently, the text for RE2 is
// rewritten here so that one pattern has one meaning:
//   (?<n>...)  ->  (?P<n>...)                 RE2 20220601 does not know the first
//   $          ->  (?:\n?\z)                  PCRE's end of text may be followed by one newline
//   \s \S      ->  with vertical tab          RE2's \s leaves it out
// Lines are matched with dot_nl and without UTF-8: an invalid byte is a byte, and a character such
// as a Chinese one is the sequence of its bytes (so it may not stand in a class).
namespace tocsin::matcher {

struct PatternProblem {
  size_t at = 0;        // byte in the pattern
  std::string message;  // empty: no problem
};

struct PatternForm {
  std::string re2;                 // the same pattern for RE2
  std::vector<std::string> names;  // of captures, in order
  bool caseless = false;           // begins with (?i)
  PatternProblem problem;
};

// Rewrites and refuses what is outside the dialect by its looks alone (lookaround, back-references,
// Unicode properties, repeats above 1,000). Cheap; does not ask the engines.
PatternForm AnalysePattern(std::string_view pattern);

// AnalysePattern, then both engines. Tens of microseconds.
PatternProblem CheckPattern(std::string_view pattern);

// Literals, in lower case, of which at least one stands in every text the pattern matches (once
// that is in lower case too): the longest of each alternative. An empty string means an alternative
// with no literal at all. Never empty.
std::vector<std::string> RequiredLiterals(std::string_view pattern);

}  // namespace tocsin::matcher
