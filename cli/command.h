// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/output.h"

#include "base/signature.h"
#include "ingest/decoder.h"
#include "matcher/pattern_set.h"

namespace CLI {
class App;
}

// How a subcommand joins the program. Each has a file of its own and one function below, which
// declares its options on the parser and leaves behind what to run.
namespace tocsin::cli {

// What the process was started as. Outlives every command.
struct Program {
  std::string name;       // argv[0], for hints the user can paste
  std::string directory;  // of the executable; empty if the system does not say
};

// Set by the subcommand that was given; runs after parsing, returns an ExitCode.
using Action = std::function<int()>;

void AddServe(CLI::App& app, const Program& program, Action& action);
void AddDemo(CLI::App& app, const Program& program, Action& action);
void AddScan(CLI::App& app, const Program& program, Action& action);
void AddMatch(CLI::App& app, const Program& program, Action& action);
void AddExplain(CLI::App& app, const Program& program, Action& action);
void AddIncidents(CLI::App& app, const Program& program, Action& action);
void AddSilences(CLI::App& app, const Program& program, Action& action);
void AddNodes(CLI::App& app, const Program& program, Action& action);
void AddSignatures(CLI::App& app, const Program& program, Action& action);
// Below `signatures`.
void AddSignatureCoverage(CLI::App& signatures, const Program& program, Action& action);
void AddSignatureImport(CLI::App& signatures, Action& action);

// --- options that several subcommands share; each refuses a wrong value in one sentence ---

// -o, --output table|json
void AddOutput(CLI::App& command, Format& format);
// --lang en|zh
void AddLanguage(CLI::App& command, std::string& lang);
// --signatures DIR
void AddSignaturesDir(CLI::App& command, std::string& dir);
// --overrides FILE
void AddOverrides(CLI::App& command, std::string& file);
// --input FORMAT, --cluster C, --node N
void AddDecoding(CLI::App& command, ingest::DecodeOptions& decode);
// --fail-on SEVERITY
void AddFailOn(CLI::App& command, std::optional<Severity>& fail_on);
// --server ADDRESS; TOCSIN_SERVER, then 127.0.0.1:7700 without it
void AddServer(CLI::App& command, std::string& server);

// The catalogue that --signatures names, or the one that belongs to this program
// (catalogue_path.h).
// With the site's overrides, where a file of them is named.
absl::StatusOr<std::shared_ptr<const Catalogue>> LoadCatalogueFor(
    const Program& program, const std::string& dir, const std::string& overrides = "");

// The same, compiled. What that costs is kept in the user's cache (matcher/pattern_cache.h).
struct Patterns {
  std::shared_ptr<const Catalogue> catalogue;
  std::unique_ptr<const matcher::PatternSet> set;
};
absl::StatusOr<Patterns> LoadPatternsFor(const Program& program, const std::string& dir,
                                         const std::string& overrides = "");

// Says why on stderr and returns the exit code: kUsage for what the caller must change,
// kInputOutput for what the surroundings refused.
int Fail(const absl::Status& status);

}  // namespace tocsin::cli
