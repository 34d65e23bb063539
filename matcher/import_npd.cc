// SPDX-License-Identifier: Apache-2.0
// Configurations of node-problem-detector.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "base/stream.h"
#include "matcher/import_draft.h"

namespace tocsin::matcher {
namespace {

using Fate = ImportedRule::Fate;

std::string Scalar(const YAML::Node& map, const char* key) {
  YAML::Node node = map[key];
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : "";
}

// The stream that a source of the journal or of a file is; empty: none of ours.
std::string StreamOfSource(const std::string& source) {
  if (source == "kernel" || source == "kmsg") return "kernel";
  if (source == "docker" || source == "dockerd") return "dockerd";
  if (std::optional<Stream> stream = StreamFromName(source); stream && *stream != Stream::kText) {
    return source;
  }
  return "";
}

class NpdImporter {
 public:
  explicit NpdImporter(Import& import) : import_(import) {}

  void ReadFile(const std::string& file) {
    file_ = file;
    auto text = ReadWhole(file);
    if (!text.ok()) return Refuse("", Message(text.status()));
    // JSON is YAML but for tabs, which JSON has between its tokens only.
    for (char& c : *text) {
      if (c == '\t') c = ' ';
    }
    try {
      ReadConfig(YAML::Load(*text));
    } catch (const YAML::Exception& e) {
      Refuse("", fmt::format("line {}: is not JSON ({})", e.mark.line + 1, e.msg));
    }
  }

  std::vector<Draft> TakeDrafts() { return std::move(drafts_); }

 private:
  void Refuse(const std::string& rule, const std::string& reason) {
    import_.rules.push_back({file_, rule, Fate::kRefused, reason, ""});
  }

  void ReadConfig(const YAML::Node& config) {
    if (!config.IsMap()) return Refuse("", "is no configuration: not an object");
    source_ = Scalar(config, "source");
    plugin_ = Scalar(config, "plugin");
    YAML::Node rules = config["rules"];
    if (!rules.IsDefined() || !rules.IsSequence()) {
      return Refuse("", "has no rules: it reads statistics or configures something else");
    }
    if (plugin_ != "kmsg" && plugin_ != "journald" && plugin_ != "filelog" && plugin_ != "custom") {
      return Refuse(
          "", fmt::format("plugin '{}' reads no log that tocsin reads", plugin_.substr(0, 80)));
    }
    YAML::Node plugin_config = config["pluginConfig"];
    log_ = plugin_ == "kmsg"                                    ? "kernel"
           : plugin_config.IsDefined() && plugin_config.IsMap() ? Scalar(plugin_config, "source")
                                                                : "";
    for (const YAML::Node& rule : rules) ReadRule(rule);
  }

  // Reads what a rule that runs log-counter counts; empty: `pattern`, `draft` are filled.
  std::string ReadCounter(const YAML::Node& rule, std::string& pattern, std::string& log,
                          Draft& draft) {
    std::string path = Scalar(rule, "path");
    size_t slash = path.rfind('/');
    if (path.substr(slash == std::string::npos ? 0 : slash + 1) != "log-counter") {
      return fmt::format("runs a program ('{}') instead of reading a log", path.substr(0, 120));
    }
    YAML::Node args = rule["args"];
    if (!args.IsDefined() || !args.IsSequence()) return "its log-counter has no arguments";
    for (const YAML::Node& arg : args) {
      if (!arg.IsScalar()) return "its log-counter has an argument that is no text";
      const std::string& text = arg.Scalar();
      size_t equals = text.find('=');
      std::string name = text.substr(0, equals);
      std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
      if (name == "--pattern") {
        pattern = value;
      } else if (name == "--journald-source") {
        log = value;
      } else if (name == "--count") {
        auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), draft.count);
        if (error != std::errc() || end != value.data() + value.size() || draft.count < 1) {
          return fmt::format("--count={} is no number from 1", value.substr(0, 40));
        }
      } else if (name == "--lookback") {
        std::optional<Duration> within = ParseDuration(value);
        if (!within || *within <= Duration::zero() || *within > std::chrono::hours(24)) {
          return fmt::format("--lookback={} is no time up to a day", value.substr(0, 40));
        }
        draft.within = *within;
      } else if (name == "--revert-pattern") {
        return "--revert-pattern counts down, which a threshold can not";
      }
    }
    return pattern.empty() ? "its log-counter has no --pattern" : "";
  }

  void ReadRule(const YAML::Node& rule) {
    if (!rule.IsMap()) return Refuse("", "a rule is no object");
    std::string reason = Scalar(rule, "reason");
    std::string type = Scalar(rule, "type"), condition = Scalar(rule, "condition");
    if (type != "temporary" && type != "permanent") {
      return Refuse(
          reason, fmt::format("type '{}' is neither temporary nor permanent", type.substr(0, 40)));
    }
    Draft draft;
    draft.state = type == "permanent";
    draft.severity = draft.state ? "error" : "warning";
    std::string pattern = Scalar(rule, "pattern"), log = log_;
    if (plugin_ == "custom") {
      if (std::string why = ReadCounter(rule, pattern, log, draft); !why.empty()) {
        return Refuse(reason, why);
      }
    }
    if (pattern.empty()) return Refuse(reason, "has no pattern");
    // The detector wants a match to reach the end of what it read.
    bool open_end = pattern.ends_with(".*") && !pattern.ends_with("\\.*");
    auto ours = PatternFromGo(open_end ? pattern : pattern + "$");
    if (!ours.ok()) return Refuse(reason, Message(ours.status()));
    std::string stream = StreamOfSource(log);
    if (!stream.empty()) draft.streams = {stream};

    draft.id = "npd-" + IdFrom(source_.empty() ? "custom" : source_) + "-" +
               IdFrom(reason.empty() ? condition : reason);
    draft.title = draft.state && !condition.empty() ? condition + ": " + reason : reason;
    draft.match = {*ours};
    draft.origin = fmt::format("node-problem-detector, {}, {}", source_, reason);
    ImportedRule report{file_, reason, Fate::kExact, "", Add(std::move(draft))};
    if (stream.empty()) {
      report.fate = Fate::kWidened;
      report.reason = log.empty() ? "names no log: holds for every stream"
                                  : fmt::format("log '{}' is no stream: holds for every one",
                                                log.substr(0, 80));
    } else if (pattern[0] == '^') {
      report.reason = "begins at ^: found only where the shipper leaves no time or tag in front";
    }
    import_.rules.push_back(std::move(report));
  }

  // Rules of one reason that differ in the pattern only are one signature. Returns its id.
  std::string Add(Draft draft) {
    std::string id = draft.id;
    for (int n = 2;; ++n) {
      auto [found, inserted] = by_id_.emplace(id, drafts_.size());
      if (inserted) {
        draft.id = id;
        drafts_.push_back(std::move(draft));
        return id;
      }
      Draft& other = drafts_[found->second];
      if (other.state == draft.state && other.streams == draft.streams &&
          other.title == draft.title && other.count == 1 && draft.count == 1) {
        if (std::find(other.match.begin(), other.match.end(), draft.match[0]) ==
            other.match.end()) {
          other.match.push_back(draft.match[0]);
        }
        return id;
      }
      id = fmt::format("{}-{}", draft.id, n);
    }
  }

  Import& import_;
  std::string file_, source_, plugin_, log_;
  std::vector<Draft> drafts_;
  std::map<std::string, size_t> by_id_;
};

}  // namespace

absl::StatusOr<Import> ImportNpd(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<std::string> files, FilesBelow(path, ".json"));
  Import import;
  NpdImporter importer(import);
  for (const std::string& file : files) importer.ReadFile(file);
  std::vector<Draft> drafts = importer.TakeDrafts();
  if (!drafts.empty()) {
    import.yaml = ToYaml("Imported from configurations of node-problem-detector.", drafts);
  }
  return import;
}

}  // namespace tocsin::matcher
