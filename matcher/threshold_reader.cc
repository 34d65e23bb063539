// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "base/row.h"
#include "matcher/rule_reader.h"

// Rules over several findings: thresholds, occurrences, neighbours, and what is derived.
namespace tocsin::matcher {
namespace {

constexpr Duration kWindowMax = std::chrono::hours(24);
constexpr Duration kNearMax = std::chrono::minutes(30);
constexpr size_t kStepsMax = 10;

Duration Window(const YAML::Node& node, const std::string& field, Duration otherwise, Duration max,
                FieldReader& reader) {
  Duration duration = reader.Time(node, field, otherwise, false);
  if (duration > max) {
    reader.Add(reader.At(node), fmt::format("'{}' is more than {}; write {} or less instead", field,
                                            max == kWindowMax ? "a day" : FormatDuration(max),
                                            max == kWindowMax ? "24h" : FormatDuration(max)));
  }
  return duration;
}

int64_t Count(const YAML::Node& value, const std::string& field, FieldReader& reader) {
  int64_t count = FieldReader::Integer(value).value_or(0);
  if (count >= 1) return count;
  reader.Add(
      reader.At(value),
      fmt::format("'{}' must be a number of hits from 1; write {}: 1 instead", field, field));
  return 1;
}

std::string RuleId(const YAML::Node& value, const std::string& name, const std::string& field,
                   FieldReader& reader, ReadSignature& read) {
  std::string id = reader.Id(value, name);
  if (!id.empty()) read.references.push_back({id, field, reader.At(value)});
  return id;
}

// 20/1m
bool ReadRate(const YAML::Node& value, Signature& signature) {
  if (!value.IsScalar()) return false;
  const std::string& text = value.Scalar();
  size_t slash = text.find('/');
  if (slash == std::string::npos) return false;
  int64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + slash, count);
  std::optional<Duration> within = ParseDuration(text.substr(slash + 1));
  if (error != std::errc() || end != text.data() + slash || count < 1 || !within ||
      *within <= Duration::zero() || *within > kWindowMax) {
    return false;
  }
  signature.threshold_count = count;
  signature.threshold_within = *within;
  return true;
}

void ReadRatio(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "ratio: {of: other-signature, over: 0.1}";
  Signature& signature = read.signature;
  reader.ForEachField(
      node, "'ratio' must be a map", instead,
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "of") {
          signature.ratio_of = RuleId(value, "of", "threshold.ratio", reader, read);
        } else if (name == "over") {
          double over = 0;
          if (value.IsScalar()) {
            const std::string& s = value.Scalar();
            auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), over);
            if (error != std::errc() || end != s.data() + s.size()) over = 0;
          }
          if (!(over > 0 && over <= 1)) {
            reader.Add(reader.At(value),
                       "'over' must be a share above 0 and up to 1; write over: 0.1 instead");
          }
          signature.ratio_over = over;
        } else {
          reader.Add(
              reader.At(key),
              fmt::format("unknown field '{}' in 'ratio'; write 'of' or 'over' instead", name));
        }
      });
  if (node.IsMap() && (!node["of"] || !node["over"])) {
    reader.Add(reader.At(node), fmt::format("'ratio' needs both; write {} instead", instead));
  }
}

// "512KB/s"
int64_t BytesPerSecond(const YAML::Node& value) {
  if (!value.IsScalar()) return 0;
  std::string_view text = value.Scalar();
  if (text.size() < 3 || text.substr(text.size() - 2) != "/s") return 0;
  text.remove_suffix(2);
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number <= 0) return 0;
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  for (const auto& [name, scale] : {std::pair<std::string_view, double>{"B", 1},
                                    {"KB", 1024},
                                    {"KiB", 1024},
                                    {"MB", 1048576},
                                    {"MiB", 1048576}}) {
    if (unit == name && number * scale < 1e12) return static_cast<int64_t>(number * scale);
  }
  return 0;
}

}  // namespace

void ReadThreshold(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  Signature& signature = read.signature;
  bool rate = false, counted = false;
  reader.ForEachField(
      node, "'threshold' must be a map", "threshold: {count: 3, within: 5m}",
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "count") {
          counted = true;
          signature.threshold_count = Count(value, name, reader);
        } else if (name == "within") {
          counted = true;
          signature.threshold_within =
              Window(value, name, signature.threshold_within, kWindowMax, reader);
        } else if (name == "for") {
          signature.threshold_for = Window(value, name, Duration::zero(), kWindowMax, reader);
        } else if (name == "distinct") {
          signature.threshold_distinct = reader.String(value, name);
          read.captures_used.push_back(
              {signature.threshold_distinct, "threshold.distinct", reader.At(value)});
        } else if (name == "rate") {
          rate = true;
          if (!ReadRate(value, signature)) {
            reader.Add(reader.At(value), "'rate' must be hits per time; write rate: 20/1m instead");
          }
        } else if (name == "ratio") {
          ReadRatio(value, reader, read);
        } else {
          reader.Add(
              reader.At(key),
              fmt::format("unknown field '{}' in 'threshold'; write 'count', 'within', 'rate', "
                          "'distinct', 'ratio' or 'for' instead",
                          name));
        }
      });
  if (rate && counted) {
    reader.Add(reader.At(node), "'rate' says both 'count' and 'within'; write one or the other");
  }
  if (!signature.threshold_distinct.empty() && signature.threshold_count > kDistinctMax) {
    reader.Add(reader.At(node),
               fmt::format("at most {} different values are counted; write count: {} "
                           "or less instead",
                           kDistinctMax, kDistinctMax));
  }
}

void ReadOccurrence(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "occurrence: {key: [pid], within: 5s}";
  Signature& signature = read.signature;
  reader.ForEachField(
      node, "'occurrence' must be a map", instead,
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "key") {
          std::vector<Place> places;
          signature.occurrence_key = reader.Strings(value, name, &places);
          for (size_t i = 0; i < places.size() && i < signature.occurrence_key.size(); ++i) {
            read.captures_used.push_back(
                {signature.occurrence_key[i], "occurrence.key", places[i]});
          }
        } else if (name == "within") {
          signature.occurrence_within =
              Window(value, name, signature.occurrence_within, std::chrono::minutes(1), reader);
        } else {
          reader.Add(reader.At(key),
                     fmt::format("unknown field '{}' in 'occurrence'; write 'key' or "
                                 "'within' instead",
                                 name));
        }
      });
  if (node.IsMap() && signature.occurrence_key.empty()) {
    reader.Add(reader.At(node), fmt::format("'occurrence' has no key; write {} instead", instead));
  }
}

void ReadRequiresNear(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "requires_near: {id: other-signature, same: node, within: 1m}";
  Near near;
  reader.ForEachField(
      node, "'requires_near' must be a map", instead,
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "id" && value.IsSequence()) {
          for (const YAML::Node& item : value) {
            near.ids.push_back(RuleId(item, name, "requires_near", reader, read));
          }
        } else if (name == "id") {
          near.ids.push_back(RuleId(value, name, "requires_near", reader, read));
        } else if (name == "same") {
          near.same = reader.Kind(value, "scope");
        } else if (name == "within") {
          near.within = Window(value, name, near.within, kNearMax, reader);
        } else if (name == "match") {
          reader.Add(reader.At(key),
                     "'requires_near' names signatures; write one of severity info for "
                     "the pattern, and its id instead");
        } else {
          reader.Add(reader.At(key),
                     fmt::format("unknown field '{}' in 'requires_near'; write 'id', "
                                 "'same' or 'within' instead",
                                 name));
        }
      });
  if (node.IsMap() && near.ids.empty()) {
    reader.Add(reader.At(node),
               fmt::format("'requires_near' has no id; write {} instead", instead));
  }
  read.signature.requires_near = std::move(near);
}

void ReadSequence(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  std::vector<Place> places;
  std::vector<std::string> ids = reader.Strings(node, "sequence", &places);
  for (size_t i = 0; i < ids.size() && i < places.size(); ++i) {
    read.references.push_back({ids[i], "sequence", places[i]});
  }
  if (node.IsSequence() && (ids.size() < 2 || ids.size() > kStepsMax)) {
    reader.Add(reader.At(node), fmt::format("a sequence has 2 to {} steps; write sequence: [first, "
                                            "second] instead",
                                            kStepsMax));
  }
  read.signature.sequence = std::move(ids);
}

void ReadAbsent(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "absent: {after: one, id: other, within: 10m}";
  Absent absent;
  reader.ForEachField(node, "'absent' must be a map", instead,
                      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                        if (name == "after") {
                          absent.after = RuleId(value, name, "absent.after", reader, read);
                        } else if (name == "id") {
                          absent.id = RuleId(value, name, "absent", reader, read);
                        } else if (name == "within") {
                          absent.within = Window(value, name, absent.within, kWindowMax, reader);
                        } else {
                          reader.Add(
                              reader.At(key),
                              fmt::format("unknown field '{}' in 'absent'; write 'after', 'id' "
                                          "or 'within' instead",
                                          name));
                        }
                      });
  if (node.IsMap() && (!node["after"] || !node["id"])) {
    reader.Add(reader.At(node), fmt::format("'absent' needs both ids; write {} instead", instead));
  }
  // What was missed ends it when it comes.
  if (!absent.id.empty()) read.signature.cleared_by.push_back(absent.id);
  read.signature.absent = std::move(absent);
}

void ReadMeasure(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "measure: {tally: container, over: 512KB/s, for: 1m}";
  Signature& signature = read.signature;
  Measure measure;
  bool tally = false;
  reader.ForEachField(
      node, "'measure' must be a map", instead,
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "tally") {
          tally = value.IsScalar() && (value.Scalar() == "container" || value.Scalar() == "node");
          if (!tally) {
            reader.Add(reader.At(value),
                       fmt::format("unknown tally {}; write container or node instead",
                                   FieldReader::Shown(value)));
            tally = true;
            return;
          }
          measure.of_containers = value.Scalar() == "container";
        } else if (name == "over") {
          measure.over = BytesPerSecond(value);
          if (measure.over == 0) {
            reader.Add(reader.At(value),
                       "'over' must be bytes a second; write over: 512KB/s instead");
            measure.over = 1;
          }
        } else if (name == "for") {
          measure.lasts = Window(value, name, measure.lasts, kWindowMax, reader);
        } else if (name == "silent") {
          measure.silent = Window(value, name, measure.silent, kWindowMax, reader);
        } else {
          reader.Add(reader.At(key), fmt::format("unknown field '{}' in 'measure'; write 'tally', "
                                                 "'over', 'for' or 'silent' instead",
                                                 name));
        }
      });
  if (!node.IsMap()) return;
  if (!tally || (measure.over > 0) == (measure.silent > Duration::zero())) {
    reader.Add(reader.At(node), fmt::format("'measure' has a tally and either 'over' or 'silent'; "
                                            "write {} instead",
                                            instead));
  } else if (measure.of_containers && measure.silent > Duration::zero()) {
    reader.Add(reader.At(node), "containers may be silent; write tally: node instead");
  }
  signature.entity = measure.of_containers ? EntityKind::kContainer : EntityKind::kNode;
  if (measure.over > 0) {
    // Over the limit in one slot after the other.
    signature.threshold_count = 1;
    signature.threshold_within = 2 * kSlotLength;
    signature.threshold_for = std::max(Duration::zero(), measure.lasts - kSlotLength);
  }
  signature.measure = measure;
}

}  // namespace tocsin::matcher
