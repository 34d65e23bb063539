// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "cli/output.h"

#include "pipeline/scan.h"

namespace CLI {
class App;
}

// What scan and match share: their input and what they say about it on stderr.
namespace tocsin::cli {

struct ScanArguments {
  std::vector<std::string> files;
  std::string signatures, overrides;
  std::string lang = "en";
  ingest::DecodeOptions decode;

  pipeline::ScanOptions ForScan() const;
};
void AddScanArguments(CLI::App& command, ScanArguments& arguments);

// Bytes, lines per second, findings and time left on one line of a terminal; nothing elsewhere.
class Progress {
 public:
  Progress();
  // For ScanOptions::progress; empty where nothing is shown. `this` must outlive it.
  std::function<void(const pipeline::ScanOptions::Progress&)> Callback();
  void Hide();  // before writing to the same terminal
  void Done();

 private:
  StatusLine line_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point next_;
};

// The summary, one line; one more per unreadable file. `found` stands between ("3 incidents").
void Report(const pipeline::ScanStats& stats, const std::string& found);

}  // namespace tocsin::cli
