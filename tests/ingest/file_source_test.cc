// SPDX-License-Identifier: Apache-2.0
#include "ingest/file_source.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "tests/ingest/collected.h"

namespace tocsin::ingest {
namespace {

class FileSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/file_source_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Write(const std::string& name, std::string_view bytes) const {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  FileProgress Read(const std::string& path, const FileOptions& options = {}) {
    out_ = {};
    Decoder decoder({.format = Format::kText});
    const auto progress = ReadFile(path, options, decoder, out_);
    EXPECT_TRUE(progress.ok()) << progress.status();
    return progress.ok() ? *progress : FileProgress{};
  }

  std::string dir_;
  Collector out_;
};

TEST_F(FileSourceTest, LinesCountFromOneAndLoseTheirEnds) {
  const FileProgress progress = Read(Write("f", "one\r\n\n  \ntwo \nlast"));
  ASSERT_EQ(out_.records.size(), 3u);
  EXPECT_EQ(out_.records[0].text, "one");
  EXPECT_EQ(out_.records[0].offset, 1);
  EXPECT_EQ(out_.records[1].text, "two ");
  EXPECT_EQ(out_.records[1].offset, 4);
  EXPECT_EQ(out_.records[2].text, "last");
  EXPECT_EQ(out_.records[2].offset, 5);
  EXPECT_EQ(progress.lines, 5);
  EXPECT_EQ(progress.blank_lines, 2);
  EXPECT_EQ(progress.bytes, 18);
  EXPECT_EQ(progress.size_bytes, 18);
}

TEST_F(FileSourceTest, AnOverlongLineIsCountedAndTheNextIsIntact) {
  for (const size_t block : {size_t{3}, size_t{64}, size_t{4096}}) {
    SCOPED_TRACE(block);
    const FileProgress progress =
        Read(Write("f", "a\n" + std::string(5000, 'x') + "\nb\n" + std::string(101, 'y')),
             {.max_line_bytes = 100, .block_bytes = block});
    ASSERT_EQ(out_.records.size(), 2u);
    EXPECT_EQ(out_.records[1].text, "b");
    EXPECT_EQ(out_.records[1].offset, 3);
    ASSERT_EQ(out_.bad.size(), 2u);
    EXPECT_EQ(out_.bad[0].reason, "too-large");
    EXPECT_EQ(out_.bad[0].offset, 2);
    EXPECT_EQ(out_.bad[1].offset, 4);
    EXPECT_EQ(progress.long_lines, 2);
  }
}

// Against the obvious: split the whole file in memory.
TEST_F(FileSourceTest, AnyBlockSizeGivesTheSameLines) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 30; ++round) {
    std::string bytes;
    std::vector<std::string> want;
    std::vector<int64_t> want_line;
    const int lines = static_cast<int>(random() % 40);
    for (int i = 1; i <= lines; ++i) {
      std::string line;
      const size_t length = random() % 5 == 0 ? 0 : random() % 60;
      for (size_t c = 0; c < length; ++c) line += static_cast<char>('a' + random() % 26);
      bytes += line + (random() % 4 == 0 ? "\r\n" : "\n");
      if (line.empty()) continue;
      if (line.size() <= 40) want.push_back(line), want_line.push_back(i);
    }
    const std::string path = Write("f", bytes);
    Read(path, {.max_line_bytes = 40, .block_bytes = 1 + random() % 100});
    ASSERT_EQ(out_.records.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(out_.records[i].text, want[i]);
      EXPECT_EQ(out_.records[i].offset, want_line[i]);
    }
  }
}

TEST_F(FileSourceTest, RefusesWhatIsNoFile) {
  Decoder decoder({});
  EXPECT_EQ(ReadFile(dir_, {}, decoder, out_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(dir_ + "/none", {}, decoder, out_).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(out_.records.empty());
}

TEST_F(FileSourceTest, ProgressCanStop) {
  const std::string path = Write("f", "a\nb\nc\nd\n");
  Decoder decoder({});
  int calls = 0;
  const auto progress =
      ReadFile(path, {.block_bytes = 2}, decoder, out_, [&](const FileProgress& p) {
        EXPECT_EQ(p.lines, ++calls);
        return calls < 2;
      });
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(out_.records.size(), 2u);
}

}  // namespace
}  // namespace tocsin::ingest
