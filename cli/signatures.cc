// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <memory>

#include "cli/catalogue_path.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/json.h"
#include "cli/signature_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"
#include "api/query.h"
#include "base/status.h"
#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"
#include "matcher/self_test.h"

namespace tocsin::cli {
namespace {

struct Options {
  std::string dir;  // of --signatures, or the argument of lint and test
  Format format = Format::kTable;
  std::string lang = "en";
  std::string id;
  std::string overrides;
};

int List(const Program& program, const Options& options) {
  auto catalogue = LoadCatalogueFor(program, options.dir, options.overrides);
  if (!catalogue.ok()) return Fail(catalogue.status());
  Output out;
  Table table({{"ID"}, {"SEVERITY"}, {"STREAMS", false, 12}, {"ABOUT"}, {"TITLE", false, 24}});
  for (const Signature& signature : (*catalogue)->signatures()) {
    if (options.format == Format::kJson) {
      out.Line(api::ToJson(api::ToProto(signature, **catalogue)));
    } else {
      table.Add({{signature.id, Colour::kBold},
                 {std::string(SeverityName(signature.severity)),
                  SeverityColour(static_cast<v1::Severity>(signature.severity))},
                 {StreamsOf(signature)},
                 {std::string(EntityKindName(signature.entity))},
                 {std::string(Localised(signature.title, options.lang))}});
    }
  }
  if (!table.empty()) table.Print(out);
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Show(const Program& program, const Options& options) {
  auto catalogue = LoadCatalogueFor(program, options.dir, options.overrides);
  if (!catalogue.ok()) return Fail(catalogue.status());
  const Signature* signature = (*catalogue)->Find(options.id);
  if (signature == nullptr) {
    return Fail(NotFound("there is no signature \"{}\"; `tocsin signatures list` shows all of them",
                         Printable(options.id)));
  }
  Output out;
  if (options.format == Format::kJson) {
    out.Line(api::ToJson(api::ToProto(*signature, **catalogue)));
  } else {
    PrintSignature(out, *signature, **catalogue, options.lang);
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

absl::StatusOr<std::string> PathOf(const Program& program, const Options& options) {
  return CataloguePath(options.dir, std::getenv("TOCSIN_SIGNATURES"), program.directory);
}

int Lint(const Program& program, const Options& options) {
  auto path = PathOf(program, options);
  if (!path.ok()) return Fail(path.status());
  Output out;
  size_t errors = 0, warnings = 0;
  for (const matcher::LintIssue& issue : matcher::Lint(*path)) {
    bool error = issue.level == matcher::LintIssue::Level::kError;
    ++(error ? errors : warnings);
    if (options.format == Format::kJson) {
      JsonWriter json;
      json.BeginObject()
          .Text("level", error ? "error" : "warning")
          .Text("file", issue.file)
          .Number("line", issue.line)
          .Number("column", issue.column)
          .Text("message", issue.message);
      out.Line(json.EndObject().str());
    } else {
      out.Line(fmt::format(
          "{} {}", out.Paint(error ? Colour::kRed : Colour::kYellow, error ? "error:" : "warning:"),
          Printable(matcher::ToString(issue))));
    }
  }
  out.Flush();
  Complain(fmt::format("{}: {}, {}", *path, Plural(errors, "error"), Plural(warnings, "warning")));
  if (out.failed()) return kInputOutput;
  return errors > 0 ? kUsage : kDone;
}

int Test(const Program& program, const Options& options) {
  auto patterns = LoadPatternsFor(program, options.dir);
  if (!patterns.ok()) return Fail(patterns.status());
  Output out;
  std::vector<matcher::SelfTestFailure> failures = matcher::RunSelfTest(*patterns->set);
  for (const matcher::SelfTestFailure& failure : failures) {
    if (options.format == Format::kJson) {
      JsonWriter json;
      json.BeginObject()
          .Text("signature", failure.signature)
          .Text("file", failure.file)
          .Number("line", failure.line)
          .Text("message", failure.message);
      out.Line(json.EndObject().str());
    } else {
      out.Line(Printable(matcher::ToString(failure)));
    }
  }
  out.Flush();
  size_t examples = 0;
  for (const Signature& signature : patterns->catalogue->signatures()) {
    examples += signature.examples.size() + signature.counterexamples.size();
  }
  Complain(fmt::format("{}, {}, {}", Plural(patterns->catalogue->signatures().size(), "signature"),
                       Plural(examples, "example"), Plural(failures.size(), "failure")));
  if (out.failed()) return kInputOutput;
  return failures.empty() ? kDone : kUsage;
}

}  // namespace

void AddSignatures(CLI::App& app, const Program& program, Action& action) {
  CLI::App* signatures = AddCommand(
      app, "signatures", "Look into the catalogue of known failures",
      "Shows and checks the catalogue: every known failure with its patterns, its place in the "
      "chains of "
      "cause and effect, its remedy and its examples. Works on files; needs no server.",
      "  tocsin signatures list\n"
      "  tocsin signatures show kernel-arp-table-overflow\n"
      "  tocsin signatures lint ./my-signatures && tocsin signatures test ./my-signatures\n");
  signatures->require_subcommand(1);
  auto add = [&](const std::string& name, const std::string& summary, const std::string& purpose,
                 const std::string& examples, int (*run)(const Program&, const Options&)) {
    CLI::App* command = AddCommand(*signatures, name, summary, purpose, examples);
    auto options = std::make_shared<Options>();
    AddOutput(*command, options->format);
    command->callback([&action, &program, options, run] {
      action = [&program, options, run] { return run(program, *options); };
    });
    return std::pair(command, options);
  };

  auto [list, list_options] =
      add("list", "All signatures, one a line", "Prints the catalogue, sorted by id.",
          "  tocsin signatures list\n  tocsin signatures list -o json | jq -r .id\n", List);
  AddSignaturesDir(*list, list_options->dir);
  AddOverrides(*list, list_options->overrides);
  AddLanguage(*list, list_options->lang);

  auto [show, show_options] = add(
      "show", "One signature in full",
      "Prints a signature: what it matches, what it causes and is caused by, what to do, examples.",
      "  tocsin signatures show kernel-arp-table-overflow --lang zh\n", Show);
  show->add_option("ID", show_options->id, "Id or alias")->option_text("ID")->required();
  AddSignaturesDir(*show, show_options->dir);
  AddOverrides(*show, show_options->overrides);
  AddLanguage(*show, show_options->lang);

  auto [lint, lint_options] = add("lint", "Check the files of a catalogue",
                                  "Says what is wrong with signature files, by file, line and "
                                  "column. Exit code 2 if the catalogue "
                                  "does not load, 0 if there are at most warnings.",
                                  "  tocsin signatures lint ./my-signatures\n", Lint);
  lint->add_option("DIR", lint_options->dir,
                   "Directory or file; default: the program's own catalogue")
      ->option_text("[DIR]");

  auto [test, test_options] = add("test", "Hold a catalogue to its own examples",
                                  "Tries every example (must match, with the captures it states) "
                                  "and every counterexample (must not). "
                                  "Exit code 2 if one fails.",
                                  "  tocsin signatures test ./my-signatures\n", Test);
  test->add_option("DIR", test_options->dir,
                   "Directory or file; default: the program's own catalogue")
      ->option_text("[DIR]");

  AddSignatureCoverage(*signatures, program, action);
  AddSignatureImport(*signatures, action);
}

}  // namespace tocsin::cli
