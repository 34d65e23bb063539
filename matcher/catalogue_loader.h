// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/signature.h"
#include "base/status.h"
#include "matcher/pattern_cache.h"

// From signatures/*.yaml to a Catalogue. A catalogue loads whole or not at all: a signature that is
// silently left out is an incident that is silently missed.
namespace tocsin::matcher {

// Something a person should change, and where.
struct LintIssue {
  enum class Level {
    kError,    // the catalogue does not load
    kWarning,  // it loads, but is not as good as it should be
  };
  std::string file;  // as given, without its directory
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1
  std::string message;
  Level level = Level::kError;
};

// "kernel.yaml:12:9: unknown field 'mach'; write 'match' instead"
std::string ToString(const LintIssue& issue);

// File name (for messages) and content.
using CatalogueText = std::pair<std::string, std::string>;

// Reads all *.yaml of a directory in the order of their names, or a single file. The order of
// signatures and files changes nothing but the version.
//   kInvalidArgument  the first problem as ToString prints it, "(and N more)" at the end; also for
//                     a path that can not be read or holds no catalogue
// `overrides` names a site's overrides.yaml, or nothing: what it says is part of the catalogue and
// of its version; what is wrong with it is an error like the others.
// Patterns are checked one by one here and together by PatternSet::Compile; `cache` remembers which
// catalogues passed.
absl::StatusOr<std::unique_ptr<const Catalogue>> LoadCatalogue(const std::string& path,
                                                               const std::string& overrides = "",
                                                               const PatternCache& cache = {});
absl::StatusOr<std::unique_ptr<const Catalogue>> LoadCatalogueFromText(
    const std::vector<CatalogueText>& files, const CatalogueText& overrides = {},
    const PatternCache& cache = {});

// All problems, by file and place: at most 20 errors; where there are none, what
// PatternSet::Compile says and the warnings (too few examples or counterexamples, a pattern that
// ends in .* or holds no literal of four bytes, no title, cause or remedy in English or Chinese).
std::vector<LintIssue> Lint(const std::string& path);
std::vector<LintIssue> LintText(const std::vector<CatalogueText>& files);

}  // namespace tocsin::matcher
