// SPDX-License-Identifier: Apache-2.0
// `tocsin signatures coverage`
#include <cstdlib>
#include <map>
#include <memory>

#include "cli/catalogue_path.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/status.h"
#include "matcher/catalogue_loader.h"
#include "matcher/coverage.h"

namespace tocsin::cli {
namespace {

using matcher::CoverageRow;

struct Options {
  std::string dir;
  Format format = Format::kTable;
};

Colour ColourOf(CoverageRow::Status status) {
  switch (status) {
    case CoverageRow::Status::kCovered:
      return Colour::kGreen;
    case CoverageRow::Status::kMissing:
      return Colour::kRed;
    default:
      return Colour::kDim;
  }
}

std::string ToJson(const CoverageRow& row) {
  JsonWriter json;
  json.BeginObject()
      .Text("id", row.id)
      .Text("observable", row.observable)
      .Text("status", matcher::CoverageStatusName(row.status))
      .BeginArray("signatures");
  for (const std::string& signature : row.signatures) json.Text("", signature);
  return json.EndArray().Text("reason", row.reason).EndObject().str();
}

absl::StatusOr<std::vector<CoverageRow>> Load(const Program& program, const Options& options) {
  ASSIGN_OR_RETURN(std::string path,
                   CataloguePath(options.dir, std::getenv("TOCSIN_SIGNATURES"), program.directory));
  ASSIGN_OR_RETURN(std::unique_ptr<const Catalogue> catalogue, matcher::LoadCatalogue(path));
  ASSIGN_OR_RETURN(std::vector<CoverageRow> rows, matcher::LoadCoverage(path));
  matcher::VerifyCoverage(*catalogue, rows);
  return rows;
}

int Coverage(const Program& program, const Options& options) {
  auto rows = Load(program, options);
  if (!rows.ok()) return Fail(rows.status());
  Output out;
  Table table({{"ID"},
               {"SHOWS AS", false, 10},
               {"STATUS"},
               {"SIGNATURES", false, 24},
               {"REASON", false, 24}});
  std::map<CoverageRow::Status, size_t> counts;
  for (const CoverageRow& row : *rows) {
    ++counts[row.status];
    if (options.format == Format::kJson) {
      out.Line(ToJson(row));
    } else {
      table.Add({{row.id, Colour::kBold},
                 {row.observable},
                 {std::string(matcher::CoverageStatusName(row.status)), ColourOf(row.status)},
                 {fmt::format("{}", fmt::join(row.signatures, " "))},
                 {row.reason}});
    }
  }
  if (!table.empty()) table.Print(out);
  out.Flush();
  Complain(fmt::format("{}: {} covered, {} not observable, {} without a log, {} missing",
                       Plural(rows->size(), "failure"), counts[CoverageRow::Status::kCovered],
                       counts[CoverageRow::Status::kNotObservable],
                       counts[CoverageRow::Status::kNoLog], counts[CoverageRow::Status::kMissing]));
  return out.failed() ? kInputOutput : kDone;
}

}  // namespace

void AddSignatureCoverage(CLI::App& signatures, const Program& program, Action& action) {
  CLI::App* command = AddCommand(
      signatures, "coverage", "Which known failures the catalogue finds",
      "Prints each failure of the table beside the signatures (coverage.tsv): the signatures that "
      "find it, or why none can. A row that names a signature which the catalogue does not hold is "
      "shown as missing.",
      "  tocsin signatures coverage\n"
      "  tocsin signatures coverage -o json | jq -r 'select(.status == \"missing\").id'\n");
  auto options = std::make_shared<Options>();
  AddOutput(*command, options->format);
  AddSignaturesDir(*command, options->dir);
  command->callback([&action, &program, options] {
    action = [&program, options] { return Coverage(program, *options); };
  });
}

}  // namespace tocsin::cli
