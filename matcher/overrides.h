// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "matcher/catalogue_loader.h"

// Internal to matcher: a site's overrides.yaml, which lives outside the package and survives its
// upgrades. A list of
//   {signature: ID or alias, cluster: NAME, namespace: NAME or GLOB,
//    severity, threshold: {...}, off: true, shadow: true}
// where all but `signature` may be left out, but something must be changed.
namespace tocsin::matcher {

// Changes `signatures` (ids and aliases unique) by the rules that hold everywhere, whatever their
// place in the file, and appends to `scoped` a variant per rule that holds in a cluster or a
// namespace. What is wrong is appended to `issues`; then the results are of no use.
void ReadOverrides(const std::string& file, const std::string& text,
                   std::vector<Signature>& signatures, std::vector<ScopedSignature>& scoped,
                   std::vector<LintIssue>& issues);

// The names of the fields of a rule.
const std::vector<std::string_view>& OverrideFields();

}  // namespace tocsin::matcher
