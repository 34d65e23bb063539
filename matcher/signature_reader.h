// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "matcher/catalogue_loader.h"

// Internal to matcher: one YAML file -> signatures and where their parts stand.
namespace tocsin::matcher {

struct Place {
  int line = 0;
  int column = 0;
};

// A name of another signature, to be checked once all files are read.
struct Reference {
  std::string id;
  std::string field;  // "causes", "refines", ...
  Place place;
};

struct ReadSignature {
  Signature signature;
  Place place;  // of the signature
  Place id_place;
  std::vector<Place> alias_places;       // as signature.aliases
  std::vector<Place> match_places;       // as signature.match
  std::vector<Reference> references;     // to other signatures
  std::vector<Reference> captures_used;  // captures that a field speaks of; some pattern takes each
};

// The names of a signature's fields.
const std::vector<std::string_view>& SignatureFields();

inline constexpr size_t kErrorsMax = 20;

// Appends what `text` holds to `out` and what is wrong with it to `issues`; stops at kErrorsMax of
// them. A signature with an error is appended too (its id may be meant by others), so `out` is a
// catalogue only where `issues` stayed empty. `known_patterns`: the patterns of this very text were
// checked before and passed, which saves half of the time.
void ReadSignatures(const std::string& file, const std::string& text, bool known_patterns,
                    std::vector<ReadSignature>& out, std::vector<LintIssue>& issues);

}  // namespace tocsin::matcher
