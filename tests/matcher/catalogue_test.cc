// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"
#include "matcher/self_test.h"

// The tree's own catalogue keeps what it promises.
namespace tocsin::matcher {
namespace {

TEST(SignaturesTest, LoadAndKeepTheirPromises) {
  auto catalogue = LoadCatalogue("signatures");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  ASSERT_FALSE((*catalogue)->signatures().empty());
  auto patterns = PatternSet::Compile(**catalogue);
  ASSERT_TRUE(patterns.ok()) << patterns.status();
  for (const SelfTestFailure& failure : RunSelfTest(**patterns)) {
    ADD_FAILURE() << "signatures/" << ToString(failure);
  }
}

TEST(SignaturesTest, LintIsSilent) {
  for (const LintIssue& issue : Lint("signatures")) {
    ADD_FAILURE() << "signatures/" << ToString(issue);
  }
}

}  // namespace
}  // namespace tocsin::matcher
