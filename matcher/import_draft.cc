// SPDX-License-Identifier: Apache-2.0
#include "matcher/import_draft.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/core.h>

#include "matcher/dialect.h"
#include "matcher/utf8.h"

namespace tocsin::matcher {
namespace {

constexpr size_t kIdMax = 80;
constexpr size_t kFileMax_bytes = 4 << 20;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A YAML scalar that reads back as `text`.
std::string Quoted(std::string_view bytes) {
  std::string scratch;
  std::string_view text = ValidUtf8(bytes, scratch);
  std::string out;
  if (std::none_of(text.begin(), text.end(), IsControl)) {
    for (char c : text) out += c == '\'' ? "''" : std::string(1, c);
    return "'" + out + "'";
  }
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (IsControl(c)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return "\"" + out + "\"";
}

std::string Comment(std::string_view text) {
  std::string out;
  for (char c : text) out += IsControl(c) ? ' ' : c;
  return "# " + out + "\n";
}

void AddList(std::string& yaml, const char* name, const std::vector<std::string>& items) {
  if (items.empty()) return;
  yaml += fmt::format("  {}:\n", name);
  for (const std::string& item : items) yaml += "    - " + Quoted(item) + "\n";
}

void AddText(std::string& yaml, const char* name, std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  if (!text.empty()) yaml += fmt::format("  {}: {{en: {}}}\n", name, Quoted(text));
}

// Where a class that begins at `at` ('[') ends: the position after its ']'.
size_t EndOfClass(std::string_view pattern, size_t at) {
  ++at;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\') {
      ++at;
    } else if (pattern.compare(at, 2, "[:") == 0) {
      size_t end = pattern.find(":]", at);
      if (end != std::string_view::npos) at = end + 1;
    }
    ++at;
  }
  return std::min(at + 1, pattern.size());
}

}  // namespace

std::string ToYaml(const std::string& heading, const std::vector<Draft>& drafts) {
  std::string yaml = Comment(heading);
  for (const Draft& draft : drafts) {
    yaml += "\n" + Comment(draft.origin) + "- id: " + draft.id + "\n";
    AddText(yaml, "title", draft.title);
    if (!draft.streams.empty()) {
      yaml += "  streams: [";
      for (size_t i = 0; i < draft.streams.size(); ++i) {
        yaml += (i == 0 ? "" : ", ") + draft.streams[i];
      }
      yaml += "]\n";
    }
    yaml += "  severity: " + draft.severity + "\n";
    if (draft.state) yaml += "  kind: state\n";
    yaml += "  entity: " + draft.entity + "\n";
    AddList(yaml, "match", draft.match);
    if (!draft.sequence.empty()) {
      AddList(yaml, "sequence", draft.sequence);
      yaml += fmt::format("  threshold: {{within: {}}}\n", FormatDuration(draft.within));
    }
    if (!draft.near.empty()) {
      yaml += fmt::format("  requires_near: {{id: {}, same: node, within: {}}}\n", draft.near,
                          FormatDuration(draft.near_within));
    }
    if (draft.count > 1) {
      yaml += fmt::format("  threshold: {{count: {}, within: {}}}\n", draft.count,
                          FormatDuration(draft.within));
    }
    AddList(yaml, "references", draft.references);
    AddText(yaml, "cause", draft.cause);
    AddText(yaml, "remedy", draft.remedy);
    AddList(yaml, "examples", draft.examples);
  }
  return yaml;
}

std::string IdFrom(std::string_view text) {
  std::string id;
  for (size_t i = 0; i < text.size() && id.size() < kIdMax; ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    bool word = c < 0x80 && std::isalnum(c) != 0;
    // A capital begins a word after a small letter, or before one ("XFSShutdown").
    if (word && std::isupper(c) != 0 && !id.empty() && id.back() != '-') {
      bool after_small = std::isupper(static_cast<unsigned char>(text[i - 1])) == 0;
      bool before_small =
          i + 1 < text.size() && std::islower(static_cast<unsigned char>(text[i + 1])) != 0;
      if (after_small || before_small) id += '-';
    }
    if (word) {
      id += static_cast<char>(std::tolower(c));
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id.empty() ? "unnamed" : id;
}

absl::StatusOr<std::string> PatternFromGo(std::string_view go) {
  for (std::string_view any : {".*?", ".*"}) {
    if (go.starts_with(any)) go.remove_prefix(any.size());
  }
  for (std::string_view any : {".*?", ".*"}) {
    if (!go.ends_with(any)) continue;
    size_t backslashes = 0;
    for (size_t at = go.size() - any.size(); at > 0 && go[at - 1] == '\\'; --at) ++backslashes;
    if (backslashes % 2 == 0) go.remove_suffix(any.size());
  }
  std::string pattern;
  for (size_t at = 0; at < go.size();) {
    size_t end = at + 1;
    if (go[at] == '\\') {
      end = std::min(at + 2, go.size());
    } else if (go[at] == '[') {
      end = EndOfClass(go, at);
    } else if (go[at] == '.') {
      pattern += "[^\\n]";
      at = end;
      continue;
    }
    pattern += go.substr(at, end - at);
    at = end;
  }
  if (pattern.empty()) return InvalidArgument("the pattern matches every line");
  if (PatternProblem problem = CheckPattern(pattern); !problem.message.empty()) {
    return InvalidArgument("pattern '{}': {}", go.substr(0, 120), problem.message);
  }
  return pattern;
}

std::string PatternFromText(std::string_view text) {
  std::string pattern;
  for (char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

size_t Telling(std::string_view pattern) {
  size_t least = SIZE_MAX;
  for (const std::string& literal : RequiredLiterals(pattern)) {
    least = std::min(least, literal.size());
  }
  return least;
}

absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& path,
                                                    const std::string& extension) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return InvalidArgument("{}: does not exist; write a file or a directory instead", path);
  }
  std::vector<std::string> files;
  if (!fs::is_directory(path, error)) {
    files.push_back(path);
    return files;
  }
  fs::recursive_directory_iterator entries(path, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() == extension && entries->is_regular_file(error)) {
      files.push_back(entries->path().string());
    }
  }
  if (error) {
    return InvalidArgument("{}: can not be read ({}); check its permissions", path,
                           error.message());
  }
  if (files.empty()) {
    return InvalidArgument("{}: holds no *{}; write the directory of the rules instead", path,
                           extension);
  }
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  text.resize(kFileMax_bytes + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && !in.eof())) return InvalidArgument("can not be read");
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kFileMax_bytes) return InvalidArgument("is larger than 4 MiB");
  return text;
}

std::string_view ImportFateName(ImportedRule::Fate fate) {
  switch (fate) {
    case ImportedRule::Fate::kExact:
      return "exact";
    case ImportedRule::Fate::kWidened:
      return "widened";
    case ImportedRule::Fate::kRefused:
      break;
  }
  return "refused";
}

size_t Import::Count(ImportedRule::Fate fate) const {
  return static_cast<size_t>(std::count_if(
      rules.begin(), rules.end(), [&](const ImportedRule& rule) { return rule.fate == fate; }));
}

}  // namespace tocsin::matcher
