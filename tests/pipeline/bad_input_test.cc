// SPDX-License-Identifier: Apache-2.0
//
// Whatever bytes come: counted by reason, kept with their address, and the neighbours are heard.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/dead_letter.h"
#include "tests/pipeline/testing.h"

namespace tocsin::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

std::string Deep(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "{\"a\":";
  text += "1";
  return text + std::string(static_cast<size_t>(levels), '}');
}

struct BadPayload {
  std::string reason;
  std::string payload;
};
std::vector<BadPayload> BadPayloads() {
  return {{"empty", ""},
          {"empty", " \t\n"},
          {"not-json", "plain text, none of it JSON"},
          {"empty", std::string("\0\0\0\0", 4)},
          {"truncated", std::string("{\"log\":\"x\"}\0{", 13)},
          {"truncated", R"({"@timestamp":1716200000.5,"log":"cut in the mid)"},
          {"truncated", R"({"log":)"},
          {"too-deep", Deep(10'000)},
          {"not-utf8", "{\"log\":\"caf\xe9\"}"},
          {"not-json", "42"},
          {"not-object", "[42]"},
          {"no-text", R"({"status":502})"},
          {"too-large", R"({"log":")" + std::string((1 << 20) + 1, 'x') + R"("})"}};
}

class BadInputTest : public testing::Test {
 protected:
  BadInputTest() {
    ingest::DeadLetterFile::Options options;
    options.dir = dir_.path() + "/dead";
    auto opened = ingest::DeadLetterFile::Open(options);
    TOCSIN_CHECK(opened.ok());
    letters_ = *std::move(opened);
  }

  std::unique_ptr<Lane> MakeLane(ingest::Format format) {
    Lane::Options options;
    options.decode.format = format;
    options.decode.cluster = "c1";
    options.dead_letters = letters_.get();
    return std::make_unique<Lane>(*World::Get().patterns, std::move(options));
  }

  static void Take(Lane& lane, int64_t offset, const std::string& payload) {
    ingest::Message message;
    message.topic = kTopic;
    message.partition = 3;
    message.offset = offset;
    message.broker_time = At(100);
    message.payload = payload;
    lane.Take(message);
  }

  std::vector<std::string> Letters() const {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() + "/dead")) {
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) lines.push_back(line);
    }
    return lines;
  }

  static int64_t Hits(const Batch& batch) {
    int64_t hits = 0;
    for (const state::v1::Row& row : batch.rows) hits += row.hits();
    return hits;
  }

  TempDir dir_;
  std::unique_ptr<ingest::DeadLetterFile> letters_;
};

TEST_F(BadInputTest, EachIsCountedAndKeptAndNoNeighbourIsLost) {
  const std::string good = Kernel(At(99), "node-1", "neighbor table overflow");
  int64_t offset = 0;
  auto lane = MakeLane(ingest::Format::kJson);
  Take(*lane, offset++, good);
  std::map<std::string, uint64_t, std::less<>> expected;
  std::vector<std::pair<int64_t, std::string>> where;
  for (const BadPayload& bad : BadPayloads()) {
    ++expected[bad.reason];
    where.emplace_back(offset, bad.reason);
    Take(*lane, offset++, bad.payload);
    Take(*lane, offset++, good);
  }
  EXPECT_EQ(lane->counts().bad, expected);
  EXPECT_EQ(lane->counts().records, BadPayloads().size() + 1);
  Batch batch = lane->Flush(true);
  EXPECT_EQ(Hits(batch), static_cast<int64_t>(BadPayloads().size()) + 1);
  ASSERT_THAT(batch.positions, SizeIs(1));
  EXPECT_EQ(batch.positions[0].next_hit(), offset) << "what can not be read does not stall";

  std::vector<std::string> letters = Letters();
  ASSERT_THAT(letters, SizeIs(where.size()));
  for (size_t i = 0; i < where.size(); ++i) {
    EXPECT_THAT(letters[i],
                HasSubstr(fmt::format(
                    R"("reason":"{}","source":{{"topic":"logs","partition":3,"offset":{})",
                    where[i].second, where[i].first)));
  }
}

TEST_F(BadInputTest, WithNoFormatPromisedNothingIsLostEither) {
  const std::string good = Kernel(At(99), "node-1", "neighbor table overflow");
  auto lane = MakeLane(ingest::Format::kAuto);
  int64_t offset = 0;
  for (const BadPayload& bad : BadPayloads()) {
    Take(*lane, offset++, good);
    Take(*lane, offset++, bad.payload);
  }
  uint64_t bad = 0;
  for (const auto& [reason, count] : lane->counts().bad) bad += count;
  EXPECT_GE(lane->counts().records + bad, 2 * BadPayloads().size());
  EXPECT_EQ(Hits(lane->Flush(true)), static_cast<int64_t>(BadPayloads().size()));
  EXPECT_THAT(Letters(), SizeIs(bad));
}

TEST_F(BadInputTest, ABadRecordWithinAnArrayIsKeptAlone) {
  auto lane = MakeLane(ingest::Format::kJson);
  const std::string good = Kernel(At(99), "node-1", "neighbor table overflow");
  Take(*lane, 7, "[" + good + R"(,42,{"status":502},)" + good + "]");
  EXPECT_EQ(Hits(lane->Flush(true)), 2);
  std::vector<std::string> letters = Letters();
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_THAT(letters[0], HasSubstr(R"("offset":7,"index":1)"));
  EXPECT_THAT(letters[1], HasSubstr(R"("offset":7,"index":2)"));
}

TEST_F(BadInputTest, ReadAgainForItsTalliesItIsNotKeptTwice) {
  auto lane = MakeLane(ingest::Format::kJson);
  state::v1::Position position;
  position.set_source(std::string(kTopic));
  position.set_partition(3);
  position.set_next_hit(2);
  position.set_next_tally(0);
  lane->Restore(position);
  for (int64_t offset = 0; offset < 3; ++offset) Take(*lane, offset, "42");
  EXPECT_THAT(Letters(), SizeIs(1));
  EXPECT_THAT(Letters()[0], HasSubstr(R"("offset":2)"));
}

TEST_F(BadInputTest, WithoutNodeOrClusterItIsARecordOfItsOwnLane) {
  Lane lane(*World::Get().patterns, {});
  const std::string anonymous =
      R"({"@timestamp":1700000099.0,"_TRANSPORT":"kernel","MESSAGE":"neighbor table overflow"})";
  Take(lane, 0, anonymous);
  Take(lane, 1, Kernel(At(99), "node-1", "neighbor table overflow"));
  EXPECT_EQ(lane.counts().records, 2u);
  EXPECT_TRUE(lane.counts().bad.empty());
  Batch batch = lane.Flush(true);
  std::map<std::string, int64_t> hits, lines;
  for (const state::v1::Row& row : batch.rows) hits[row.node()] += row.hits();
  for (const state::v1::Tally& tally : batch.tallies) lines[tally.node()] += tally.lines();
  EXPECT_THAT(hits, ElementsAre(Pair("", 1), Pair("node-1", 1))) << "never merged with another";
  EXPECT_THAT(lines, ElementsAre(Pair("", 1), Pair("node-1", 1)));
}

}  // namespace
}  // namespace tocsin::pipeline
