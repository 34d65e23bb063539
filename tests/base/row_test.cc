// SPDX-License-Identifier: Apache-2.0
#include "base/row.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin {
namespace {

state::v1::Row RandomRow(std::mt19937& random) {
  auto number = [&](int max) { return std::uniform_int_distribution<int>(0, max)(random); };
  state::v1::Row row;
  row.set_cluster("c");
  row.set_signature("s");
  row.set_entity("node/n");
  row.set_slot(5);
  row.set_hits(number(5));
  row.set_lines(row.hits());
  row.set_first(1 + number(1000));
  row.set_last(row.first() + number(1000));
  for (int i = number(6); i > 0; --i) {
    AddToSet("pod/" + std::to_string(number(400)), kRelatedMax, *row.mutable_related());
  }
  for (int i = number(3); i > 0; --i) {
    state::v1::Sample sample;
    sample.set_time(number(50));
    sample.set_offset(number(10));
    sample.set_text("line");
    AddSample(sample, kSamplesMax, *row.mutable_samples());
  }
  return row;
}

TEST(RowTest, MergingInAnyOrderAndGroupingIsTheSame) {
  uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<state::v1::Row> rows;
    for (int i = 0; i < 40; ++i) rows.push_back(RandomRow(random));
    state::v1::Row in_order = rows[0];
    for (size_t i = 1; i < rows.size(); ++i) MergeRow(rows[i], in_order);
    std::shuffle(rows.begin(), rows.end(), random);
    state::v1::Row left = rows[0], right = rows[20];
    for (size_t i = 1; i < 20; ++i) MergeRow(rows[i], left);
    for (size_t i = 21; i < rows.size(); ++i) MergeRow(rows[i], right);
    MergeRow(left, right);
    ASSERT_EQ(right.SerializeAsString(), in_order.SerializeAsString());
  }
}

TEST(RowTest, KeysSortBySlotFirstAlsoBelowZero) {
  auto key = [](int64_t slot, const char* cluster) {
    state::v1::Row row;
    row.set_slot(slot);
    row.set_cluster(cluster);
    return RowKey(row);
  };
  EXPECT_LT(key(-2, "z"), key(-1, "a"));
  EXPECT_LT(key(-1, "z"), key(0, "a"));
  EXPECT_LT(key(255, "z"), key(256, "a"));
  EXPECT_LT(key(7, "a"), key(7, "b"));
}

TEST(RowTest, DifferentRowsHaveDifferentKeys) {
  state::v1::Row a, b;
  a.set_cluster("ab");
  a.set_signature("c");
  b.set_cluster("a");
  b.set_signature("bc");
  EXPECT_NE(RowKey(a), RowKey(b));
}

TEST(RowTest, AFullSetKeepsTheSmallestWhateverComesFirst) {
  google::protobuf::RepeatedPtrField<std::string> set;
  EXPECT_TRUE(AddToSet("c", 2, set));
  EXPECT_TRUE(AddToSet("b", 2, set));
  EXPECT_TRUE(AddToSet("b", 2, set));
  EXPECT_FALSE(AddToSet("a", 2, set));
  EXPECT_FALSE(AddToSet("z", 2, set));
  EXPECT_THAT(set, testing::ElementsAre("a", "b"));
}

}  // namespace
}  // namespace tocsin
