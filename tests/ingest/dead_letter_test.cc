// SPDX-License-Identifier: Apache-2.0
#include "ingest/dead_letter.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/status.h"

namespace tocsin::ingest {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class DeadLetterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "dead_letter_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<DeadLetterFile> Open(size_t capacity_bytes = size_t{64} << 20) {
    auto file =
        DeadLetterFile::Open({.dir = dir_ + "/dead-letters", .capacity_bytes = capacity_bytes});
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(*file);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ + "/dead-letters")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string Bytes(const std::string& name) const {
    std::ifstream in(dir_ + "/dead-letters/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string AllBytes() const {
    std::string all;
    for (const std::string& name : Names()) all += Bytes(name);
    return all;
  }
  size_t Lines() const {
    const std::string all = AllBytes();
    return static_cast<size_t>(std::count(all.begin(), all.end(), '\n'));
  }

  std::string dir_;
};

TEST_F(DeadLetterTest, WritesOneJsonObjectALine) {
  const auto file = Open();
  const Time time = *ParseTime("2024-05-20T10:13:20Z");
  file->Append({.time = time,
                .reason = "not JSON",
                .address = {.source = "logs", .partition = 3, .offset = 17, .index = 2},
                .bytes = std::string_view("\0\xff{", 3)});
  file->Append({.time = time,
                .reason = "empty",
                .address = {.source = "a \"b\"\n\\\xc3.log", .partition = -1, .offset = 9}});
  EXPECT_EQ(Bytes("000001.ndjson"),
            R"({"time":"2024-05-20T10:13:20Z","reason":"not JSON","source":{"topic":"logs",)"
            R"("partition":3,"offset":17,"index":2},"size":3,"bytes":"AP97"})"
            "\n"
            R"({"time":"2024-05-20T10:13:20Z","reason":"empty","source":{"file":)"
            R"("a \"b\"\u000a\\\u00c3.log","line":9},"size":0,"bytes":""})"
            "\n");
  EXPECT_THAT(file->counts().by_reason, ElementsAre(Pair("empty", 1), Pair("not JSON", 1)));
}

TEST_F(DeadLetterTest, AtCapacityTheOldestFileGoesAndIsCounted) {
  constexpr size_t kCapacity = 8192;
  const auto file = Open(kCapacity);
  const std::string bytes(300, 'x');
  constexpr uint64_t kLetters = 200;
  for (uint64_t i = 0; i < kLetters; ++i) {
    file->Append({.reason = "r",
                  .address = {.source = "t", .partition = 0, .offset = int64_t(i)},
                  .bytes = bytes});
  }
  EXPECT_EQ(Names().size(), 2u);
  EXPECT_LE(AllBytes().size(), kCapacity);
  const DeadLetterCounts counts = file->counts();
  EXPECT_GT(counts.rotated_away, 0u);
  EXPECT_EQ(counts.rotated_away + Lines(), kLetters);
  EXPECT_EQ(counts.by_reason.at("r"), kLetters);
  EXPECT_EQ(counts.write_errors, 0u);
  EXPECT_THAT(AllBytes(), HasSubstr("\"offset\":199,"));  // the newest are the ones that stay
}

TEST_F(DeadLetterTest, ALetterLargerThanItsShareIsCutAndSaysSo) {
  const auto file = Open(8192);
  file->Append({.reason = "huge", .bytes = std::string(2 << 20, 'x')});
  EXPECT_LE(AllBytes().size(), 4096u);
  EXPECT_THAT(AllBytes(), HasSubstr("\"size\":2097152,"));
  EXPECT_EQ(file->counts().truncated, 1u);
}

TEST_F(DeadLetterTest, GoesOnWhereAnEarlierProcessStopped) {
  Open()->Append({.reason = "a"});
  {
    // It was killed in the middle of a line.
    std::ofstream(dir_ + "/dead-letters/000001.ndjson", std::ios::app) << "{\"torn";
    std::ofstream(dir_ + "/dead-letters/README") << "not ours";
  }
  const auto file = Open();
  file->Append({.reason = "b"});
  EXPECT_THAT(Names(), ElementsAre("000001.ndjson", "README"));
  const std::string bytes = Bytes("000001.ndjson");
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), 3);
  EXPECT_THAT(bytes, HasSubstr("{\"torn\n{\"time\""));
}

TEST_F(DeadLetterTest, CountsWhatEarlierProcessesWroteWhenItGoes) {
  uint64_t written = 0;
  for (int i = 0; i < 20; ++i) {
    const auto file = Open(4096);
    file->Append({.reason = "a", .bytes = std::string(400, 'x')});
    ++written;
    ASSERT_LE(AllBytes().size(), 4096u);
  }
  // Each process counts only what went while it ran; the numbers on the files tell that they
  // rotated.
  EXPECT_EQ(Names().size(), 2u);
  EXPECT_NE(Names().front(), "000001.ndjson");
  const auto file = Open(4096);
  const size_t before = Lines();
  while (file->counts().rotated_away == 0) file->Append({.reason = "b"});
  EXPECT_EQ(file->counts().rotated_away + Lines(), before + file->counts().by_reason.at("b"));
}

TEST_F(DeadLetterTest, AWriteThatFailsIsCountedAndTriedAgain) {
  const auto file = Open();
  fs::remove_all(dir_ + "/dead-letters");
  file->Append({.reason = "a"});
  EXPECT_EQ(file->counts().write_errors, 1u);
  EXPECT_THAT(file->counts().last_error, HasSubstr("000001.ndjson"));
  fs::create_directory(dir_ + "/dead-letters");
  file->Append({.reason = "a"});
  EXPECT_EQ(file->counts().write_errors, 1u);
  EXPECT_EQ(Lines(), 1u);
  EXPECT_EQ(file->counts().by_reason.at("a"), 2u);
}

TEST_F(DeadLetterTest, RefusesADirectoryItCannotHave) {
  std::ofstream(dir_ + "/file") << "x";
  EXPECT_EQ(DeadLetterFile::Open({.dir = dir_ + "/file/sub"}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(DeadLetterFile::Open({.dir = ""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DeadLetterFile::Open({.dir = dir_, .capacity_bytes = 1}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DeadLetterTest, ReasonsAreBounded) {
  const auto file = Open();
  for (int i = 0; i < 1000; ++i) file->Append({.reason = std::to_string(i)});
  const DeadLetterCounts counts = file->counts();
  EXPECT_EQ(counts.by_reason.size(), 65u);
  EXPECT_EQ(counts.by_reason.at("other"), 1000u - 64u);
}

TEST_F(DeadLetterTest, HammeredFromThreadsLosesNoLineAndTearsNone) {
  const auto file = Open(64 << 10);
  constexpr int kThreads = 4;
  constexpr int kLetters = 500;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const std::string bytes(static_cast<size_t>(50 * (t + 1)), static_cast<char>('a' + t));
        for (int i = 0; i < kLetters; ++i) {
          file->Append({.reason = t % 2 == 0 ? "even" : "odd", .bytes = bytes});
          if (i % 100 == 0) (void)file->counts();
        }
      });
    }
  }
  const DeadLetterCounts counts = file->counts();
  EXPECT_THAT(counts.by_reason, ElementsAre(Pair("even", 1000), Pair("odd", 1000)));
  EXPECT_EQ(counts.rotated_away + Lines(), uint64_t{kThreads * kLetters});
  const std::string all = AllBytes();
  for (size_t at = 0, end; at < all.size(); at = end + 1) {
    end = all.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const std::string line = all.substr(at, end - at);
    ASSERT_TRUE(line.starts_with("{\"time\":") && line.ends_with("\"}")) << line;
  }
}

}  // namespace
}  // namespace tocsin::ingest
