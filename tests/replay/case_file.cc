// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/case_file.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "correlate/render.h"

namespace tocsin::replay {
namespace {

// In the order in which they are shown. Lists are sets: they are sorted on both sides.
constexpr std::string_view kKeys[] = {"root",    "state",    "reason",  "rootStatus", "severity",
                                      "title",   "cluster",  "hits",    "lines",      "open",
                                      "last",    "resolved", "reopens", "flapping",   "chronic",
                                      "members", "nodes",    "pods",    "namespaces", "workloads"};
constexpr std::string_view kLists[] = {"members", "nodes", "pods", "namespaces", "workloads"};

bool IsList(std::string_view key) {
  return std::find(std::begin(kLists), std::end(kLists), key) != std::end(kLists);
}

std::string Joined(std::vector<std::string> items) {
  std::sort(items.begin(), items.end());
  std::string all;
  for (const std::string& item : items) all += (all.empty() ? "" : ", ") + item;
  return all;
}

// "\xNN" and "\\" as bytes.
std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
    } else if (text[i + 1] == 'x' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    } else {
      out += text[++i];
    }
  }
  return out;
}

// One line of a records section.
std::string AddRecord(std::string_view line, std::string& file) {
  auto directive = [&](std::string_view name) {
    if (!line.starts_with(name)) return false;
    line.remove_prefix(name.size());
    return true;
  };
  size_t times = 1;
  if (directive("@repeat ")) {
    size_t space = line.find(' ');
    times = static_cast<size_t>(std::atoll(std::string(line.substr(0, space)).c_str()));
    if (space == std::string_view::npos || times == 0) return "write '@repeat NUMBER LINE'";
    line.remove_prefix(space + 1);
  }
  std::string record;
  if (directive("@bytes ")) {
    record = Unescaped(line);
  } else if (directive("@nested ")) {
    for (int i = std::atoi(std::string(line).c_str()); i > 0; --i) record += "{\"a\":";
  } else if (line.starts_with("@@")) {
    record = line.substr(1);
  } else if (line.starts_with("@")) {
    return "unknown directive; write '@@' for a line that begins with '@'";
  } else {
    record = line;
  }
  for (size_t i = 0; i < times; ++i) file += record + "\n";
  return "";
}

std::string ReadHeader(const std::string& text, Case& out) {
  YAML::Node header = YAML::Load(text);
  for (const auto& entry : header) {
    std::string key = entry.first.as<std::string>();
    if (key == "bad") {
      for (const auto& count : entry.second) {
        out.bad[count.first.as<std::string>()] = count.second.as<uint64_t>();
      }
      continue;
    }
    std::string value = entry.second.as<std::string>();
    if (key == "input") {
      out.input = value;
    } else if (key == "cluster") {
      out.cluster = value;
    } else if (key == "node") {
      out.node = value;
    } else if (key == "complete") {
      out.complete = value == "true";
    } else if (key == "now") {
      std::optional<Time> now = ParseTime(value);
      if (!now) return "now: not a time: " + value;
      out.now = *now;
    } else {
      return "unknown key '" + key + "'; known: input, cluster, node, now, complete, bad";
    }
  }
  return "";
}

std::string ReadIncidents(const std::string& text, Case& out) {
  YAML::Node list = YAML::Load(text);
  if (!list.IsSequence()) return "incidents must be a list; write [] for none";
  for (const auto& node : list) {
    auto& incident = out.incidents.emplace_back();
    for (const auto& entry : node) {
      std::string key = entry.first.as<std::string>();
      if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
        return "unknown key '" + key + "' of an incident";
      }
      if (IsList(key)) {
        incident[key] = Joined(entry.second.as<std::vector<std::string>>());
      } else {
        incident[key] = entry.second.as<std::string>();
      }
    }
  }
  return "";
}

std::string When(const google::protobuf::Timestamp& time) {
  return FormatTime(correlate::GetTime(time));
}

std::string Name(const v1::Problem& problem) {
  return problem.signature() + "@" + problem.entity().kind() + "/" + problem.entity().name();
}

}  // namespace

std::string ReadCase(const std::string& path, Case& out) {
  out.now = *ParseTime("2024-06-01T00:00:00Z");
  std::ifstream in(path, std::ios::binary);
  std::string header, incidents, line;
  std::string* section = &header;
  bool records = false, told = false;
  for (int number = 1; std::getline(in, line); ++number) {
    if (number == 1) {
      if (!line.starts_with("# ")) return "line 1: begin with '# what happened'";
      out.title = line.substr(2);
    } else if (line == "--- incidents") {
      section = &incidents;
      records = false;
      told = true;
    } else if (line == "--- records" || line.starts_with("--- records ")) {
      section = &out.files[line == "--- records" ? "records" : line.substr(12)];
      records = true;
    } else if (records) {
      std::string problem = AddRecord(line, *section);
      if (!problem.empty()) return fmt::format("line {}: {}", number, problem);
    } else {
      *section += line + "\n";
    }
  }
  if (out.files.empty()) return "no '--- records' section";
  if (!told) return "no '--- incidents' section";
  try {
    std::string problem = ReadHeader(header, out);
    return problem.empty() ? ReadIncidents(incidents, out) : problem;
  } catch (const YAML::Exception& e) {
    return e.what();
  }
}

std::map<std::string, std::string> Describe(const v1::Incident& incident) {
  std::map<std::string, std::string> out;
  auto list = [](const auto& items) {
    return Joined(std::vector<std::string>(items.begin(), items.end()));
  };
  out["root"] = Name(incident.root_cause());
  out["state"] = v1::Incident::State_Name(incident.state());
  if (incident.state() == v1::Incident::RESOLVED) {
    out["reason"] = v1::Incident::ResolveReason_Name(incident.resolve_reason());
    out["resolved"] = When(incident.resolve_time());
  }
  out["rootStatus"] = v1::Incident::RootStatus_Name(incident.root_status());
  out["severity"] = v1::Severity_Name(incident.severity());
  out["title"] = incident.title();
  out["cluster"] = incident.cluster();
  out["hits"] = std::to_string(incident.hit_count());
  out["lines"] = std::to_string(incident.line_count());
  out["open"] = When(incident.open_time());
  out["last"] = When(incident.last_hit_time());
  out["reopens"] = std::to_string(incident.reopen_count());
  out["flapping"] = incident.flapping() ? "true" : "false";
  out["chronic"] = incident.chronic() ? "true" : "false";
  std::vector<std::string> members;
  for (const v1::Problem& problem : incident.problems()) members.push_back(Name(problem));
  out["members"] = Joined(members);
  out["nodes"] = list(incident.nodes());
  out["pods"] = list(incident.pods());
  out["namespaces"] = list(incident.namespaces());
  out["workloads"] = list(incident.workloads());
  return out;
}

std::string ToYaml(const std::map<std::string, std::string>& incident) {
  std::string out;
  for (std::string_view key : kKeys) {
    auto it = incident.find(std::string(key));
    if (it == incident.end()) continue;
    std::string value = IsList(key) ? "[" + it->second + "]" : it->second;
    out += fmt::format("{}{}: {}\n", out.empty() ? "- " : "  ", key, value);
  }
  return out;
}

}  // namespace tocsin::replay
