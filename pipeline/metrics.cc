// SPDX-License-Identifier: Apache-2.0
#include "pipeline/metrics.h"

#include <iterator>

#include <fmt/format.h>

namespace tocsin::pipeline {
namespace {

std::string Escaped(std::string_view label) {
  std::string out;
  for (char c : label) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Page {
 public:
  void Begin(const char* name, const char* type, const char* help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <typename Value>
  void Sample(const char* name, const std::string& labels, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name, labels, value);
  }
  void Counter(const char* name, const char* help, uint64_t value) {
    Begin(name, "counter", help);
    Sample(name, "", value);
  }
  template <typename Value>
  void Gauge(const char* name, const char* help, Value value) {
    Begin(name, "gauge", help);
    Sample(name, "", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string FormatMetrics(const Fold::Stats& fold, const KafkaLanes::Stats& lanes,
                          std::string_view version) {
  Page page;
  page.Begin("tocsin_build_info", "gauge", "Always 1; the version is in the label.");
  page.Sample("tocsin_build_info", fmt::format("{{version=\"{}\"}}", Escaped(version)), 1);
  page.Counter("tocsin_records_total", "Log records decoded.", lanes.records);
  page.Counter("tocsin_bytes_total", "Bytes of Kafka messages read.", lanes.bytes);
  page.Counter("tocsin_findings_total", "Matches of signatures.", lanes.findings);
  page.Begin("tocsin_bad_records_total", "counter",
             "Records that could not be decoded, by reason.");
  for (const auto& [reason, count] : lanes.bad) {
    page.Sample("tocsin_bad_records_total", fmt::format("{{reason=\"{}\"}}", Escaped(reason)),
                count);
  }
  page.Counter("tocsin_kafka_lost_records_total",
               "Records that Kafka's retention took before they were read.", lanes.lost_records);
  page.Counter("tocsin_kafka_redelivered_records_total",
               "Records read again at an address that was read before, and not counted twice.",
               lanes.redelivered);
  page.Counter("tocsin_kafka_corrupt_batches_total",
               "Batches that failed their checksum or did not decompress, and were skipped.",
               lanes.corrupt);
  page.Gauge("tocsin_kafka_reachable", "1 while the broker answers.", lanes.reachable ? 1 : 0);
  page.Gauge("tocsin_partitions", "Partitions being read.", lanes.partitions);
  page.Begin("tocsin_frontier_timestamp_seconds", "gauge",
             "Everything up to this event time is settled; absent before the first commit.");
  if (fold.frontier != kNoTime) {
    page.Sample("tocsin_frontier_timestamp_seconds", "",
                fmt::format("{:.3f}", static_cast<double>(ToNanos(fold.frontier)) / 1e9));
  }
  page.Counter("tocsin_rows_total", "Rows that the fold merged.", fold.rows);
  page.Counter("tocsin_late_rows_total", "Rows that came after their time was settled.",
               fold.late_rows);
  page.Counter("tocsin_commits_total", "Write batches committed to the store.", fold.commits);
  page.Counter("tocsin_store_retries_total",
               "Commits that the store refused, and that were tried "
               "again.",
               fold.commit_retries);
  page.Gauge("tocsin_store_failing", "1 while the store refuses writes.",
             fold.store_failing ? 1 : 0);
  return page.Take();
}

}  // namespace tocsin::pipeline
