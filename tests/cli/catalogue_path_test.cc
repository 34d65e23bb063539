// SPDX-License-Identifier: Apache-2.0
#include "cli/catalogue_path.h"

#include <filesystem>
#include <stdlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

namespace fs = std::filesystem;

class CataloguePathTest : public testing::Test {
 protected:
  CataloguePathTest() {
    std::string pattern = testing::TempDir() + "/catalogue-XXXXXX";
    root_ = fs::canonical(mkdtemp(pattern.data()));
  }
  ~CataloguePathTest() override { fs::remove_all(root_); }
  std::string Make(const std::string& directory) {
    fs::create_directories(root_ / directory);
    return (root_ / directory).string();
  }
  fs::path root_;
};

TEST_F(CataloguePathTest, TheOptionThenTheEnvironmentThenWhatStandsBesideTheProgram) {
  std::string bin = Make("build/release");
  std::string in_tree = Make("signatures");
  EXPECT_EQ(CataloguePath("option", "environment", bin).value(), "option");
  EXPECT_EQ(CataloguePath("", "environment", bin).value(), "environment");
  EXPECT_EQ(CataloguePath("", nullptr, bin).value(), in_tree);
  EXPECT_EQ(CataloguePath("", "", bin).value(), in_tree);
}

TEST_F(CataloguePathTest, FindsTheInstalledOne) {
  std::string bin = Make("usr/bin");
  std::string installed = Make("usr/share/tocsin/signatures");
  EXPECT_EQ(CataloguePath("", nullptr, bin).value(), installed);
}

TEST_F(CataloguePathTest, SaysWhatToDoWhenThereIsNone) {
  for (const std::string& directory : {Make("x/y/z"), std::string()}) {
    absl::StatusOr<std::string> path = CataloguePath("", nullptr, directory);
    ASSERT_FALSE(path.ok());
    EXPECT_THAT(Message(path.status()), testing::HasSubstr("--signatures DIR"));
  }
}

}  // namespace
}  // namespace tocsin::cli
