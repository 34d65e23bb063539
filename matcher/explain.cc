// SPDX-License-Identifier: Apache-2.0
#include "matcher/explain.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/core.h>

#include "matcher/dialect.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {
namespace {

constexpr size_t kNearMissesMax = 10;
constexpr size_t kLiteralMin_bytes = 4;

std::string StreamNames(StreamMask streams) {
  std::string names;
  for (int i = 1; i < kStreamCount; ++i) {
    auto stream = static_cast<Stream>(i);
    if ((streams & MaskOf(stream)) == 0) continue;
    if (!names.empty()) names += ", ";
    names += StreamName(stream);
  }
  return names;
}

}  // namespace

Explanation Explain(const PatternSet& patterns, const Record& record) {
  Explanation explanation;
  std::set<const Signature*> found;
  Tagger tagger(patterns);
  const std::vector<Signature>& signatures = patterns.catalogue().signatures();

  Scanner scanner(patterns);
  std::string_view text = MatchedText(record.text);
  // Per signature: its first `match` and `unless` pattern that hit in any stream.
  constexpr uint32_t kNone = ~uint32_t{0};
  std::vector<uint32_t> matched(signatures.size(), kNone), unless(signatures.size(), kNone);
  for (uint32_t pattern : scanner.Scan(text, kAllStreams)) {
    const PatternInfo& info = patterns.patterns()[pattern];
    uint32_t& first = (info.unless ? unless : matched)[info.signature];
    if (first == kNone) first = pattern;
  }
  auto pattern_text = [&](uint32_t pattern) { return std::string(patterns.pattern_text(pattern)); };

  tagger.Tag(record, [&](const Finding& finding) {
    auto index = static_cast<size_t>(finding.signature - signatures.data());
    found.insert(finding.signature);
    Explanation::Match match{
        finding.signature, pattern_text(matched[index]), {}, finding.entity, finding.severity,
        finding.shadow};
    for (const Capture& capture : finding.captures) {
      match.captures.emplace_back(capture.name, capture.value);
    }
    explanation.matches.push_back(std::move(match));
  });

  for (uint32_t s = 0; s < signatures.size(); ++s) {
    const Signature& signature = signatures[s];
    if (matched[s] == kNone || found.count(&signature) > 0) continue;
    std::string reason;
    bool generic = false;
    if ((signature.streams & MaskOf(record.stream)) == 0) {
      reason = fmt::format("holds for {}, and the line is of stream {}",
                           StreamNames(signature.streams), StreamName(record.stream));
    } else if (unless[s] != kNone) {
      reason = fmt::format("also matches unless '{}'", patterns.pattern_text(unless[s]));
    } else {
      generic = signature.generic;
      reason = generic                        ? "generic, and another one says more"
               : signature.overridden.empty() ? "refined"
                                              : "switched off by overrides";
      for (uint32_t other = 0; other < signatures.size(); ++other) {
        const std::vector<uint32_t>& refined = patterns.RefinedBy(other);
        bool here = matched[other] != kNone && unless[other] == kNone &&
                    (signatures[other].streams & MaskOf(record.stream)) != 0;
        if (here && std::binary_search(refined.begin(), refined.end(), s)) {
          generic = false;
          reason = "refined by " + signatures[other].id;
          break;
        }
      }
    }
    explanation.removed.push_back(
        {&signature, pattern_text(matched[s]), std::move(reason), generic});
  }

  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Signature& signature : signatures) {
    if (matched[static_cast<size_t>(&signature - signatures.data())] != kNone) continue;
    for (const std::string& pattern : signature.match) {
      for (const std::string& literal : RequiredLiterals(pattern)) {
        if (literal.size() < kLiteralMin_bytes || lower.find(literal) == std::string::npos)
          continue;
        explanation.near_misses.push_back({&signature, pattern, literal});
        break;
      }
    }
  }
  std::stable_sort(
      explanation.near_misses.begin(), explanation.near_misses.end(),
      [](const auto& a, const auto& b) { return a.literal.size() > b.literal.size(); });
  if (explanation.near_misses.size() > kNearMissesMax) {
    explanation.near_misses.resize(kNearMissesMax);
  }
  return explanation;
}

}  // namespace tocsin::matcher
