// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

using pipeline::ServeOptions;

// What a value should have been, for the error; empty: it was taken.
using Reader = std::function<std::string(const YAML::Node&, ServeOptions&)>;

Reader Word(std::string ServeOptions::*field) {
  return [field](const YAML::Node& node, ServeOptions& options) -> std::string {
    if (!node.IsScalar()) return "write one word or a quoted text";
    options.*field = node.Scalar();
    return "";
  };
}

Reader Words(std::vector<std::string> ServeOptions::*field) {
  return [field](const YAML::Node& node, ServeOptions& options) -> std::string {
    constexpr const char* kWant = "write a list such as [a, b]";
    if (!node.IsSequence()) return kWant;
    std::vector<std::string> words;
    for (const YAML::Node& item : node) {
      if (!item.IsScalar() || item.Scalar().empty()) return kWant;
      words.push_back(item.Scalar());
    }
    options.*field = std::move(words);
    return "";
  };
}

Reader Flag(bool ServeOptions::*field) {
  return [field](const YAML::Node& node, ServeOptions& options) -> std::string {
    if (!node.IsScalar() || (node.Scalar() != "true" && node.Scalar() != "false")) {
      return "write true or false";
    }
    options.*field = node.Scalar() == "true";
    return "";
  };
}

// The keys in the order of the example file.
const std::vector<std::pair<std::string, Reader>>& Keys() {
  static const auto* const keys = new std::vector<std::pair<
      std::string, Reader>>{{"data_dir", Word(&ServeOptions::data_dir)},
                            {"signatures", Word(&ServeOptions::signatures_dir)},
                            {"overrides", Word(&ServeOptions::overrides)},
                            {"cluster", Word(&ServeOptions::cluster)},
                            {"grpc_listen", Word(&ServeOptions::grpc_listen)},
                            {"http_listen", Word(&ServeOptions::http_listen)},
                            {"insecure", Flag(&ServeOptions::insecure)},
                            {"kafka_brokers", Word(&ServeOptions::kafka_brokers)},
                            {"kafka_topics", Words(&ServeOptions::kafka_topics)},
                            {"kafka_group", Word(&ServeOptions::kafka_group)},
                            {"kafka_properties",
                             [](const YAML::Node& node, ServeOptions& options) -> std::string {
                               constexpr const char* kWant =
                                   "write a mapping such as {security.protocol: ssl}";
                               if (!node.IsMap()) return kWant;
                               std::map<std::string, std::string> properties;
                               for (const auto& entry : node) {
                                 if (!entry.first.IsScalar() || !entry.second.IsScalar())
                                   return kWant;
                                 properties[entry.first.Scalar()] = entry.second.Scalar();
                               }
                               options.kafka_properties = std::move(properties);
                               return "";
                             }},
                            {"roles", Words(&ServeOptions::roles)},
                            {"trusted_namespaces", Words(&ServeOptions::trusted_namespaces)},
                            {"retention",
                             [](const YAML::Node& node, ServeOptions& options) -> std::string {
                               std::optional<Duration> value =
                                   node.IsScalar() ? ParseDuration(node.Scalar()) : std::nullopt;
                               if (!value) return "write a duration such as 30d or 12h";
                               options.retention = *value;
                               return "";
                             }},
                            {"lanes",
                             [](const YAML::Node& node, ServeOptions& options) -> std::string {
                               std::string text = node.IsScalar() ? node.Scalar() : "";
                               int value = 0;
                               auto [end, error] =
                                   std::from_chars(text.data(), text.data() + text.size(), value);
                               if (text.empty() || error != std::errc() ||
                                   end != text.data() + text.size() || value < 0) {
                                 return "write a whole number, 0 for half the cores";
                               }
                               options.lanes = value;
                               return "";
                             }},
                            {"channel_bytes",
                             [](const YAML::Node& node, ServeOptions& options) -> std::string {
                               std::optional<size_t> value =
                                   node.IsScalar() ? ParseBytes(node.Scalar()) : std::nullopt;
                               if (!value) return "write a size such as 64MiB";
                               options.channel_bytes = *value;
                               return "";
                             }}};
  return *keys;
}

std::string KnownKeys() {
  std::string text;
  for (const auto& [key, reader] : Keys()) text += (text.empty() ? "" : ", ") + key;
  return text;
}

// What somebody may have meant who wrote `key`: the same letters without case and separators.
std::string Plain(std::string_view key) {
  std::string plain;
  for (char c : key) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

absl::Status Read(const YAML::Node& root, const std::string& name, ServeOptions& options) {
  if (root.IsNull()) return absl::OkStatus();  // nothing but comments: all defaults
  if (!root.IsMap()) {
    return InvalidArgument("{}:{}: not a mapping: write lines such as kafka_brokers: host:9092",
                           name, root.Mark().line + 1);
  }
  std::set<std::string> seen;
  for (const auto& entry : root) {
    int line = entry.first.Mark().line + 1;
    if (!entry.first.IsScalar()) {
      return InvalidArgument("{}:{}: a key must be a word: write one of {}", name, line,
                             KnownKeys());
    }
    const std::string& key = entry.first.Scalar();
    if (!seen.insert(key).second) {
      return InvalidArgument("{}:{}: {} stands here for the second time: leave one of them", name,
                             line, key);
    }
    const Reader* reader = nullptr;
    std::string meant;
    for (const auto& [known, read] : Keys()) {
      if (known == key) reader = &read;
      if (Plain(known) == Plain(key)) meant = known;
    }
    if (reader == nullptr) {
      return InvalidArgument("{}:{}: \"{}\" is not a key: write {}{}", name, line, key,
                             meant.empty() ? "one of " : "", meant.empty() ? KnownKeys() : meant);
    }
    if (std::string want = (*reader)(entry.second, options); !want.empty()) {
      std::string value = entry.second.IsScalar() ? "\"" + entry.second.Scalar() + "\""
                          : entry.second.IsNull() ? "empty"
                                                  : "not of the right kind";
      return InvalidArgument("{}:{}: {} is {}: {}", name, line, key, value, want);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadConfig(std::string_view yaml, const std::string& name,
                        pipeline::ServeOptions& options) {
  ServeOptions result = options;
  try {
    YAML::Node root = YAML::Load(std::string(yaml));
    RETURN_IF_ERROR(Read(root, name, result));
  } catch (const YAML::Exception& error) {
    return InvalidArgument("{}:{}: not YAML: {}", name, error.mark.line + 1, error.msg);
  }
  options = std::move(result);
  return absl::OkStatus();
}

absl::Status ReadConfigFile(const std::string& path, pipeline::ServeOptions& options) {
  std::ifstream file(path, std::ios::binary);
  std::string yaml;
  if (file) yaml.assign(std::istreambuf_iterator<char>(file), {});
  if (!file || file.bad()) {
    return InvalidArgument("cannot read the configuration {}: {}", path, std::strerror(errno));
  }
  return ReadConfig(yaml, path, options);
}

std::optional<size_t> ParseBytes(std::string_view text) {
  static constexpr std::pair<std::string_view, int> kUnits[] = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}, {"", 0}};
  size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (auto [name, shift] : kUnits) {
    if (unit != name) continue;
    if (value > (SIZE_MAX >> shift)) return std::nullopt;
    return value << shift;
  }
  return std::nullopt;
}

}  // namespace tocsin::cli
