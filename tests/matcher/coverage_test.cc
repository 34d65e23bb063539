// SPDX-License-Identifier: Apache-2.0
#include "matcher/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/stable_hash.h"

namespace tocsin::matcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kHead = "# comment\n\nid\tobservable\tstatus\tsignatures\treason\n";

TEST(CoverageTest, ReadsATable) {
  auto rows = ReadCoverage("c.tsv", kHead +
                                        "a\tlog-signature\tcovered\tx,y\t\r\n"
                                        "b\tmetric-or-state\tnot-observable\t\tno line\n"
                                        "c\tno-log\tno-log\t\ta question\n"
                                        "d\texit-code\tmissing\t\t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ((*rows)[0].status, CoverageRow::Status::kCovered);
  EXPECT_THAT((*rows)[0].signatures, ElementsAre("x", "y"));
  EXPECT_EQ((*rows)[0].reason, "");
  EXPECT_EQ((*rows)[1].status, CoverageRow::Status::kNotObservable);
  EXPECT_EQ((*rows)[1].observable, "metric-or-state");
  EXPECT_EQ((*rows)[1].reason, "no line");
  EXPECT_EQ(CoverageStatusName((*rows)[2].status), "no-log");
  EXPECT_EQ(CoverageStatusName((*rows)[3].status), "missing");
}

TEST(CoverageTest, RefusesByLine) {
  const std::pair<std::string, std::string> bad[] = {
      {"", "c.tsv: is empty; write id, observable"},
      {kHead, "c.tsv: is empty; write id, observable"},
      {"a\tno-log\tno-log\t\tr\n", "c.tsv:1: the columns are not named; write id, "},
      {kHead + "a\tno-log\tno-log\t\n", "c.tsv:4: has 4 columns; write id, "},
      {kHead + "a\tno-log\tno-log\t\tr\t\n", "c.tsv:4: has 6 columns; write id, "},
      {kHead + "\tno-log\tno-log\t\tr\n", "c.tsv:4: the id is empty; write "},
      {kHead + "a\tlogs\tno-log\t\tr\n", "c.tsv:4: unknown observable 'logs'; write one of log-"},
      {kHead + "a\tno-log\tfound\t\tr\n", "c.tsv:4: unknown status 'found'; write one of cov"},
      {kHead + "a\tno-log\tcovered\t\t\n", "c.tsv:4: 'a' is covered by nothing; write "},
      {kHead + "a\tno-log\tcovered\tx,,y\t\n", "c.tsv:4: 'x,,y' is no list of signatures; write"},
      {kHead + "a\tno-log\tcovered\tx, y\t\n", "c.tsv:4: 'x, y' is no list of signatures; write"},
      {kHead + "a\tno-log\tmissing\tx\t\n", "c.tsv:4: 'a' names signatures; write covered"},
      {kHead + "a\tno-log\tno-log\t\t\n", "c.tsv:4: 'a' gives no reason; write why"},
      {kHead + "b\tno-log\tno-log\t\tr\nb\tno-log\tno-log\t\tr\n", "c.tsv:5: 'b' stands after 'b'"},
      {kHead + "b\tno-log\tno-log\t\tr\na\tno-log\tno-log\t\tr\n", "c.tsv:5: 'a' stands after 'b'"},
  };
  for (const auto& [text, want] : bad) {
    auto rows = ReadCoverage("c.tsv", text);
    ASSERT_FALSE(rows.ok()) << text;
    EXPECT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(rows.status()), StartsWith(want));
  }
  EXPECT_FALSE(LoadCoverage(testing::TempDir() + "/nowhere").ok());
}

TEST(CoverageTest, ClaimsAreHeldAgainstTheCatalogue) {
  auto catalogue = LoadCatalogueFromText({{"a.yaml", "[{id: a, match: ['x'], aliases: [b]}]"}});
  auto rows = ReadCoverage("c.tsv", kHead +
                                        "one\tlog-signature\tcovered\ta,b\t\n"
                                        "two\tlog-signature\tcovered\ta,c\t\n");
  ASSERT_TRUE(catalogue.ok() && rows.ok());
  VerifyCoverage(**catalogue, *rows);
  EXPECT_EQ((*rows)[0].status, CoverageRow::Status::kCovered);
  EXPECT_EQ((*rows)[1].status, CoverageRow::Status::kMissing);
  EXPECT_EQ((*rows)[1].reason, "not in this catalogue: c");
}

// The tree's own table.
class OwnCoverageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto rows = LoadCoverage("signatures");
    ASSERT_TRUE(rows.ok()) << rows.status();
    rows_ = *std::move(rows);
  }
  std::vector<CoverageRow> rows_;
};

// The failures themselves are given: none may be dropped, added or renamed in passing.
TEST_F(OwnCoverageTest, HoldsEveryFailure) {
  EXPECT_EQ(rows_.size(), 293u);
  uint64_t hash = 0;
  for (const CoverageRow& row : rows_) hash = StableHash(row.id + '\t' + row.observable, hash);
  EXPECT_EQ(hash, 6517835603301103910u) << "an id or what is said to be observable has changed";
}

TEST_F(OwnCoverageTest, NamesSignaturesThatExist) {
  auto catalogue = LoadCatalogue("signatures");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  std::vector<CoverageRow> verified = rows_;
  VerifyCoverage(**catalogue, verified);
  for (size_t i = 0; i < rows_.size(); ++i) {
    EXPECT_EQ(rows_[i].status, verified[i].status) << rows_[i].id << ": " << verified[i].reason;
  }
}

TEST_F(OwnCoverageTest, LeavesNothingUndecided) {
  std::vector<std::string> missing;
  for (const CoverageRow& row : rows_) {
    if (row.status == CoverageRow::Status::kMissing) missing.push_back(row.id);
  }
  EXPECT_THAT(missing, IsEmpty());
}

// What is a failure, somebody can see; a question never becomes one.
TEST_F(OwnCoverageTest, QuestionsAreNoFailures) {
  for (const CoverageRow& row : rows_) {
    if (row.status != CoverageRow::Status::kNoLog) continue;
    EXPECT_EQ(row.observable, "no-log") << row.id;
  }
}

}  // namespace
}  // namespace tocsin::matcher
