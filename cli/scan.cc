// SPDX-License-Identifier: Apache-2.0
#include "pipeline/scan.h"

#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/scan_report.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"

namespace tocsin::cli {
namespace {

struct Options {
  ScanArguments input;
  Format format = Format::kTable;
  std::optional<Severity> fail_on;
  size_t stories = 3;
};

// Of everything that belongs to the incident, also when it is over.
v1::Severity WorstOf(const v1::Incident& incident) {
  v1::Severity worst = incident.severity();
  for (const v1::Problem& problem : incident.problems())
    worst = std::max(worst, problem.severity());
  return worst;
}

void PrintForPeople(Output& out, const std::vector<v1::Incident>& incidents, size_t stories) {
  if (incidents.empty()) return;
  // A table of one would only repeat the story's first line.
  if (incidents.size() > 1 || stories == 0) {
    PrintIncidentTable(out, incidents, {});
    out.Line("");
  }
  std::vector<v1::Incident> worst = incidents;
  std::stable_sort(worst.begin(), worst.end(), WorseFirst);
  for (size_t i = 0; i < std::min(stories, worst.size()); ++i)
    PrintIncidentStory(out, worst[i], {});
  if (worst.size() > stories && stories > 0) {
    out.Line(out.Paint(
        Colour::kDim,
        fmt::format("The worst {} of {} incidents are told in full; --stories {} tells all.",
                    stories, worst.size(), worst.size())));
  }
}

std::string Found(const std::vector<v1::Incident>& incidents) {
  if (incidents.empty()) return "no incidents";
  std::string text =
      fmt::format("{} incident{}", incidents.size(), incidents.size() == 1 ? "" : "s");
  std::string by;
  for (v1::Severity severity : {v1::CRITICAL, v1::ERROR, v1::WARNING}) {
    auto count =
        std::count_if(incidents.begin(), incidents.end(),
                      [severity](const auto& incident) { return WorstOf(incident) == severity; });
    if (count > 0)
      by += fmt::format("{}{} {}", by.empty() ? "" : ", ", count, SeverityWord(severity));
  }
  return by.empty() ? text : text + " (" + by + ")";
}

int Scan(const Program& program, const Options& options) {
  auto patterns = LoadPatternsFor(program, options.input.signatures, options.input.overrides);
  if (!patterns.ok()) return Fail(patterns.status());
  pipeline::ScanOptions scan = options.input.ForScan();
  Progress progress;
  scan.progress = progress.Callback();
  const pipeline::ScanResult result = pipeline::Scan(*patterns->set, scan);
  progress.Done();

  Output out;
  if (options.format == Format::kJson) {
    for (const v1::Incident& incident : result.incidents) out.Line(api::ToJson(incident));
  } else {
    PrintForPeople(out, result.incidents, options.stories);
  }
  out.Flush();
  Report(result.stats, Found(result.incidents));
  if (!result.stats.unreadable.empty() || out.failed()) return kInputOutput;
  bool reached = options.fail_on && std::any_of(result.incidents.begin(), result.incidents.end(),
                                                [&options](const v1::Incident& incident) {
                                                  return static_cast<int>(WorstOf(incident)) >=
                                                         static_cast<int>(*options.fail_on);
                                                });
  return reached ? kFailOnReached : kDone;
}

}  // namespace

void AddScan(CLI::App& app, const Program& program, Action& action) {
  CLI::App* command = AddCommand(
      app, "scan", "Say what went wrong, according to log files",
      "Reads files (or standard input, as -) from beginning to end, as if a fleet had sent them, "
      "and "
      "prints the incidents: a table in the order in which they began, then the worst ones in "
      "full, "
      "with evidence, cause and remedy. Needs no server and no set-up. Any mixture of formats will "
      "do: "
      "Fluent Bit or Vector JSON, journalctl -o json, syslog, dmesg, klog, CRI and docker files, "
      "kubectl get events. Exit codes: 0 done, 1 --fail-on reached, 2 usage, 3 a file could not be "
      "read.",
      "  tocsin scan /var/log/messages kubelet.log\n"
      "  journalctl -o json --since -1h | tocsin scan -\n"
      "  kubectl get events -A | tocsin scan --input event --cluster prod -\n"
      "  dmesg -T | tocsin scan --node $(hostname) -o json - | jq .title\n"
      "  tocsin scan --fail-on error build.log || echo 'something broke'\n");
  auto options = std::make_shared<Options>();
  AddScanArguments(*command, options->input);
  AddOutput(*command, options->format);
  AddFailOn(*command, options->fail_on);
  command
      ->add_option("--stories", options->stories, "How many incidents to tell in full. Default: 3")
      ->option_text("N")
      ->take_last();
  command->callback([&program, &action, options] {
    action = [&program, options] { return Scan(program, *options); };
  });
}

}  // namespace tocsin::cli
