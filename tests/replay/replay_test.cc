// SPDX-License-Identifier: Apache-2.0
//
// Every *.case file of this directory is a test: its lines go through the same pipeline and
// catalogue as `tocsin scan` runs, and the incidents must be those that the file promises.
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "matcher/catalogue_loader.h"
#include "pipeline/scan.h"
#include "tests/replay/case_file.h"

namespace tocsin::replay {
namespace {

namespace fs = std::filesystem;

const matcher::PatternSet& ThePatterns() {
  static const auto& catalogue =
      *new absl::StatusOr<std::unique_ptr<const Catalogue>>(matcher::LoadCatalogue("signatures"));
  TOCSIN_CHECK(catalogue.ok());
  static const auto& patterns = *new absl::StatusOr<std::unique_ptr<const matcher::PatternSet>>(
      matcher::PatternSet::Compile(**catalogue));
  TOCSIN_CHECK(patterns.ok());
  return **patterns;
}

void Write(const std::string& path, const std::string& content, Time modified) {
  std::ofstream(path, std::ios::binary) << content;
  timespec time = {ToNanos(modified) / 1'000'000'000, 0};
  timespec times[2] = {time, time};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class ReplayTest : public testing::Test {
 public:
  explicit ReplayTest(std::string path) : path_(std::move(path)) {
    dir_ = testing::TempDir() + "/tocsin-replay-XXXXXX";
    ::mkdtemp(dir_.data());
  }
  ~ReplayTest() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }

  void TestBody() override {
    Case story;
    ASSERT_EQ(ReadCase(path_, story), "") << path_;
    pipeline::ScanOptions options;
    options.files.clear();
    for (const auto& [name, content] : story.files) {
      options.files.push_back(dir_ + "/" + name);
      fs::create_directories(fs::path(options.files.back()).parent_path());
      ASSERT_NO_FATAL_FAILURE(Write(options.files.back(), content, story.now));
    }
    std::optional<ingest::Format> format = ingest::FormatFromName(story.input);
    ASSERT_TRUE(format) << path_ << ": unknown input " << story.input;
    options.complete = story.complete;
    options.decode.format = *format;
    options.decode.cluster = story.cluster;
    options.decode.node = story.node;

    const pipeline::ScanResult scanned = pipeline::Scan(ThePatterns(), options);
    EXPECT_TRUE(scanned.stats.unreadable.empty());
    EXPECT_EQ(scanned.stats.bad, story.bad) << path_ << ": records that can not be read";

    std::string differences, found;
    for (size_t i = 0; i < scanned.incidents.size(); ++i) {
      std::map<std::string, std::string> actual = Describe(scanned.incidents[i]);
      found += ToYaml(actual);
      if (i >= story.incidents.size()) continue;
      for (const auto& [key, value] : story.incidents[i]) {
        if (actual[key] == value) continue;
        differences +=
            fmt::format("incident {}, {}:\n  - {}\n  + {}\n", i + 1, key, value, actual[key]);
      }
    }
    if (scanned.incidents.size() != story.incidents.size()) {
      differences += fmt::format("expected {} incidents, found {}\n", story.incidents.size(),
                                 scanned.incidents.size());
    }
    EXPECT_EQ(differences, "") << path_ << ": " << story.title << "\nfound:\n"
                               << (found.empty() ? "[]\n" : found);
  }

 private:
  const std::string path_;
  std::string dir_;
};

}  // namespace
}  // namespace tocsin::replay

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::set<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator("tests/replay")) {
    if (entry.path().extension() == ".case") paths.insert(entry.path().string());
  }
  if (paths.empty()) {
    std::fprintf(stderr, "no *.case in tests/replay: run from the root of the tree\n");
    return 1;
  }
  for (const std::string& path : paths) {
    std::string name = std::filesystem::path(path).stem().string();
    std::replace(name.begin(), name.end(), '-', '_');
    testing::RegisterTest(
        "ReplayTest", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
        [path]() -> testing::Test* { return new tocsin::replay::ReplayTest(path); });
  }
  return RUN_ALL_TESTS();
}
