// SPDX-License-Identifier: Apache-2.0
#include "pipeline/metrics.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

namespace tocsin::pipeline {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsTest, SaysWhatWasCounted) {
  Fold::Stats fold;
  fold.commits = 11;
  fold.late_rows = 12;
  fold.commit_retries = 13;
  fold.frontier = Time(std::chrono::milliseconds(1'700'000'000'250));
  KafkaLanes::Stats lanes;
  lanes.reachable = true;
  lanes.records = 1;
  lanes.bytes = UINT64_MAX;
  lanes.findings = 3;
  lanes.lost_records = 4;
  lanes.partitions = 5;
  lanes.bad = {{"not-json", 6}, {"od\"d\\\n", 7}};
  std::string text = FormatMetrics(fold, lanes, "1.2.3");
  for (const char* want :
       {"tocsin_build_info{version=\"1.2.3\"} 1\n", "tocsin_records_total 1\n",
        "tocsin_bytes_total 18446744073709551615\n", "tocsin_findings_total 3\n",
        "tocsin_bad_records_total{reason=\"not-json\"} 6\n",
        "tocsin_bad_records_total{reason=\"od\\\"d\\\\ \"} 7\n",
        "tocsin_kafka_lost_records_total 4\n", "tocsin_kafka_reachable 1\n",
        "tocsin_partitions 5\n", "tocsin_frontier_timestamp_seconds 1700000000.250\n",
        "tocsin_late_rows_total 12\n", "tocsin_commits_total 11\n",
        "tocsin_store_retries_total 13\n", "tocsin_store_failing 0\n"}) {
    EXPECT_THAT("\n" + text, HasSubstr(std::string("\n") + want));
  }
}

TEST(MetricsTest, EveryLineIsOfThePrometheusFormat) {
  const std::string text = FormatMetrics({}, {.bad = {{"truncated", 1}}}, "0");
  // Nothing is settled yet: no sample, rather than 1970.
  EXPECT_THAT(text, Not(HasSubstr("\ntocsin_frontier_timestamp_seconds ")));
  const re2::RE2 comment("# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge))");
  const re2::RE2 sample(R"re(([a-z_]+)(?:\{[a-z]+="[^"]*"\})? [0-9.]+)re");
  std::istringstream lines(text);
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    std::string family;
    if (line.starts_with("# TYPE ")) type = line.substr(7);
    if (re2::RE2::FullMatch(line, comment)) continue;
    ASSERT_TRUE(re2::RE2::FullMatch(line, sample, &family)) << line;
    // A sample follows the type of its own family; counters end in _total.
    EXPECT_EQ(type.substr(0, type.find(' ')), family) << line;
    EXPECT_EQ(type.ends_with(" counter"), family.ends_with("_total")) << line;
  }
  EXPECT_TRUE(text.ends_with("\n"));
}

}  // namespace
}  // namespace tocsin::pipeline
