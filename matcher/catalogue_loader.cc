// SPDX-License-Identifier: Apache-2.0
#include "matcher/catalogue_loader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <fmt/core.h>

#include "matcher/dialect.h"
#include "matcher/overrides.h"
#include "matcher/pattern_set.h"
#include "matcher/signature_reader.h"
#include "matcher/stable_hash.h"

namespace tocsin::matcher {
namespace {

constexpr size_t kFileMax_bytes = 16 << 20;
constexpr size_t kExamplesMin = 3;
constexpr size_t kCounterexamplesMin = 2;
constexpr size_t kLiteralMin_bytes = 4;

// Ids and aliases are one name space; every name that is used stands somewhere.
void CheckNames(const std::vector<ReadSignature>& all, std::vector<LintIssue>& issues) {
  auto add = [&](const ReadSignature& read, Place place, std::string message) {
    if (issues.size() < kErrorsMax) {
      issues.push_back({read.signature.file, place.line, place.column, std::move(message)});
    }
  };
  std::map<std::string, const ReadSignature*> names;
  auto take = [&](const std::string& name, const ReadSignature& read, Place place) {
    auto [at, inserted] = names.emplace(name, &read);
    if (inserted) return;
    add(read, place,
        fmt::format("'{}' is taken by the signature at {}:{}; write another name instead", name,
                    at->second->signature.file, at->second->signature.line));
  };
  for (const ReadSignature& read : all) take(read.signature.id, read, read.id_place);
  for (const ReadSignature& read : all) {
    for (size_t i = 0; i < read.signature.aliases.size(); ++i) {
      take(read.signature.aliases[i], read, read.alias_places[i]);
    }
  }
  for (const ReadSignature& read : all) {
    for (const Reference& reference : read.references) {
      auto found = names.find(reference.id);
      if (found == names.end()) {
        add(read, reference.place,
            fmt::format("'{}' names signature '{}', which does not exist; write the id of one that "
                        "does instead",
                        reference.field, reference.id));
      } else if (found->second->signature.derived() &&
                 (reference.field == "sequence" || reference.field == "requires_near" ||
                  reference.field == "threshold.ratio" ||
                  reference.field.rfind("absent", 0) == 0)) {
        add(read, reference.place,
            fmt::format(
                "'{}' names '{}', which matches no line itself; write the ids of what it is "
                "made of instead",
                reference.field, reference.id));
      } else if (found->second == &read) {
        add(read, reference.place,
            fmt::format("'{}' names the signature itself; leave it out", reference.field));
      }
    }
  }
}

struct Loaded {
  std::vector<ReadSignature> read;
  std::vector<LintIssue> errors;
  std::string version;
};

// Says that the patterns of the texts with this hash passed CheckPattern. Change the word with what
// that function demands.
constexpr std::string_view kCheckedKind = "checked1";

Loaded LoadTexts(const std::vector<CatalogueText>& files, const PatternCache& cache = {}) {
  Loaded loaded;
  uint64_t hash = 0;
  for (const auto& [file, text] : files) hash = StableHash(text, StableHash(file, hash));
  const bool known = cache.Read(kCheckedKind, hash, [](std::string_view) { return true; });
  for (const auto& [file, text] : files) {
    if (text.size() > kFileMax_bytes) {
      loaded.errors.push_back({file, 0, 0, "is larger than 16 MiB; split it into several files"});
    } else if (loaded.errors.size() < kErrorsMax) {
      ReadSignatures(file, text, known, loaded.read, loaded.errors);
    }
  }
  loaded.version = fmt::format("{:016x}", hash);
  // Names only once every file could be read: else each name in a broken file is reported too.
  if (loaded.errors.empty()) CheckNames(loaded.read, loaded.errors);
  if (loaded.errors.empty() && !known) cache.Write(kCheckedKind, hash, "");
  return loaded;
}

std::unique_ptr<const Catalogue> MakeCatalogue(Loaded& loaded,
                                               const CatalogueText& overrides = {}) {
  std::vector<Signature> signatures;
  signatures.reserve(loaded.read.size());
  for (const ReadSignature& read : loaded.read) signatures.push_back(read.signature);
  std::vector<ScopedSignature> scoped;
  if (const auto& [file, text] = overrides; !text.empty()) {
    ReadOverrides(file, text, signatures, scoped, loaded.errors);
    // Their file may be moved about; what it says decides.
    loaded.version = fmt::format("{:016x}", StableHash(text, StableHash(loaded.version)));
  }
  return std::make_unique<const Catalogue>(std::move(signatures), loaded.version,
                                           std::move(scoped));
}

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    return InvalidArgument("{}: can not be read; check that it exists and its permissions",
                           path.string());
  }
  return text;
}

absl::StatusOr<std::vector<CatalogueText>> ReadTexts(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> paths;
  if (!fs::exists(path, error) && !error) {
    return InvalidArgument("{}: does not exist; write the directory of the signatures instead",
                           path);
  }
  if (fs::is_directory(path, error)) {
    fs::directory_iterator entries(path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      if (entries->path().extension() == ".yaml") paths.push_back(entries->path());
    }
    if (!error && paths.empty()) {
      return InvalidArgument("{}: holds no *.yaml; write the directory of the signatures instead",
                             path);
    }
    std::sort(paths.begin(), paths.end());
  } else if (!error) {
    paths.emplace_back(path);
  }
  if (error) {
    return InvalidArgument("{}: can not be read ({}); check its permissions", path,
                           error.message());
  }
  std::vector<CatalogueText> files;
  for (const fs::path& file : paths) {
    ASSIGN_OR_RETURN(std::string text, ReadFile(file));
    files.emplace_back(file.filename().string(), std::move(text));
  }
  return files;
}

void AddWarnings(const ReadSignature& read, std::vector<LintIssue>& issues) {
  const Signature& signature = read.signature;
  auto warn = [&](Place place, std::string message) {
    issues.push_back({signature.file, place.line, place.column,
                      fmt::format("{}: {}", signature.id, message), LintIssue::Level::kWarning});
  };
  if (!signature.derived() && signature.examples.size() < kExamplesMin) {
    warn(read.place, fmt::format("has {} of at least {} examples; add real lines",
                                 signature.examples.size(), kExamplesMin));
  }
  if (!signature.derived() && signature.counterexamples.size() < kCounterexamplesMin) {
    warn(read.place, fmt::format("has {} of at least {} counterexamples; add near misses",
                                 signature.counterexamples.size(), kCounterexamplesMin));
  }
  for (size_t i = 0; i < signature.match.size(); ++i) {
    const std::string& pattern = signature.match[i];
    size_t size = pattern.size();
    if (size >= 2 && pattern.compare(size - 2, 2, ".*") == 0 &&
        (size < 3 || pattern[size - 3] != '\\')) {
      warn(read.match_places[i], fmt::format("pattern '{}' ends in .*; leave that out", pattern));
    }
    for (const std::string& literal : RequiredLiterals(pattern)) {
      if (literal.size() >= kLiteralMin_bytes) continue;
      warn(read.match_places[i],
           fmt::format("pattern '{}' can match without any literal of {} bytes, "
                       "which is slow; add words that are always there",
                       pattern, kLiteralMin_bytes));
      break;
    }
  }
  struct {
    const char* name;
    const Text& text;
  } texts[] = {
      {"title", signature.title}, {"cause", signature.cause}, {"remedy", signature.remedy}};
  for (const auto& [name, text] : texts) {
    for (const char* language : {"en", "zh"}) {
      if (text.count(language) == 0) {
        warn(read.place,
             fmt::format("has no {} in {}; add {}: {{{}: ...}}", name, language, name, language));
      }
    }
  }
}

}  // namespace

std::string ToString(const LintIssue& issue) {
  if (issue.file.empty()) return issue.message;  // the message says where
  if (issue.line == 0) return fmt::format("{}: {}", issue.file, issue.message);
  return fmt::format("{}:{}:{}: {}", issue.file, issue.line, issue.column, issue.message);
}

absl::StatusOr<std::unique_ptr<const Catalogue>> LoadCatalogueFromText(
    const std::vector<CatalogueText>& files, const CatalogueText& overrides,
    const PatternCache& cache) {
  Loaded loaded = LoadTexts(files, cache);
  if (loaded.errors.empty()) {
    std::unique_ptr<const Catalogue> catalogue = MakeCatalogue(loaded, overrides);
    if (loaded.errors.empty()) return catalogue;
  }
  std::string first = ToString(loaded.errors[0]);
  if (loaded.errors.size() == 1) return InvalidArgument("{}", first);
  return InvalidArgument("{} (and {} more)", first, loaded.errors.size() - 1);
}

absl::StatusOr<std::unique_ptr<const Catalogue>> LoadCatalogue(const std::string& path,
                                                               const std::string& overrides,
                                                               const PatternCache& cache) {
  ASSIGN_OR_RETURN(std::vector<CatalogueText> files, ReadTexts(path));
  if (overrides.empty()) return LoadCatalogueFromText(files, {}, cache);
  ASSIGN_OR_RETURN(std::string text, ReadFile(overrides));
  return LoadCatalogueFromText(files, {overrides, std::move(text)}, cache);
}

std::vector<LintIssue> LintText(const std::vector<CatalogueText>& files) {
  Loaded loaded = LoadTexts(files);
  if (!loaded.errors.empty()) return std::move(loaded.errors);
  std::vector<LintIssue> issues;
  std::unique_ptr<const Catalogue> catalogue = MakeCatalogue(loaded);
  if (absl::Status status = PatternSet::Compile(*catalogue).status(); !status.ok()) {
    issues.push_back({"", 0, 0, Message(status)});
  }
  for (const ReadSignature& read : loaded.read) AddWarnings(read, issues);
  return issues;
}

std::vector<LintIssue> Lint(const std::string& path) {
  absl::StatusOr<std::vector<CatalogueText>> files = ReadTexts(path);
  if (!files.ok()) {
    return {{"", 0, 0, Message(files.status())}};
  }
  return LintText(*files);
}

}  // namespace tocsin::matcher
