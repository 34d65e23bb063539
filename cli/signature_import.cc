// SPDX-License-Identifier: Apache-2.0
// `tocsin signatures import`
#include <memory>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "matcher/import.h"

namespace tocsin::cli {
namespace {

using matcher::ImportedRule;

// Signatures to stdout; what became of each rule, and the sum, to stderr.
int ImportFrom(absl::StatusOr<matcher::Import> import) {
  if (!import.ok()) return Fail(import.status());
  for (const ImportedRule& rule : import->rules) {
    std::string line = fmt::format("{}: {}", rule.file, matcher::ImportFateName(rule.fate));
    if (!rule.rule.empty()) line += "  " + rule.rule;
    if (!rule.signature.empty()) line += " -> " + rule.signature;
    if (!rule.reason.empty()) line += ": " + rule.reason;
    Complain(Printable(line));
  }
  Complain(fmt::format("{}: {} exact, {} widened, {} refused", Plural(import->rules.size(), "rule"),
                       import->Count(ImportedRule::Fate::kExact),
                       import->Count(ImportedRule::Fate::kWidened),
                       import->Count(ImportedRule::Fate::kRefused)));
  Output out;
  out.Write(import->yaml);
  out.Flush();
  if (out.failed()) return kInputOutput;
  return import->yaml.empty() ? kUsage : kDone;
}

}  // namespace

void AddSignatureImport(CLI::App& signatures, Action& action) {
  CLI::App* command = AddCommand(
      signatures, "import", "Turn rules that others wrote into signatures",
      "Reads rules of another detector, and prints signatures that `lint` accepts. Diagnostics say "
      "of each rule whether it was taken over exactly, widened (finds more than it did, and why), "
      "or refused. Exit code 2 if none was taken over.",
      "  tocsin signatures import npd /etc/node-problem-detector > npd.yaml\n"
      "  tocsin signatures import cre ./rules > cre.yaml && tocsin signatures lint cre.yaml\n");
  command->require_subcommand(1);
  struct Kind {
    const char* name;
    const char* summary;
    const char* purpose;
    const char* example;
    absl::StatusOr<matcher::Import> (*read)(const std::string&);
  };
  for (const Kind& kind :
       {Kind{"npd", "From node-problem-detector (JSON)",
             "Reads configurations of log monitors, and of custom plugins that run log-counter. "
             "Rules of one reason become one signature; permanent ones become states.",
             "  tocsin signatures import npd kernel-monitor.json > kernel-monitor.yaml\n",
             matcher::ImportNpd},
        Kind{"cre", "From Common Reliability Enumerations (YAML)",
             "Reads rules of one term as they are, sequences, and sets of two as signatures that "
             "need each other. Of larger sets the most telling term is taken, which finds more "
             "than the rule; what it must not see is left out. Lines of a test.log beside a rule "
             "become examples.",
             "  tocsin signatures import cre ./rules > cre.yaml\n", matcher::ImportCre}}) {
    CLI::App* child = AddCommand(*command, kind.name, kind.summary, kind.purpose, kind.example);
    auto path = std::make_shared<std::string>();
    child->add_option("PATH", *path, "File, or directory of files")
        ->option_text("PATH")
        ->required();
    child->callback([&action, path, read = kind.read] {
      action = [path, read] { return ImportFrom(read(*path)); };
    });
  }
}

}  // namespace tocsin::cli
