// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "base/entity.h"
#include "base/signature.h"
#include "base/time.h"
#include "matcher/catalogue_loader.h"
#include "matcher/signature_reader.h"

// Internal to matcher, and the only header that shows yaml-cpp: fields of YAML as typed values.
// What is wrong becomes an issue that says where it stands and what to write instead, and reading
// goes on with a default.
namespace tocsin::matcher {

// The word of `words` that `word` is probably a misspelling of; "" if none is near.
std::string Nearest(std::string_view word, const std::vector<std::string_view>& words);
// "a, b, c"
std::string Join(const std::vector<std::string_view>& words);

class FieldReader {
 public:
  // Both outlive it.
  FieldReader(const std::string& file, std::vector<LintIssue>& issues)
      : file_(file), issues_(issues) {}

  const std::string& file() const { return file_; }
  // kErrorsMax issues: nothing more is said.
  bool full() const { return issues_.size() >= kErrorsMax; }
  void Add(Place place, std::string message);

  static Place At(const YAML::Node& node) {
    YAML::Mark mark = node.Mark();
    return {mark.line + 1, mark.column + 1};
  }
  // For messages: "'kernal'".
  static std::string Shown(const YAML::Node& node);

  // Every key of a map once, in order, with its value: visit(name, key node, value node). Refuses
  // what is no map: "`what`; write `instead` instead".
  template <typename Visit>
  void ForEachField(const YAML::Node& node, const std::string& what, const std::string& instead,
                    Visit visit) {
    if (!node.IsMap()) return Add(At(node), fmt::format("{}; write {} instead", what, instead));
    std::set<std::string> seen;
    for (const auto& field : node) {
      if (!field.first.IsScalar()) {
        Add(At(field.first), fmt::format("a field's name is a word; write {} instead", instead));
        continue;
      }
      const std::string& name = field.first.Scalar();
      if (!seen.insert(name).second) {
        Add(At(field.first), fmt::format("field '{}' stands twice; write it once", name));
        continue;
      }
      visit(name, field.first, field.second);
    }
  }

  std::string String(const YAML::Node& node, const std::string& field);
  std::vector<std::string> Strings(const YAML::Node& node, const std::string& field,
                                   std::vector<Place>* places = nullptr);
  // {en: ..., zh: ...}; a plain text is English.
  Text LocalText(const YAML::Node& node, const std::string& field);
  bool Bool(const YAML::Node& node, const std::string& field);
  Duration Time(const YAML::Node& node, const std::string& field, Duration otherwise, bool zero_ok);
  EntityKind Kind(const YAML::Node& node, const std::string& field);
  // A name of lower-case letters, digits and '-'.
  std::string Id(const YAML::Node& node, const std::string& field);
  // The number a scalar is, or nothing and no issue.
  static std::optional<int64_t> Integer(const YAML::Node& node);

 private:
  const std::string& file_;
  std::vector<LintIssue>& issues_;
};

}  // namespace tocsin::matcher
