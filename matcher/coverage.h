// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "base/status.h"

// Which of the failures that an operator knows the catalogue finds, and what becomes of the others.
// The table is data (signatures/coverage.tsv); what it claims is held against a catalogue here.
namespace tocsin::matcher {

inline constexpr std::string_view kCoverageFile = "coverage.tsv";

struct CoverageRow {
  enum class Status {
    kCovered,        // `signatures` find it
    kNotObservable,  // it leaves no line that could be recognised
    kNoLog,          // a question or a procedure, no failure
    kMissing,        // nobody has written its signature yet
  };
  std::string id;          // of the failure, unique
  std::string observable;  // where it shows: "log-signature", "event-or-status", ...
  Status status = Status::kMissing;
  std::vector<std::string> signatures;  // ids or aliases; of kCovered only, never empty there
  std::string reason;                   // never empty for kNotObservable and kNoLog
};

std::string_view CoverageStatusName(CoverageRow::Status status);  // "not-observable"

// Reads a table: five columns divided by tabs under a line that names them, '#' begins a comment.
// Rows are sorted by id; each id stands once.
//   kInvalidArgument  the first mistake, as "FILE:LINE: what is wrong; what to write instead"
absl::StatusOr<std::vector<CoverageRow>> ReadCoverage(const std::string& file,
                                                      std::string_view text);

// The table that stands beside the signatures at `path`, a catalogue's directory or one file of it.
//   kInvalidArgument  also where there is none
absl::StatusOr<std::vector<CoverageRow>> LoadCoverage(const std::string& path);

// What the table claims and `catalogue` does not keep: a row with a signature that is not there
// becomes kMissing and says so in its reason.
void VerifyCoverage(const Catalogue& catalogue, std::vector<CoverageRow>& rows);

}  // namespace tocsin::matcher
