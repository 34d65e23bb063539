// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ingest/decoder.h"
#include "matcher/pattern_set.h"
#include "tocsin/v1/incident.pb.h"

namespace tocsin::pipeline {

// Files read once from beginning to end, without a broker, a store or a server: what `tocsin scan`
// and `tocsin match` run, and what the replay tests check.
struct ScanOptions {
  std::vector<std::string> files = {"-"};  // "-": standard input
  ingest::DecodeOptions decode;
  std::string lang = "en";
  // The files hold all that their nodes logged in their time, as one collector's file does: then a
  // node that is not heard of while others are has gone silent. Most files are cut where somebody
  // cut them.
  bool complete = false;
  // Called now and then from the reading thread; may be empty.
  struct Progress {
    uint64_t bytes = 0, total_bytes = 0;  // total 0: unknown (a pipe)
    uint64_t lines = 0, findings = 0;
  };
  std::function<void(const Progress&)> progress;
};

struct ScanStats {
  uint64_t bytes = 0;
  uint64_t lines = 0;
  uint64_t records = 0;
  uint64_t findings = 0;
  std::map<std::string, uint64_t> bad;  // by reason; every one of them was counted and passed over
  std::vector<std::string> unreadable;  // "path: reason": the other files were still read
};

// Every incident of the input once, in its final state, resolved ones included, by open time.
// The end of the input proves nothing: what is open there stays OPEN.
struct ScanResult {
  std::vector<v1::Incident> incidents;
  ScanStats stats;
};
ScanResult Scan(const matcher::PatternSet& patterns, const ScanOptions& options);

// One call per finding, in the order of the input. The message is valid during the call.
ScanStats Match(const matcher::PatternSet& patterns, const ScanOptions& options,
                const std::function<void(const v1::Finding&)>& visit);

}  // namespace tocsin::pipeline
