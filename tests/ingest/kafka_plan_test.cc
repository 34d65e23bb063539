// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "ingest/kafka.h"

namespace tocsin::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

state::v1::Position At(const std::string& topic, int32_t partition, int64_t tally, int64_t hit,
                       const std::string& log_id = "cluster-a") {
  state::v1::Position position;
  position.set_source(topic);
  position.set_partition(partition);
  position.set_next_tally(tally);
  position.set_next_hit(hit);
  position.set_log_id(log_id);
  return position;
}

Layout OnePartition(int64_t low, int64_t high) {
  return {.cluster_id = "cluster-a", .group = "g", .partitions = {{{"logs", 0}, low, high}}};
}

struct Case {
  const char* name;
  int64_t low, high;
  std::vector<state::v1::Position> positions;
  int64_t want_start;
  std::vector<Gap> want_gaps;
};

TEST(PlanStartTest, GoesOnWhereItStoppedOrAtTheLogsStart) {
  const std::vector<Case> cases = {
      {"new partition", 0, 10, {}, 0, {}},
      {"new partition, cut by retention: its start is no gap of ours", 7, 10, {}, 7, {}},
      {"empty log", 0, 0, {}, 0, {}},
      {"empty log, all of it deleted", 5, 5, {At("logs", 0, 5, 5)}, 5, {}},
      {"in the middle", 0, 10, {At("logs", 0, 4, 4)}, 4, {}},
      {"tallies behind hits: from the tallies", 0, 10, {At("logs", 0, 4, 9)}, 4, {}},
      {"at the end", 0, 10, {At("logs", 0, 10, 10)}, 10, {}},
      {"at the start", 3, 10, {At("logs", 0, 3, 3)}, 3, {}},
      {"below the start", 8, 10, {At("logs", 0, 3, 5)}, 8, {{{"logs", 0}, 3, 8}}},
      {"tallies below, hits above", 4, 10, {At("logs", 0, 3, 5)}, 4, {{{"logs", 0}, 3, 4}}},
      {"all of it gone", 10, 10, {At("logs", 0, 0, 0)}, 10, {{{"logs", 0}, 0, 10}}},
      {"a file of the same name", 0, 10, {At("logs", -1, 99, 99)}, 0, {}},
      {"another topic's", 0, 10, {At("old", 0, 99, 99, "cluster-z")}, 0, {}},
      {"a store that never learned the cluster", 0, 10, {At("logs", 0, 4, 4, "")}, 4, {}},
      {"huge offsets",
       INT64_MAX - 1,
       INT64_MAX,
       {At("logs", 0, INT64_MAX, INT64_MAX)},
       INT64_MAX,
       {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto plan = PlanStart(OnePartition(c.low, c.high), c.positions, "me");
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_THAT(plan->starts, ElementsAre(StartAt{{"logs", 0}, c.want_start}));
    EXPECT_EQ(plan->gaps, c.want_gaps);
  }
}

struct Refusal {
  const char* name;
  std::vector<state::v1::Position> positions;
  absl::StatusCode code;
  const char* says;
};

TEST(PlanStartTest, RefusesWhatItCannotKnow) {
  using enum absl::StatusCode;
  const std::vector<Refusal> cases = {
      {"past the end", {At("logs", 0, 11, 11)}, kFailedPrecondition, "--reset-positions"},
      {"hits past the end", {At("logs", 0, 4, 11)}, kFailedPrecondition, "past the log's end 10"},
      {"another cluster", {At("logs", 0, 4, 4, "b")}, kFailedPrecondition, "--reset-positions"},
      {"partition gone", {At("logs", 1, 4, 4)}, kFailedPrecondition, "logs[1]"},
      {"negative", {At("logs", 0, -1, 4)}, kDataLoss, "makes no sense"},
      {"tallies ahead of hits", {At("logs", 0, 5, 4)}, kDataLoss, "makes no sense"},
      {"twice", {At("logs", 0, 4, 4), At("logs", 0, 5, 5)}, kDataLoss, "twice"},
  };
  for (const Refusal& c : cases) {
    SCOPED_TRACE(c.name);
    const auto plan = PlanStart(OnePartition(0, 10), c.positions, "me");
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.status().code(), c.code);
    EXPECT_THAT(tocsin::Message(plan.status()), HasSubstr(c.says));
    // The way out that the message names must work, whatever the positions say.
    const auto reset = PlanStart(OnePartition(3, 10), c.positions, "me", Reset::kPositions);
    ASSERT_TRUE(reset.ok()) << reset.status();
    EXPECT_THAT(reset->starts, ElementsAre(StartAt{{"logs", 0}, 3}));
    EXPECT_THAT(reset->gaps, IsEmpty());
  }
}

TEST(PlanStartTest, OneGroupBelongsToOneStore) {
  Layout layout = OnePartition(0, 10);
  layout.partitions.push_back({{"logs", 1}, 0, 10, 5, "other"});
  const auto plan = PlanStart(layout, {}, "me");
  ASSERT_EQ(plan.status().code(), absl::StatusCode::kFailedPrecondition);
  for (const char* part : {"'g'", "other", "me", "--kafka-group", "--reset-positions"}) {
    EXPECT_THAT(tocsin::Message(plan.status()), HasSubstr(part));
  }
  EXPECT_TRUE(PlanStart(layout, {}, "me", Reset::kPositions).ok());
  EXPECT_TRUE(PlanStart(layout, {}, "other").ok());
  // A commit that no tocsin made claims nothing.
  layout.partitions[1].committed_store.clear();
  EXPECT_TRUE(PlanStart(layout, {}, "me").ok());
}

TEST(PlanStartTest, TopicsAreSortedAndMissingOnesWait) {
  const Layout layout = {.cluster_id = "cluster-a",
                         .group = "g",
                         .partitions = {{{"b", 1}, 5, 9}, {{"b", 0}, 5, 9}, {{"a", 0}, 0, 9}},
                         .missing_topics = {"later"}};
  const std::vector positions = {At("b", 1, 2, 2), At("b", 0, 1, 2), At("later", 0, 4, 4)};
  const auto plan = PlanStart(layout, positions, "me");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->starts,
              ElementsAre(StartAt{{"a", 0}, 0}, StartAt{{"b", 0}, 5}, StartAt{{"b", 1}, 5}));
  EXPECT_THAT(plan->gaps, ElementsAre(Gap{{"b", 0}, 1, 5}, Gap{{"b", 1}, 2, 5}));
}

// Whatever it is given: every record at or after the position that is still there is read, every
// one that is not is in a gap, and reading never starts outside the log.
TEST(PlanStartTest, LosesNothingSilently) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int i = 0; i < 2000; ++i) {
    const int64_t low = pick(0, 20);
    const int64_t high = pick(low, 30);
    const int64_t tally = pick(0, 40);
    const int64_t hit = pick(tally, 40);
    const std::vector positions = {At("logs", 0, tally, hit)};
    const auto plan = PlanStart(OnePartition(low, high), positions, "me");
    ASSERT_EQ(plan.ok(), hit <= high);
    if (!plan.ok()) continue;
    const int64_t start = plan->starts.at(0).offset;
    EXPECT_GE(start, low);
    EXPECT_LE(start, high);
    const int64_t lost = plan->gaps.empty() ? 0 : plan->gaps[0].to - plan->gaps[0].from;
    EXPECT_EQ(tally + lost, start);
    EXPECT_EQ(lost > 0, !plan->gaps.empty());
  }
}

}  // namespace
}  // namespace tocsin::ingest
