// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "base/status.h"
#include "matcher/pattern_cache.h"

namespace tocsin::matcher {

// What a named group of a pattern took from a line. `name` lives as long as the PatternSet, `value`
// points into the matched text.
struct Capture {
  std::string_view name;
  std::string_view value;
};

// One pattern of one signature. Numbered so that a signature's patterns stand together, those of
// `match` in order, then those of `unless`.
struct PatternInfo {
  uint32_t signature = 0;  // index into catalogue().signatures()
  uint32_t index = 0;      // within `match` or `unless`
  bool unless = false;
  bool captures = false;  // has named groups
  StreamMask streams = kAllStreams;
};

// All patterns of a catalogue as one Hyperscan database, immutable. Share one freely between
// threads; scan it through a Scanner. The RE2 of a pattern is compiled when the pattern first needs
// it (once, whichever thread comes first), because ten thousand of them cost seconds and most are
// never hit.
class PatternSet {
 public:
  // Takes one to two milliseconds a pattern, tens where a pattern has long bounded gaps such as
  // [^\n]{0,900}? ([^\n]*? is nearly free): at start and reload only. What `cache` holds of an
  // earlier time, on a machine of this kind, takes milliseconds in all.
  // `catalogue` outlives the result.
  //   kInvalidArgument    a pattern that an engine refuses: names file, line and reason
  //   kFailedPrecondition the processor is too old for Hyperscan (needs SSSE3)
  static absl::StatusOr<std::unique_ptr<const PatternSet>> Compile(const Catalogue& catalogue,
                                                                   const PatternCache& cache = {});
  ~PatternSet();
  PatternSet(const PatternSet&) = delete;
  PatternSet& operator=(const PatternSet&) = delete;

  const Catalogue& catalogue() const;
  const std::vector<PatternInfo>& patterns() const;
  std::string_view pattern_text(uint32_t pattern) const;
  // Indices of the signatures that `signature` (an index) makes redundant, sorted.
  const std::vector<uint32_t>& RefinedBy(uint32_t signature) const;

  // Finds the pattern's first match in text[from..) by RE2, which sees the text before `from` as
  // context. Appends its captures; groups that took no part are left out.
  struct Span {
    size_t begin = 0;
    size_t end = 0;
  };
  bool Extract(uint32_t pattern, std::string_view text, size_t from, Span& span,
               std::vector<Capture>& captures) const;

 private:
  friend class Scanner;
  struct Impl;
  explicit PatternSet(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

// Scans texts against a PatternSet, which outlives it. Owns Hyperscan's scratch space: one per
// thread.
class Scanner {
 public:
  explicit Scanner(const PatternSet& patterns);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  // The patterns, sorted, that match `text` and whose signature holds for a stream in `streams`
  // (MaskOf(record.stream); kAllStreams for any). Valid until the next Scan. Allocates nothing
  // where fewer patterns hit than ever before.
  const std::vector<uint32_t>& Scan(std::string_view text, StreamMask streams);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::matcher
