// SPDX-License-Identifier: Apache-2.0
#include "cli/scan_report.h"

#include "cli/command.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

namespace tocsin::cli {

using std::chrono::steady_clock;

void AddScanArguments(CLI::App& command, ScanArguments& arguments) {
  command
      .add_option("FILE", arguments.files,
                  "Log files, read one after the other; - or nothing is standard input")
      ->option_text("[FILE...|-]");
  AddDecoding(command, arguments.decode);
  AddSignaturesDir(command, arguments.signatures);
  AddOverrides(command, arguments.overrides);
  AddLanguage(command, arguments.lang);
}

pipeline::ScanOptions ScanArguments::ForScan() const {
  pipeline::ScanOptions options;
  if (!files.empty()) options.files = files;
  options.decode = decode;
  // A line that prints no year, in a stream that has no date, was written about now.
  options.decode.reference_time = SystemClock().Now();
  options.lang = lang;
  return options;
}

Progress::Progress()
    : begin_(steady_clock::now()), next_(begin_ + std::chrono::milliseconds(300)) {}

std::function<void(const pipeline::ScanOptions::Progress&)> Progress::Callback() {
  if (!line_.shown()) return {};
  return [this](const pipeline::ScanOptions::Progress& at) {
    steady_clock::time_point now = steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    double elapsed = std::chrono::duration<double>(now - begin_).count();
    std::string text = Bytes(at.bytes);
    if (at.total_bytes > 0) text += " of " + Bytes(at.total_bytes);
    text += fmt::format("  {} lines/s  {}",
                        WithCommas(static_cast<uint64_t>(static_cast<double>(at.lines) / elapsed)),
                        Plural(at.findings, "finding"));
    if (at.total_bytes > at.bytes && at.bytes > 0) {
      double left =
          elapsed * static_cast<double>(at.total_bytes - at.bytes) / static_cast<double>(at.bytes);
      text += "  " + Age(seconds(static_cast<int64_t>(left))) + " left";
    }
    line_.Show(text);
  };
}

void Progress::Hide() { line_.Clear(); }
void Progress::Done() { line_.Clear(); }

void Report(const pipeline::ScanStats& stats, const std::string& found) {
  uint64_t bad = 0;
  std::string reasons;
  for (const auto& [reason, count] : stats.bad) {
    bad += count;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", WithCommas(count), reason);
  }
  std::string text = Plural(stats.lines, "line") + ", " + Plural(stats.findings, "finding");
  if (!found.empty()) text += ", " + found;
  if (bad > 0) text += fmt::format("; {} passed over ({})", Plural(bad, "bad line"), reasons);
  Complain(text);
  for (const std::string& file : stats.unreadable) Complain(Printable(file));
}

}  // namespace tocsin::cli
