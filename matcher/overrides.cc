// SPDX-License-Identifier: Apache-2.0
#include "matcher/overrides.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "matcher/field_reader.h"
#include "matcher/rule_reader.h"
#include "matcher/utf8.h"

namespace tocsin::matcher {
namespace {

const std::vector<std::string_view> kFields = {"signature", "cluster", "namespace", "severity",
                                               "threshold", "off",     "shadow"};
constexpr const char* kInstead = "'- {signature: some-id, severity: warning}'";

// A rule whose signature and scope are known; what it changes stays YAML until it is applied.
struct Rule {
  Signature* signature = nullptr;
  std::string cluster, ns;
  Place place;
  YAML::Node node;
};

std::string Scope(const Rule& rule) {
  if (rule.cluster.empty() && rule.ns.empty()) return "everywhere";
  if (rule.ns.empty()) return "in cluster " + rule.cluster;
  if (rule.cluster.empty()) return "in namespace " + rule.ns;
  return fmt::format("in namespace {} of cluster {}", rule.ns, rule.cluster);
}

std::string Threshold(const Signature& signature) {
  std::string text = fmt::format("{} within {}", signature.threshold_count,
                                 FormatDuration(signature.threshold_within));
  if (signature.threshold_for > Duration::zero()) {
    text += " for " + FormatDuration(signature.threshold_for);
  }
  return text;
}

// A site changes how much is too much, not what is counted.
bool OnlyNumbers(const YAML::Node& threshold, FieldReader& reader) {
  if (!threshold.IsMap()) return true;  // refused where it is read
  for (const auto& field : threshold) {
    if (field.first.IsScalar() &&
        (field.first.Scalar() == "distinct" || field.first.Scalar() == "ratio")) {
      reader.Add(reader.At(field.first),
                 fmt::format("'threshold.{}' can not be overridden; write count, within, rate or "
                             "for instead",
                             field.first.Scalar()));
      return false;
    }
  }
  return true;
}

// Reads what `rule` changes into `signature`; returns it in words.
std::vector<std::string> Apply(const Rule& rule, FieldReader& reader, Signature& signature) {
  std::vector<std::string> changes;
  for (const auto& field : rule.node) {
    const std::string& name = field.first.Scalar();
    const YAML::Node& value = field.second;
    if (name == "severity") {
      std::optional<Severity> severity;
      if (value.IsScalar()) severity = SeverityFromName(value.Scalar());
      if (!severity) {
        reader.Add(reader.At(value),
                   fmt::format("unknown severity {}; write info, warning, error or critical "
                               "instead",
                               FieldReader::Shown(value)));
        continue;
      }
      changes.push_back(fmt::format("severity {} (not {})", SeverityName(*severity),
                                    SeverityName(signature.severity)));
      signature.severity = *severity;
    } else if (name == "threshold") {
      if (!OnlyNumbers(value, reader)) continue;
      ReadSignature read;
      read.signature = signature;
      ReadThreshold(value, reader, read);
      changes.push_back(
          fmt::format("threshold {} (not {})", Threshold(read.signature), Threshold(signature)));
      signature = std::move(read.signature);
    } else if (name == "off") {
      signature.off = reader.Bool(value, name);
      changes.emplace_back(signature.off ? "off" : "not off");
    } else if (name == "shadow") {
      signature.shadow = reader.Bool(value, name);
      changes.emplace_back(signature.shadow ? "shadow: opens no incident" : "not shadow");
    }
  }
  if (changes.empty() && !reader.full()) {
    reader.Add(rule.place, fmt::format("changes nothing of '{}'; write severity, threshold, off or "
                                       "shadow as well",
                                       signature.id));
  }
  return changes;
}

class Names {
 public:
  explicit Names(std::vector<Signature>& signatures) {
    for (Signature& signature : signatures) {
      by_name_[signature.id] = &signature;
      for (const std::string& alias : signature.aliases) by_name_[alias] = &signature;
    }
  }
  Signature* Find(const std::string& name) const {
    auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  std::string Hint(const std::string& name) const {
    std::vector<std::string_view> all;
    for (const auto& [known, signature] : by_name_) all.push_back(known);
    std::string nearest = Nearest(name, all);
    return nearest.empty() ? "one that `tocsin signatures list` shows" : "'" + nearest + "'";
  }

 private:
  std::map<std::string, Signature*> by_name_;
};

// Empty: the scope is refused.
std::string ReadScope(const YAML::Node& node, const std::string& field, FieldReader& reader) {
  std::string text = reader.String(node, field);
  if (text.find('/') != std::string::npos ||
      (field == "cluster" && text.find_first_of("*?") != std::string::npos)) {
    reader.Add(reader.At(node),
               field == "cluster"
                   ? fmt::format("'{}' is no cluster; write its name, one rule for each", text)
                   : fmt::format("'{}' is no namespace; write its name, or a pattern such as "
                                 "'dev-*'",
                                 text));
    return "";
  }
  return text;
}

void ReadRule(const YAML::Node& node, const Names& names, FieldReader& reader,
              std::vector<Rule>& rules) {
  Rule rule;
  rule.place = reader.At(node);
  rule.node = node;
  bool named = false, good = node.IsMap();
  reader.ForEachField(
      node, "an override is a map", kInstead,
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "signature") {
          named = true;
          std::string id = reader.String(value, name);
          if (id.empty()) return;
          rule.signature = names.Find(id);
          if (rule.signature == nullptr) {
            reader.Add(reader.At(value), fmt::format("there is no signature '{}'; write {} instead",
                                                     id.substr(0, 120), names.Hint(id)));
          }
        } else if (name == "cluster") {
          rule.cluster = ReadScope(value, name, reader);
          good &= !rule.cluster.empty();
        } else if (name == "namespace") {
          rule.ns = ReadScope(value, name, reader);
          good &= !rule.ns.empty();
        } else if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
          std::string nearest = Nearest(name, kFields);
          reader.Add(reader.At(key),
                     nearest.empty()
                         ? fmt::format("'{}' can not be overridden; write one of {} instead",
                                       name.substr(0, 80), Join(kFields))
                         : fmt::format("unknown field '{}'; write '{}' instead", name, nearest));
        }
      });
  if (node.IsMap() && !named) {
    reader.Add(rule.place, fmt::format("names no signature; write {} instead", kInstead));
  }
  if (good && rule.signature != nullptr) rules.push_back(std::move(rule));
}

void Read(const std::string& text, std::vector<Signature>& signatures,
          std::vector<ScopedSignature>& scoped, FieldReader& reader) {
  if (!IsValidUtf8(text)) return reader.Add({}, "is not UTF-8; save it as UTF-8");
  YAML::Node list = YAML::Load(text);
  if (list.IsNull()) return;  // nothing but comments: nothing is overridden
  if (!list.IsSequence()) {
    return reader.Add(reader.At(list), fmt::format("is no list; write {} instead", kInstead));
  }
  Names names(signatures);
  std::vector<Rule> rules;
  for (const YAML::Node& node : list) {
    if (reader.full()) return;
    ReadRule(node, names, reader, rules);
  }
  std::set<std::tuple<const Signature*, std::string, std::string>> seen;
  // What holds everywhere first: what holds somewhere begins with that.
  for (bool everywhere : {true, false}) {
    for (const Rule& rule : rules) {
      if ((rule.cluster.empty() && rule.ns.empty()) != everywhere) continue;
      Signature& base = *rule.signature;
      if (!seen.emplace(&base, rule.cluster, rule.ns).second) {
        reader.Add(rule.place, fmt::format("'{}' is overridden {} a second time; write one rule",
                                           base.id, Scope(rule)));
        continue;
      }
      Signature variant = base;
      std::vector<std::string> changes = Apply(rule, reader, variant);
      std::string note = fmt::format("{}: {}  ({}:{})", Scope(rule), fmt::join(changes, ", "),
                                     reader.file(), rule.place.line);
      if (everywhere) {
        base = std::move(variant);
        base.overridden.push_back(std::move(note));
      } else {
        scoped.push_back({rule.cluster, rule.ns, std::move(variant)});
        base.overridden.push_back(std::move(note));
      }
    }
  }
}

}  // namespace

const std::vector<std::string_view>& OverrideFields() { return kFields; }

void ReadOverrides(const std::string& file, const std::string& text,
                   std::vector<Signature>& signatures, std::vector<ScopedSignature>& scoped,
                   std::vector<LintIssue>& issues) {
  FieldReader reader(file, issues);
  try {
    Read(text, signatures, scoped, reader);
  } catch (const YAML::Exception& e) {
    reader.Add({e.mark.line + 1, e.mark.column + 1},
               fmt::format("is not YAML ({}); write {} instead", e.msg, kInstead));
  }
}

}  // namespace tocsin::matcher
