// SPDX-License-Identifier: Apache-2.0
#include "matcher/row_builder.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "matcher/utf8.h"
#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

using state::v1::Row;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kYaml = R"(
- {id: oops, match: ['oops (?<pod>\S+)', 'oops'], entity: pod}
- {id: each, each: true, match: ['clause'], entity: node}
- {id: ns, match: ['nsoops (?<namespace>\S+)'], entity: namespace}
- {id: cordon, severity: info, match: ['cordoned']}
- {id: down, kind: state, match: ['is down'], expected_during: [cordon]}
)";

Time At(int64_t seconds) { return TimeFromNanos(seconds * 1'000'000'000); }

class RowBuilderTest : public testing::Test {
 protected:
  RowBuilderTest() : m_(kYaml) {
    record_.stream = Stream::kKubelet;
    record_.cluster = "c1";
    record_.node = "n1";
    record_.time = At(1000);
    record_.address = {"topic", 0, 0, 0};
  }

  void Add(std::string_view text, Time progress = kNoTime) {
    record_.text = text;
    m_.tagger->Tag(record_, [&](const Finding& finding) { rows_.Add(finding, progress); });
    ++record_.address.offset;
  }

  std::vector<Row> Take() {
    Batch batch = rows_.TakeRows();
    std::sort(batch.rows.begin(), batch.rows.end(),
              [](const Row& a, const Row& b) { return RowKey(a) < RowKey(b); });
    return std::move(batch.rows);
  }

  Matcher m_;
  RowBuilder rows_;
  Record record_;
};

TEST_F(RowBuilderTest, PlannedWorkIsAnnouncedAheadOfItsTime) {
  Add("n1 was cordoned");
  Add("n1 was cordoned");
  Add("n1 is down");
  record_.time = At(1040);
  Add("n1 was cordoned", At(1055));  // its announcement would come before the lateness allowed
  std::vector<std::string> found;
  for (const Row& row : Take()) {
    found.push_back(row.signature() + " " + row.entity() + " " + std::to_string(row.slot()) + " " +
                    std::to_string(row.first() / 1'000'000'000));
  }
  EXPECT_THAT(found, ElementsAre("cordon~ahead node/n1 98 1000", "cordon node/n1 100 1000",
                                 "down node/n1 100 1000", "cordon~ahead node/n1 102 1040",
                                 "cordon node/n1 104 1040"));
}

TEST_F(RowBuilderTest, OneRowPerKey) {
  Add("oops prod/web-1");
  Add("oops prod/web-1");
  Add("oops prod/web-2");
  record_.time = At(1010);
  Add("oops prod/web-1");
  record_.node = "n2";
  Add("oops prod/web-1");
  record_.stream = Stream::kText;
  Add("oops prod/web-1");
  std::vector<Row> rows = Take();
  ASSERT_EQ(rows.size(), 5u);
  const Row& row = rows[0];
  EXPECT_EQ(row.cluster(), "c1");
  EXPECT_EQ(row.node(), "n1");
  EXPECT_EQ(row.stream(), static_cast<uint32_t>(Stream::kKubelet));
  EXPECT_EQ(row.signature(), "oops");
  EXPECT_EQ(row.entity(), "pod/prod/web-1");
  EXPECT_EQ(row.slot(), 100);
  EXPECT_EQ(row.hits(), 2);
  EXPECT_EQ(row.lines(), 2);
  EXPECT_EQ(row.first(), ToNanos(At(1000)));
  EXPECT_EQ(row.last(), ToNanos(At(1000)));
  EXPECT_THAT(row.related(), ElementsAre("cluster/c1", "namespace/prod", "node/n1",
                                         "pod/prod/web-1", "workload/prod/web"));
  ASSERT_EQ(row.samples_size(), 2);
  EXPECT_EQ(row.samples(0).text(), "oops prod/web-1");
  EXPECT_EQ(row.samples(0).source(), "topic");
  EXPECT_EQ(row.samples(1).offset(), 1);
  EXPECT_TRUE(Take().empty());
}

TEST_F(RowBuilderTest, AnEachRecordIsSeveralHitsOfOneLine) {
  Add("clause clause clause");
  Add("clause");
  std::vector<Row> rows = Take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].hits(), 4);
  EXPECT_EQ(rows[0].lines(), 2);
  EXPECT_EQ(rows[0].samples_size(), 2);
}

TEST_F(RowBuilderTest, EventsAreVersionsNotHits) {
  record_.event.uid = "uid-1";
  record_.event.count = 7;
  Add("oops");
  record_.event.count = 5;
  Add("oops");
  record_.event.count = 7;
  Add("oops");
  std::vector<Row> rows = Take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].hits(), 0);
  EXPECT_EQ(rows[0].lines(), 3);
  ASSERT_EQ(rows[0].versions_size(), 2);
  EXPECT_EQ(rows[0].versions(0).count(), 5);
  EXPECT_EQ(rows[0].versions(1).count(), 7);
  EXPECT_EQ(rows[0].versions(0).uid(), rows[0].versions(1).uid());
  // Stored by this number: it may never change.
  EXPECT_EQ(rows[0].versions(0).uid(), 2370089264069881512u);
}

TEST_F(RowBuilderTest, TimesAheadOfTheBrokerAreClamped) {
  record_.broker_time = At(990);
  record_.time = At(995);
  Add("oops");
  EXPECT_EQ(rows_.counters().clamped, 0u);
  record_.time = At(5000);
  Add("oops");
  rows_.CountLine(record_);
  EXPECT_EQ(rows_.counters().clamped, 1u);
  std::vector<Row> rows = Take();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].slot(), 99);
  EXPECT_EQ(rows[0].last(), ToNanos(At(995)));
  Batch batch;
  rows_.TakeTallies(batch);
  EXPECT_EQ(batch.tallies.at(0).last(), ToNanos(At(995)));
  // A file has no broker.
  record_.broker_time = kNoTime;
  Add("oops");
  EXPECT_EQ(Take().at(0).slot(), 500);
}

TEST_F(RowBuilderTest, LateRecordsAreFiledAtTheEdge) {
  record_.broker_time = At(1100);
  Add("oops", At(1100));
  EXPECT_EQ(rows_.counters().late, 1u);
  std::vector<Row> rows = Take();
  EXPECT_EQ(rows.at(0).slot(), 107);
  EXPECT_EQ(rows.at(0).first(), ToNanos(At(1000))) << "the slot moves, the time does not";
  record_.time = At(1070);
  Add("oops", At(1100));
  EXPECT_EQ(rows_.counters().late, 1u);
  record_.time = At(-5'000'000'000);
  Add("oops", At(1100));
  EXPECT_EQ(Take().at(0).slot(), 107);
}

TEST_F(RowBuilderTest, KeepsTheEarliestEvidence) {
  for (int i = 20; i > 0; --i) {
    record_.time = At(1000) + std::chrono::milliseconds(i);
    std::string text = "oops number " + std::to_string(i);
    record_.pod = "p";
    record_.ns = "ns";
    record_.text = text;
    m_.tagger->Tag(record_, [&](const Finding& f) { rows_.Add(f, kNoTime); });
  }
  for (const Row& row : Take()) {
    if (row.entity() != "pod/ns/p") continue;
    ASSERT_EQ(row.samples_size(), kSamplesMax);
    EXPECT_THAT(row.samples(0).text(), HasSubstr("number 1"));
    EXPECT_THAT(row.samples(4).text(), HasSubstr("number 5"));
  }
}

TEST_F(RowBuilderTest, EvidenceIsRedactedCutAndUtf8) {
  using namespace std::string_view_literals;
  Add("oops: password=hunter2\n");
  Add(std::string("oops ") + std::string(1022 - 5, 'x') + "节点");
  Add("oops: \xFF\0 bytes"sv);
  Add(std::string("oops ") + std::string(9000, 'y') + " password=hunter2 " +
      std::string(1 << 20, 'z'));
  std::vector<std::string> texts;
  for (const Row& row : Take()) {
    std::string bytes;
    EXPECT_TRUE(row.SerializeToString(&bytes));
    for (const auto& sample : row.samples()) {
      EXPECT_TRUE(IsValidUtf8(sample.text()));
      EXPECT_LE(sample.text().size(), kSampleTextMax_bytes);
      EXPECT_EQ(sample.text().find("hunter2"), std::string::npos);
      texts.push_back(sample.text());
    }
  }
  EXPECT_THAT(texts, testing::Contains("oops: password=[REDACTED]"));
  EXPECT_THAT(texts, testing::Contains(std::string("oops: \xEF\xBF\xBD\0 bytes", 16)));
}

TEST_F(RowBuilderTest, NamesAreUtf8) {
  record_.cluster = "c\xFF";
  record_.node = "n\xFF";
  Add("oops prod/we\xFF");
  Add("oops prod/we\xFF");
  rows_.CountLine(record_);
  Batch batch = rows_.TakeRows();
  rows_.TakeTallies(batch);
  ASSERT_EQ(batch.rows.size(), 1u);
  EXPECT_EQ(batch.rows[0].node(), "n\xEF\xBF\xBD");
  EXPECT_EQ(batch.rows[0].entity(), "pod/prod/we\xEF\xBF\xBD");
  for (const std::string& name : batch.rows[0].related()) EXPECT_TRUE(IsValidUtf8(name));
  EXPECT_EQ(batch.tallies.at(0).cluster(), "c\xEF\xBF\xBD");
}

TEST_F(RowBuilderTest, TalliesCountLines) {
  record_.text = "12345";
  rows_.CountLine(record_);
  record_.time = At(900);
  rows_.CountLine(record_);
  record_.node = "n2";
  rows_.CountLine(record_);
  record_.stream = Stream::kKernel;
  rows_.CountLine(record_);
  EXPECT_EQ(rows_.TallyCount(), 3u);
  Batch batch;
  rows_.TakeTallies(batch);
  ASSERT_EQ(batch.tallies.size(), 3u);
  EXPECT_EQ(batch.tallies[0].lines(), 2);
  EXPECT_EQ(batch.tallies[0].bytes(), 10);
  EXPECT_EQ(batch.tallies[0].first(), ToNanos(At(900)));
  EXPECT_EQ(batch.tallies[0].last(), ToNanos(At(1000)));
  EXPECT_GT(batch.bytes, 0u);
  // Only what was counted since travels, and what fell silent is forgotten.
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(rows_.TallyCount(), 0u);
    rows_.CountLine(record_);
    Batch next;
    rows_.TakeTallies(next);
    ASSERT_EQ(next.tallies.size(), 1u);
    EXPECT_EQ(next.tallies[0].node(), "n2");
    EXPECT_EQ(next.tallies[0].lines(), 1);
  }
}

TEST_F(RowBuilderTest, TheOrderOfRecordsLeavesNoTrace) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  struct Line {
    std::string text, node, uid;
    int64_t time, offset, count;
  };
  std::vector<Line> lines;
  for (int i = 0; i < 2000; ++i) {
    lines.push_back(
        {random() % 2 ? "oops prod/web-" + std::to_string(random() % 20) : "clause clause",
         "n" + std::to_string(random() % 3), random() % 4 == 0 ? "u" : "",
         1000 + static_cast<int64_t>(random() % 40), i, static_cast<int64_t>(random() % 9)});
  }
  auto build = [&] {
    std::string all;
    for (const Line& line : lines) {
      record_.node = line.node;
      record_.time = At(line.time);
      record_.event.uid = line.uid;
      record_.event.count = line.count;
      record_.address.offset = line.offset;
      record_.text = line.text;
      m_.tagger->Tag(record_, [&](const Finding& f) { rows_.Add(f, kNoTime); });
    }
    for (const Row& row : Take()) all += row.DebugString();
    return all;
  };
  std::string want = build();
  std::shuffle(lines.begin(), lines.end(), random);
  EXPECT_EQ(build(), want);
}

TEST_F(RowBuilderTest, AStormOverflowsIntoTheNamespace) {
  std::vector<std::string> lines;
  for (int i = 0; i < 1'500; ++i) {
    lines.push_back("oops " + std::string(i % 2 ? "odd" : "even") + "/p" + std::to_string(i) + "x");
  }
  auto build = [&] {
    for (const std::string& line : lines) Add(line);
    std::set<std::string> entities;
    int64_t hits = 0;
    for (const Row& row : Take()) {
      entities.insert(row.entity());
      hits += row.hits();
      if (row.entity().rfind("namespace/", 0) == 0) {
        EXPECT_EQ(row.related_dropped(), 1u);
        EXPECT_EQ(row.node(), "n1");
        EXPECT_EQ(row.samples_size(), kSamplesMax);
      }
    }
    EXPECT_EQ(hits, 1'500) << "nothing is lost";
    return entities;
  };
  std::set<std::string> entities = build();
  EXPECT_EQ(entities.size(), 1'002u);
  EXPECT_EQ(entities.count("namespace/odd"), 1u);
  EXPECT_EQ(entities.count("namespace/even"), 1u);
  EXPECT_EQ(rows_.counters().overflowed, 500u);
  std::reverse(lines.begin(), lines.end());
  EXPECT_EQ(build(), entities) << "which are kept does not depend on the order";
}

TEST_F(RowBuilderTest, AStormOfNamespacesOverflowsIntoTheCluster) {
  for (int i = 0; i < 1'200; ++i) Add("nsoops team-" + std::to_string(i));
  for (int i = 0; i < 1'400; ++i) Add("oops team-" + std::to_string(i) + "/p");
  std::map<std::string, size_t> rows;
  for (const Row& row : Take()) {
    ++rows[row.signature() + " " + row.entity().substr(0, row.entity().find('/'))];
  }
  EXPECT_EQ(rows["ns namespace"], 1'000u);
  EXPECT_EQ(rows["ns cluster"], 1u);
  EXPECT_EQ(rows["oops pod"], 1'000u);
  EXPECT_LE(rows["oops namespace"], 100u);
  EXPECT_EQ(rows["oops cluster"], 1u);
}

TEST_F(RowBuilderTest, AStormOverManyNodesIsCappedPerCluster) {
  for (int node = 0; node < 50; ++node) {
    std::string name = "n" + std::to_string(node);
    record_.node = name;
    for (int i = 0; i < 900; ++i) {
      Add("oops prod/p" + std::to_string(node) + "-" + std::to_string(i) + "x");
    }
  }
  int64_t hits = 0;
  size_t pods = 0, others = 0;
  for (const Row& row : Take()) {
    hits += row.hits();
    (row.entity().rfind("pod/", 0) == 0 ? pods : others) += 1;
  }
  EXPECT_EQ(hits, 45'000);
  EXPECT_EQ(pods, 20'000u);
  EXPECT_GE(others, 1u);
  EXPECT_LE(others, 2u);
}

TEST_F(RowBuilderTest, BytesFollowWhatIsHeld) {
  EXPECT_EQ(rows_.bytes(), 0u);
  Add("oops prod/web-1");
  size_t one = rows_.bytes();
  EXPECT_GT(one, 200u);
  for (int i = 0; i < 1000; ++i) Add("oops prod/web-1");
  EXPECT_LT(rows_.bytes(), 10 * one);
  EXPECT_EQ(rows_.TakeRows().bytes > 0, true);
  EXPECT_EQ(rows_.bytes(), 0u);
}

}  // namespace
}  // namespace tocsin::matcher
