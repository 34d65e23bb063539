// SPDX-License-Identifier: Apache-2.0
#include "matcher/field_reader.h"

#include <algorithm>
#include <charconv>

namespace tocsin::matcher {
namespace {

// How many edits make one word of the other; for "write ... instead".
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, const std::vector<std::string_view>& words) {
  std::string best;
  size_t best_distance = 3;
  for (std::string_view candidate : words) {
    if (size_t d = Distance(word.substr(0, 40), candidate); d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::string Join(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

void FieldReader::Add(Place place, std::string message) {
  if (!full()) issues_.push_back({file_, place.line, place.column, std::move(message)});
}

std::string FieldReader::String(const YAML::Node& node, const std::string& field) {
  if (node.IsScalar() && !node.Scalar().empty()) return node.Scalar();
  if (node.IsNull() || node.IsScalar()) {
    Add(At(node), fmt::format("'{}' is empty; write a text or leave it out", field));
  } else {
    Add(At(node), fmt::format("'{}' must be a text; write it between single quotes", field));
  }
  return "";
}

std::vector<std::string> FieldReader::Strings(const YAML::Node& node, const std::string& field,
                                              std::vector<Place>* places) {
  std::vector<std::string> strings;
  if (!node.IsSequence()) {
    Add(At(node), fmt::format("'{}' must be a list; write {}: ['...'] instead", field, field));
    return strings;
  }
  for (const YAML::Node& item : node) {
    if (item.IsScalar() && !item.Scalar().empty()) {
      strings.push_back(item.Scalar());
      if (places != nullptr) places->push_back(At(item));
    } else {
      Add(At(item),
          fmt::format("an item of '{}' must be a text; write it between single quotes", field));
    }
  }
  return strings;
}

Text FieldReader::LocalText(const YAML::Node& node, const std::string& field) {
  Text text;
  if (node.IsScalar() && !node.Scalar().empty()) {
    text["en"] = node.Scalar();
    return text;
  }
  ForEachField(node, fmt::format("'{}' must be texts by language", field),
               fmt::format("{}: {{en: '...', zh: '...'}}", field),
               [&](const std::string& language, const YAML::Node& key, const YAML::Node& value) {
                 if (language.size() < 2 || language.size() > 11) {
                   Add(At(key),
                       fmt::format("'{}' is no language; write en or zh instead", language));
                   return;
                 }
                 text[language] = String(value, field);
               });
  return text;
}

bool FieldReader::Bool(const YAML::Node& node, const std::string& field) {
  if (node.IsScalar() && (node.Scalar() == "true" || node.Scalar() == "false")) {
    return node.Scalar() == "true";
  }
  Add(At(node), fmt::format("'{}' must be true or false; write {}: true instead", field, field));
  return false;
}

Duration FieldReader::Time(const YAML::Node& node, const std::string& field, Duration otherwise,
                           bool zero_ok) {
  if (node.IsScalar()) {
    if (std::optional<Duration> duration = ParseDuration(node.Scalar())) {
      if (*duration > Duration::zero() || zero_ok) return *duration;
    }
    Add(At(node), fmt::format("'{}' is no duration for '{}'; write 90s, 10m or 1h instead",
                              node.Scalar(), field));
  } else {
    Add(At(node), fmt::format("'{}' must be a duration; write 90s, 10m or 1h instead", field));
  }
  return otherwise;
}

EntityKind FieldReader::Kind(const YAML::Node& node, const std::string& field) {
  if (node.IsScalar()) {
    if (std::optional<EntityKind> kind = EntityKindFromName(node.Scalar())) return *kind;
  }
  std::vector<std::string_view> kinds;
  for (int i = 1; i < kEntityKindCount; ++i) {
    kinds.push_back(EntityKindName(static_cast<EntityKind>(i)));
  }
  Add(At(node),
      fmt::format("unknown {} {}; write one of {} instead", field, Shown(node), Join(kinds)));
  return EntityKind::kNode;
}

std::string FieldReader::Shown(const YAML::Node& node) {
  return node.IsScalar() ? fmt::format("'{}'", node.Scalar().substr(0, 80)) : "(not a word)";
}

std::string FieldReader::Id(const YAML::Node& node, const std::string& field) {
  std::string id = String(node, field);
  if (id.empty()) return id;
  bool good = id.size() <= 100 && id.front() != '-' && id.back() != '-';
  for (char c : id) good &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  if (!good) {
    Add(At(node), fmt::format("'{}' is no {}; write lower-case letters, digits and '-' instead, at "
                              "most 100",
                              id.substr(0, 120), field));
  }
  return id;
}

std::optional<int64_t> FieldReader::Integer(const YAML::Node& node) {
  if (!node.IsScalar()) return std::nullopt;
  const std::string& s = node.Scalar();
  int64_t number = 0;
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), number);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return number;
}

}  // namespace tocsin::matcher
