// SPDX-License-Identifier: Apache-2.0
#include "matcher/rule_reader.h"

#include <algorithm>

#include "matcher/dialect.h"
#include "matcher/exit_code.h"

namespace tocsin::matcher {
namespace {

constexpr std::pair<std::string_view, CaptureType> kCaptureTypes[] = {
    {"bytes", CaptureType::kBytes},
    {"count", CaptureType::kCount},
    {"duration", CaptureType::kDuration},
    {"image", CaptureType::kImage},
    {"exit_code", CaptureType::kExitCode}};

bool ReadCodes(const YAML::Node& node, const std::string& field, FieldReader& reader,
               std::bitset<kExitCodes>& codes) {
  if (!node.IsSequence() || node.size() == 0) {
    reader.Add(reader.At(node),
               fmt::format("'{}' must be a list of codes; write {}: [137] instead", field, field));
    return false;
  }
  for (const YAML::Node& item : node) {
    std::optional<int64_t> code = FieldReader::Integer(item);
    if (!code || *code < 0 || *code >= kExitCodes) {
      reader.Add(reader.At(item), fmt::format("{} is no exit code; write 0 to 255 instead (-1 is "
                                              "printed as 255, and both are found)",
                                              FieldReader::Shown(item)));
      return false;
    }
    codes.set(static_cast<size_t>(*code));
  }
  return true;
}

std::vector<std::string> ReadReasons(const YAML::Node& node, const std::string& field,
                                     FieldReader& reader) {
  std::vector<Place> places;
  std::vector<std::string> reasons = reader.Strings(node, field, &places);
  for (size_t i = 0; i < reasons.size() && i < places.size(); ++i) {
    bool word = reasons[i].size() <= 60;
    for (char c : reasons[i])
      word &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word) {
      reader.Add(places[i], fmt::format("'{}' is no reason; write the word that Kubernetes prints, "
                                        "such as OOMKilled, instead",
                                        reasons[i].substr(0, 80)));
    }
  }
  return reasons;
}

}  // namespace

void ReadExitCode(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  const std::string instead = "exit_code: {is: [137], reason: [OOMKilled]}";
  ExitCodeRule rule;
  std::bitset<kExitCodes> without;
  bool good = node.IsMap();
  reader.ForEachField(node, "'exit_code' must be a map", instead,
                      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                        if (name == "is") {
                          good &= ReadCodes(value, name, reader, rule.codes);
                        } else if (name == "not") {
                          good &= ReadCodes(value, name, reader, without);
                        } else if (name == "range") {
                          std::optional<int64_t> from, to;
                          if (value.IsSequence() && value.size() == 2) {
                            from = FieldReader::Integer(value[0]);
                            to = FieldReader::Integer(value[1]);
                          }
                          if (!from || !to || *from < 0 || *from > *to || *to >= kExitCodes) {
                            good = false;
                            reader.Add(reader.At(value),
                                       "'range' must be two codes from 0 to 255, the lower one "
                                       "first; write range: [129, 159] instead");
                            return;
                          }
                          for (int64_t code = *from; code <= *to; ++code)
                            rule.codes.set(static_cast<size_t>(code));
                        } else if (name == "reason") {
                          rule.reasons = ReadReasons(value, name, reader);
                        } else if (name == "not_reason") {
                          rule.not_reasons = ReadReasons(value, name, reader);
                        } else {
                          good = false;
                          reader.Add(reader.At(key),
                                     fmt::format("unknown field '{}' in 'exit_code'; write 'is', "
                                                 "'range', 'not', 'reason' or 'not_reason' instead",
                                                 name));
                        }
                      });
  if (!good || reader.full()) return;
  rule.codes &= ~without;
  if (rule.codes.none()) {
    return reader.Add(reader.At(node),
                      fmt::format("'exit_code' names no code; write {} instead", instead));
  }
  Signature& signature = read.signature;
  for (std::string& pattern : ExitCodePatterns(rule)) {
    signature.match.push_back(std::move(pattern));
    read.match_places.push_back(reader.At(node));
  }
  for (std::string& pattern : ExitCodeExclusions(rule))
    signature.unless.push_back(std::move(pattern));
  signature.capture_types["exit_code"] = CaptureType::kExitCode;
  for (const auto& [language, note] : ExitCodeNote(rule)) {
    std::string& cause = signature.cause[language];
    cause += (cause.empty() ? "" : " ") + note;
  }
}

void ReadCaptureTypes(const YAML::Node& node, FieldReader& reader, ReadSignature& read) {
  std::vector<std::string_view> types;
  for (const auto& [name, type] : kCaptureTypes) types.push_back(name);
  reader.ForEachField(node, "'captures' must be a map", "captures: {size: bytes}",
                      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                        for (const auto& [type_name, type] : kCaptureTypes) {
                          if (value.IsScalar() && value.Scalar() == type_name) {
                            read.signature.capture_types[name] = type;
                            read.captures_used.push_back({name, "captures", reader.At(key)});
                            return;
                          }
                        }
                        reader.Add(
                            reader.At(value),
                            fmt::format("unknown type {} of capture '{}'; write one of {} instead",
                                        FieldReader::Shown(value), name, Join(types)));
                      });
}

}  // namespace tocsin::matcher
