// SPDX-License-Identifier: Apache-2.0
#include "matcher/coverage.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/core.h>

namespace tocsin::matcher {
namespace {

using Status = CoverageRow::Status;

constexpr size_t kColumns = 5;
constexpr std::array<std::string_view, kColumns> kHeading = {"id", "observable", "status",
                                                             "signatures", "reason"};
constexpr std::array<Status, 4> kStatuses = {Status::kCovered, Status::kNotObservable,
                                             Status::kNoLog, Status::kMissing};
constexpr std::array<std::string_view, 5> kObservables = {"log-signature", "event-or-status",
                                                          "metric-or-state", "exit-code", "no-log"};

// Parts between `separator`; one more than there are separators.
std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <typename Range>
std::string Listed(const Range& words) {
  std::string text;
  for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

std::string KnownStatuses() {
  std::vector<std::string_view> names;
  for (Status status : kStatuses) names.push_back(CoverageStatusName(status));
  return Listed(names);
}

// What is wrong with the row, and what to write; empty: `row` is filled.
std::string ReadRow(const std::vector<std::string>& cells, CoverageRow& row) {
  if (cells.size() != kColumns) {
    return fmt::format("has {} columns; write {}, divided by tabs", cells.size(), Listed(kHeading));
  }
  row.id = cells[0];
  row.observable = cells[1];
  row.reason = cells[4];
  if (row.id.empty()) return "the id is empty; write the failure's";
  bool known = false;
  for (std::string_view observable : kObservables) known |= row.observable == observable;
  if (!known) {
    return fmt::format("unknown observable '{}'; write one of {}", row.observable,
                       Listed(kObservables));
  }
  known = false;
  for (Status status : kStatuses) {
    if (cells[2] != CoverageStatusName(status)) continue;
    row.status = status;
    known = true;
  }
  if (!known) {
    return fmt::format("unknown status '{}'; write one of {}", cells[2], KnownStatuses());
  }
  if (!cells[3].empty()) row.signatures = Split(cells[3], ',');
  for (const std::string& signature : row.signatures) {
    if (signature.empty() || signature.find(' ') != std::string::npos) {
      return fmt::format("'{}' is no list of signatures; write ids divided by commas alone",
                         cells[3]);
    }
  }
  if (row.status == Status::kCovered && row.signatures.empty()) {
    return fmt::format("'{}' is covered by nothing; write the signatures that find it", row.id);
  }
  if (row.status != Status::kCovered && !row.signatures.empty()) {
    return fmt::format("'{}' names signatures; write covered, or leave them out", row.id);
  }
  if ((row.status == Status::kNotObservable || row.status == Status::kNoLog) &&
      row.reason.empty()) {
    return fmt::format("'{}' gives no reason; write why no line tells of it", row.id);
  }
  return "";
}

}  // namespace

std::string_view CoverageStatusName(Status status) {
  switch (status) {
    case Status::kCovered:
      return "covered";
    case Status::kNotObservable:
      return "not-observable";
    case Status::kNoLog:
      return "no-log";
    case Status::kMissing:
      break;
  }
  return "missing";
}

absl::StatusOr<std::vector<CoverageRow>> ReadCoverage(const std::string& file,
                                                      std::string_view text) {
  std::vector<CoverageRow> rows;
  bool heading = false;
  int number = 0;
  for (std::string& line : Split(text, '\n')) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells = Split(line, '\t');
    if (!heading) {
      heading = true;
      bool good = cells.size() == kColumns;
      for (size_t i = 0; good && i < kColumns; ++i) good = cells[i] == kHeading[i];
      if (good) continue;
      return InvalidArgument("{}:{}: the columns are not named; write {}, divided by tabs", file,
                             number, Listed(kHeading));
    }
    CoverageRow row;
    if (std::string wrong = ReadRow(cells, row); !wrong.empty()) {
      return InvalidArgument("{}:{}: {}", file, number, wrong);
    }
    if (!rows.empty() && row.id <= rows.back().id) {
      return InvalidArgument("{}:{}: '{}' stands after '{}'; write each id once, in order", file,
                             number, row.id, rows.back().id);
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) {
    return InvalidArgument("{}: is empty; write {}, divided by tabs", file, Listed(kHeading));
  }
  return rows;
}

absl::StatusOr<std::vector<CoverageRow>> LoadCoverage(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path directory =
      fs::is_directory(path, error) ? fs::path(path) : fs::path(path).parent_path();
  fs::path file = directory / kCoverageFile;
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    return InvalidArgument("{}: can not be read; name a catalogue that comes with a {} instead",
                           file.string(), kCoverageFile);
  }
  return ReadCoverage(file.filename().string(), text);
}

void VerifyCoverage(const Catalogue& catalogue, std::vector<CoverageRow>& rows) {
  for (CoverageRow& row : rows) {
    if (row.status != Status::kCovered) continue;
    std::vector<std::string> unknown;
    for (const std::string& signature : row.signatures) {
      if (catalogue.Find(signature) == nullptr) unknown.push_back(signature);
    }
    if (unknown.empty()) continue;
    row.status = Status::kMissing;
    row.reason = fmt::format("not in this catalogue: {}", Listed(unknown));
  }
}

}  // namespace tocsin::matcher
