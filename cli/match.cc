// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/scan_report.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"

namespace tocsin::cli {
namespace {

struct Options {
  ScanArguments input;
  Format format = Format::kTable;
  std::optional<Severity> fail_on;
};

// "messages:812" or "logs/3@4711"
std::string Place(const v1::Source& source) {
  if (!source.file().empty()) return fmt::format("{}:{}", source.file(), source.line());
  return fmt::format("{}/{}@{}", source.topic(), source.partition(), source.offset());
}

// One line per finding, written as it is found: no table, because nobody knows the widths yet.
std::string FindingLine(const Output& out, const v1::Finding& finding) {
  std::string who = finding.node();
  if (!finding.pod().empty()) {
    who += fmt::format("{}{}/{}", who.empty() ? "" : " ", finding.namespace_(), finding.pod());
  }
  std::string captures;
  for (const auto& [name, value] :
       std::map<std::string, std::string>(finding.captures().begin(), finding.captures().end())) {
    captures += fmt::format(" {}={}", name, value);
  }
  std::string head =
      fmt::format("{}  {}  {}", Printable(Place(finding.source())),
                  DateTime(TimeOf(finding.time())), Printable(who.empty() ? "-" : who));
  return fmt::format(
      "{}  {}  {}{}\n    {}\n", out.Paint(Colour::kDim, head),
      out.Paint(SeverityColour(finding.severity()), SeverityWord(finding.severity())),
      out.Paint(Colour::kBold, finding.signature()),
      Printable(captures) + (finding.shadow() ? "  (shadow: opens no incident)" : ""),
      Cut(Printable(finding.text()), out.width() > 40 ? out.width() - 4 : 40));
}

int Match(const Program& program, const Options& options) {
  auto patterns = LoadPatternsFor(program, options.input.signatures, options.input.overrides);
  if (!patterns.ok()) return Fail(patterns.status());
  pipeline::ScanOptions scan = options.input.ForScan();
  Output out;
  // Behind `journalctl -f` a finding should not wait for its successors.
  if (std::count(scan.files.begin(), scan.files.end(), "-") > 0) out.set_line_buffered(true);
  Progress progress;
  scan.progress = progress.Callback();
  bool reached = false;
  const pipeline::ScanStats stats =
      pipeline::Match(*patterns->set, scan, [&](const v1::Finding& finding) {
        reached = reached || (options.fail_on && static_cast<int>(finding.severity()) >=
                                                     static_cast<int>(*options.fail_on));
        if (options.format == Format::kJson) {
          out.Line(api::ToJson(finding));
        } else {
          progress.Hide();
          out.Write(FindingLine(out, finding));
        }
      });
  progress.Done();
  out.Flush();
  Report(stats, "");
  if (!stats.unreadable.empty() || out.failed()) return kInputOutput;
  return reached ? kFailOnReached : kDone;
}

}  // namespace

void AddMatch(CLI::App& app, const Program& program, Action& action) {
  CLI::App* command = AddCommand(
      app, "match", "Print every line that matches a signature",
      "Reads files (or standard input, as -) and prints one finding per match: where it stands, "
      "whom it "
      "is about, which signature, what was captured. Nothing is counted or tied together; `scan` "
      "does "
      "that. Exit codes as for scan.",
      "  tocsin match /var/log/messages\n"
      "  journalctl -f -o json | tocsin match -o json - | jq -r '.signature + \" \" + .node'\n"
      "  tocsin match --fail-on critical kubelet.log\n");
  auto options = std::make_shared<Options>();
  AddScanArguments(*command, options->input);
  AddOutput(*command, options->format);
  AddFailOn(*command, options->fail_on);
  command->callback([&program, &action, options] {
    action = [&program, options] { return Match(program, *options); };
  });
}

}  // namespace tocsin::cli
