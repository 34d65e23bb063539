// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>
#include <yaml-cpp/yaml.h>

#include "base/entity.h"
#include "base/stream.h"
#include "matcher/catalogue_loader.h"
#include "matcher/overrides.h"
#include "matcher/signature_reader.h"

// signatures/schema.json tells editors what the loader accepts. Nothing else keeps the two
// together.
namespace tocsin::matcher {
namespace {

using testing::IsEmpty;
using Names = std::set<std::string>;

// As much of JSON Schema as our schema uses; a keyword that it does not know is an error.
class Validator {
 public:
  explicit Validator(const YAML::Node& root) : root_(root) {}

  std::vector<std::string> Check(const YAML::Node& value) const {
    std::vector<std::string> errors;
    Check(root_, value, "", errors);
    return errors;
  }

 private:
  using Errors = std::vector<std::string>;

  bool Holds(const YAML::Node& schema, const YAML::Node& value) const {
    Errors errors;
    Check(schema, value, "", errors);
    return errors.empty();
  }

  static bool IsType(const std::string& type, const YAML::Node& value) {
    if (type == "array") return value.IsSequence();
    if (type == "object") return value.IsMap();
    if (!value.IsScalar()) return false;
    const std::string& text = value.Scalar();
    if (type == "boolean") return text == "true" || text == "false";
    if (type == "integer") return RE2::FullMatch(text, "-?[0-9]+");
    if (type == "number") return RE2::FullMatch(text, "-?[0-9]+(\\.[0-9]+)?");
    return type == "string";
  }

  void Check(const YAML::Node& schema, const YAML::Node& value, const std::string& at,
             Errors& errors) const {
    auto add = [&](const std::string& what) {
      errors.push_back(fmt::format("{} (line {}): {}", at, value.Mark().line + 1, what));
    };
    for (const auto& entry : schema) {
      const std::string keyword = entry.first.Scalar();
      const YAML::Node& want = entry.second;
      if (keyword == "$schema" || keyword == "title" || keyword == "description" ||
          keyword == "$defs" || keyword == "then" || keyword == "else") {
        continue;
      }
      if (keyword == "$ref") {
        YAML::Node target = root_["$defs"][want.Scalar().substr(std::string("#/$defs/").size())];
        ASSERT_TRUE(target.IsDefined()) << want.Scalar();
        Check(target, value, at, errors);
      } else if (keyword == "if") {
        Check(schema[Holds(want, value) ? "then" : "else"], value, at, errors);
      } else if (keyword == "anyOf") {
        bool any = false;
        for (const YAML::Node& option : want) any = any || Holds(option, value);
        if (!any) add("is none of the forms");
      } else if (keyword == "type") {
        bool any = false;
        if (want.IsScalar()) any = IsType(want.Scalar(), value);
        for (const YAML::Node& type : want) any = any || IsType(type.Scalar(), value);
        if (!any) add("is of another type");
      } else if (keyword == "enum") {
        bool any = false;
        for (const YAML::Node& word : want) {
          any = any || (value.IsScalar() && word.Scalar() == value.Scalar());
        }
        if (!any) add("is none of the words");
      } else if (keyword == "pattern") {
        if (value.IsScalar() && !RE2::PartialMatch(value.Scalar(), want.Scalar())) add("pattern");
      } else if (keyword == "minLength") {
        if (value.IsScalar() && value.Scalar().empty()) add("is empty");
      } else if (keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum") {
        if (!value.IsScalar() || !IsType("number", value)) continue;
        auto number = value.as<double>(), limit = want.as<double>();
        if (keyword == "minimum"   ? number < limit
            : keyword == "maximum" ? number > limit
                                   : number <= limit) {
          add("is out of range");
        }
      } else if (keyword == "minItems" || keyword == "maxItems") {
        bool low = keyword == "minItems";
        if (value.IsSequence() &&
            (low ? value.size() < want.as<size_t>() : value.size() > want.as<size_t>())) {
          add("has too few or too many items");
        }
      } else if (keyword == "minProperties") {
        if (value.IsMap() && value.size() < want.as<size_t>()) add("has too few fields");
      } else if (keyword == "items") {
        if (!value.IsSequence()) continue;
        for (size_t i = 0; i < value.size(); ++i) {
          Check(want, value[i], fmt::format("{}/{}", at, i), errors);
        }
      } else if (keyword == "required") {
        for (const YAML::Node& name : want) {
          if (value.IsMap() && !value[name.Scalar()].IsDefined()) add("has no " + name.Scalar());
        }
      } else if (keyword == "properties" || keyword == "additionalProperties") {
        if (keyword == "additionalProperties" && schema["properties"].IsDefined()) continue;
        CheckFields(schema, value, at, errors);
      } else {
        FAIL() << "the schema uses " << keyword << ", which this test does not know";
      }
    }
  }

  void CheckFields(const YAML::Node& schema, const YAML::Node& value, const std::string& at,
                   Errors& errors) const {
    if (!value.IsMap()) return;
    for (const auto& field : value) {
      const std::string& name = field.first.Scalar();
      YAML::Node known = schema["properties"].IsDefined() ? schema["properties"][name]
                                                          : YAML::Node(YAML::NodeType::Undefined);
      YAML::Node other = schema["additionalProperties"];
      if (known.IsDefined()) {
        Check(known, field.second, at + "/" + name, errors);
      } else if (other.IsDefined() && other.IsScalar() && other.Scalar() == "false") {
        errors.push_back(
            fmt::format("{} (line {}): unknown field {}", at, field.first.Mark().line + 1, name));
      } else if (other.IsDefined() && other.IsMap()) {
        Check(other, field.second, at + "/" + name, errors);
      }
    }
  }

  YAML::Node root_;
};

YAML::Node Schema() { return YAML::LoadFile("signatures/schema.json"); }

Names KeysOf(const YAML::Node& map) {
  Names names;
  for (const auto& entry : map) names.insert(entry.first.Scalar());
  return names;
}

Names WordsOf(const YAML::Node& list) {
  Names names;
  for (const YAML::Node& item : list) names.insert(item.Scalar());
  return names;
}

TEST(SchemaTest, NamesTheFieldsThatTheLoaderReads) {
  YAML::Node defs = Schema()["$defs"];
  EXPECT_EQ(KeysOf(defs["signature"]["properties"]),
            Names(SignatureFields().begin(), SignatureFields().end()));
  EXPECT_EQ(KeysOf(defs["override"]["properties"]),
            Names(OverrideFields().begin(), OverrideFields().end()));
}

TEST(SchemaTest, NamesTheWordsThatTheLoaderReads) {
  YAML::Node schema = Schema();
  Names streams, entities;
  for (int i = 0; i < kStreamCount; ++i) streams.emplace(StreamName(static_cast<Stream>(i)));
  for (int i = 1; i < kEntityKindCount; ++i) {
    entities.emplace(EntityKindName(static_cast<EntityKind>(i)));
  }
  YAML::Node properties = schema["$defs"]["signature"]["properties"];
  EXPECT_EQ(WordsOf(properties["streams"]["items"]["enum"]), streams);
  EXPECT_EQ(WordsOf(schema["$defs"]["entity"]["enum"]), entities);
  EXPECT_EQ(WordsOf(schema["$defs"]["severity"]["enum"]),
            (Names{"info", "warning", "error", "critical"}));
}

// The loader answers an unknown field with the names of those it knows.
TEST(SchemaTest, NamesTheFieldsWithinFields) {
  YAML::Node properties = Schema()["$defs"]["signature"]["properties"];
  int compared = 0;
  for (const auto& entry : properties) {
    const std::string& name = entry.first.Scalar();
    bool list = entry.second["items"].IsDefined();
    YAML::Node fields = list ? entry.second["items"]["properties"] : entry.second["properties"];
    if (!fields.IsDefined()) continue;
    ++compared;
    std::string yaml = fmt::format("- {{id: a, match: [x], {}: {}{{zzzzzzz: 1}}{}}}", name,
                                   list ? "[" : "", list ? "]" : "");
    Names answered;
    for (const LintIssue& issue : LintText({{"a.yaml", yaml}})) {
      size_t at = issue.message.find("; write ");
      if (issue.message.find("zzzzzzz") == std::string::npos || at == std::string::npos) continue;
      re2::StringPiece rest(issue.message);
      rest.remove_prefix(at);
      for (std::string word; RE2::FindAndConsume(&rest, "'([a-z_]+)'", &word);) {
        answered.insert(word);
      }
    }
    EXPECT_EQ(KeysOf(fields), answered) << name;
  }
  EXPECT_GE(compared, 8);
}

TEST(SchemaTest, TheCatalogueConforms) {
  Validator validator(Schema());
  size_t files = 0;
  auto catalogue = LoadCatalogue("signatures");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  Names names;
  for (const Signature& signature : (*catalogue)->signatures()) names.insert(signature.file);
  for (const std::string& name : names) {
    EXPECT_THAT(validator.Check(YAML::LoadFile("signatures/" + name)), IsEmpty()) << name;
    ++files;
  }
  EXPECT_GT(files, 5u);
}

TEST(SchemaTest, RefusesWhatTheLoaderRefuses) {
  Validator validator(Schema());
  auto conforms = [&](const char* yaml) { return validator.Check(YAML::Load(yaml)).empty(); };
  EXPECT_TRUE(conforms("[{id: a, match: [x], threshold: {count: 3, within: 1h30m}}]"));
  EXPECT_TRUE(conforms("[{signature: a, namespace: 'dev-*', off: true}]"));
  for (const char* bad : {"{id: a}",
                          "[a]",
                          "[{match: [x]}]",
                          "[{id: a, mach: [x]}]",
                          "[{id: A, match: [x]}]",
                          "[{id: a, match: []}]",
                          "[{id: a, match: x}]",
                          "[{id: a, streams: [kernl]}]",
                          "[{id: a, severity: bad}]",
                          "[{id: a, each: maybe}]",
                          "[{id: a, threshold: {count: 0}}]",
                          "[{id: a, threshold: {within: 5}}]",
                          "[{id: a, clears: {quite: 5m}}]",
                          "[{id: a, causes: [{same: node}]}]",
                          "[{id: a, exit_code: {is: [256]}}]",
                          "[{id: a, examples: ['']}]",
                          "[{id: a, title: {en: ''}}]",
                          "[{signature: a, match: [x]}]",
                          "[{signature: a, cluster: 'c*'}]",
                          "[{signature: a, threshold: {ratio: {}}}]"}) {
    EXPECT_FALSE(conforms(bad)) << bad;
  }
}

}  // namespace
}  // namespace tocsin::matcher
