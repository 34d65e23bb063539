// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

#include "base/entity.h"
#include "base/record.h"
#include "base/signature.h"
#include "matcher/entity.h"
#include "matcher/pattern_set.h"

namespace tocsin::matcher {

// A signature matched a record. Handed to the visitor by reference and reused for the next one:
// copy what must stay. Views point into the record's text or live until the visitor returns.
struct Finding {
  const Signature* signature = nullptr;  // as the catalogue has it; what overrides say follows
  const Record* record = nullptr;
  std::vector<Capture> captures;  // typed ones normalised, then they point into the Tagger
  Identity identity;              // whom the line speaks of: captures over the record's own fields
  Entity entity;                  // what the problem is about
  Severity severity = Severity::kError;  // of the signature for this entity
  bool shadow = false;                   // to be counted and shown, and to open no incident

  // Every entity the record or its captures name, as ToString(Entity) prints them.
  std::vector<std::string> Related() const { return matcher::Related(identity); }
};

// Turns records into findings. One per lane; not thread-safe. `patterns` outlives it. A record that
// matches nothing costs one scan and no allocation.
class Tagger {
 public:
  explicit Tagger(const PatternSet& patterns);

  // Calls `visit` for each finding in `record`, in the order of signature ids, and for `each`
  // signatures in the order of the text (at most 1,000 of a record):
  // - any `match` pattern makes one, for signatures that hold for the record's stream (kText: all);
  // - a matching `unless` takes it back;
  // - a signature that another one here refines is left out, and a generic one beside any that
  //   says more;
  // - what overrides switch off for its cluster and namespace makes none, and neither do the
  //   signatures that it refines;
  // - captures are those of the lowest-numbered pattern that matches.
  // One trailing newline of the text is not matched. `visit` must not call Tag.
  void Tag(const Record& record, absl::FunctionRef<void(const Finding&)> visit);

 private:
  struct Candidate {
    uint32_t signature = 0;
    size_t first_hit = 0;  // indices into the scanner's hits
    size_t last_hit = 0;   // one past the last `match` pattern
    bool refined = false;
  };
  struct Each {
    PatternSet::Span span;
    size_t first_capture = 0, last_capture = 0;
  };

  void Emit(absl::FunctionRef<void(const Finding&)> visit);
  void YieldGeneric();
  void NormaliseCaptures();
  void EmitEach(std::string_view text, const std::vector<uint32_t>& hits,
                const Candidate& candidate, absl::FunctionRef<void(const Finding&)> visit);

  const PatternSet& patterns_;
  Scanner scanner_;
  std::vector<Candidate> candidates_;
  std::vector<Each> each_;
  std::vector<Capture> each_captures_;
  std::vector<std::string> values_;  // of the finding's typed captures
  Finding finding_;
};

// The text as patterns see it.
inline std::string_view MatchedText(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

}  // namespace tocsin::matcher
