// SPDX-License-Identifier: Apache-2.0
#include "matcher/pattern_cache.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"

namespace tocsin::matcher {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class PatternCacheTest : public testing::Test {
 protected:
  PatternCacheTest() {
    std::string dir = testing::TempDir() + "/tocsin-cache-XXXXXX";
    root_ = ::mkdtemp(dir.data());
    cache_ = PatternCache(root_ + "/deep/down");
  }
  ~PatternCacheTest() override { fs::remove_all(root_); }

  // "-": nothing
  std::string Read(uint64_t key) {
    std::string content = "-";
    cache_.Read("kind", key, [&](std::string_view bytes) {
      content = bytes;
      return true;
    });
    return content;
  }
  std::vector<fs::path> Files() {
    std::vector<fs::path> files;
    if (!fs::exists(root_ + "/deep/down")) return files;
    for (const auto& entry : fs::directory_iterator(root_ + "/deep/down")) files.push_back(entry);
    return files;
  }

  std::string root_;
  PatternCache cache_;
};

TEST_F(PatternCacheTest, GivesBackWhatWasKept) {
  EXPECT_EQ(Read(1), "-");
  std::string bytes("\0two\n\xff", 6);
  cache_.Write("kind", 1, bytes);
  cache_.Write("kind", 2, "");
  EXPECT_EQ(Read(1), bytes);
  EXPECT_EQ(Read(2), "");
  EXPECT_EQ(Read(3), "-");
  EXPECT_FALSE(cache_.Read("kind", 1, [](std::string_view) { return false; }));
}

TEST_F(PatternCacheTest, DoesNotBelieveWhatWasCutOrChanged) {
  cache_.Write("kind", 1, "content");
  ASSERT_EQ(Files().size(), 1u);
  const fs::path file = Files()[0];
  const auto size = fs::file_size(file);
  for (uintmax_t cut = 0; cut < size; ++cut) {
    fs::resize_file(file, cut);
    EXPECT_EQ(Read(1), "-") << cut;
    cache_.Write("kind", 1, "content");
  }
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end)
      << 'X';
  EXPECT_EQ(Read(1), "-");
}

TEST_F(PatternCacheTest, KeepsTheNewestFew) {
  for (uint64_t key = 1; key <= 9; ++key) {
    cache_.Write("kind", key, "x");
    for (const fs::path& file : Files()) {
      fs::last_write_time(file, fs::last_write_time(file) - std::chrono::hours(1));
    }
  }
  cache_.Write("other", 1, "x");
  EXPECT_EQ(Files().size(), 5u);
  EXPECT_EQ(Read(9), "x");
  EXPECT_EQ(Read(5), "-");
}

TEST_F(PatternCacheTest, IsNoErrorWhereNothingCanBeWritten) {
  std::ofstream(root_ + "/file") << "in the way";
  for (const PatternCache& cache : {PatternCache(root_ + "/file/dir"), PatternCache()}) {
    cache.Write("kind", 1, "x");
    EXPECT_FALSE(cache.Read("kind", 1, [](std::string_view) { return true; }));
  }
}

// A database from the cache finds what a fresh one finds, and one that is damaged is made again.
TEST_F(PatternCacheTest, CompiledPatternsComeBack) {
  auto catalogue = LoadCatalogueFromText(
      {{"a.yaml", "[{id: a, match: ['disk .* full', 'x{3}']}, {id: b, match: ['(?i)FULL']}]"}}, {},
      cache_);
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  auto hits = [&] {
    auto set = PatternSet::Compile(**catalogue, cache_);
    EXPECT_TRUE(set.ok()) << set.status();
    return Scanner(**set).Scan("disk 7 is full, xxx", kAllStreams);
  };
  EXPECT_THAT(hits(), ElementsAre(0, 1, 2));
  ASSERT_EQ(Files().size(), 2u);  // that it was checked, and the database
  EXPECT_THAT(hits(), ElementsAre(0, 1, 2));
  for (const fs::path& file : Files()) fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THAT(hits(), ElementsAre(0, 1, 2));
}

// What a cache says of one catalogue says nothing of another.
TEST_F(PatternCacheTest, AnotherCatalogueIsCheckedAgain) {
  auto load = [&](const char* pattern) {
    return LoadCatalogueFromText({{"a.yaml", std::string("[{id: a, match: ['") + pattern + "']}]"}},
                                 {}, cache_)
        .ok();
  };
  EXPECT_TRUE(load("good"));
  EXPECT_FALSE(load("ba(d"));
  EXPECT_FALSE(load("ba(d"));
  EXPECT_TRUE(load("good"));
}

}  // namespace
}  // namespace tocsin::matcher
