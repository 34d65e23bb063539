// SPDX-License-Identifier: Apache-2.0
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

// Regexes are compiled by whichever thread hits them first: both must see the same captures.
TEST(PatternSetThreadsTest, TwoTaggersShareOneSet) {
  std::string yaml;
  for (int i = 0; i < 50; ++i) {
    std::string n = std::to_string(i);
    yaml += "- {id: s" + n + ", match: ['needle" + n + " (?<x>\\w+)']}\n";
  }
  for (int round = 0; round < 5; ++round) {
    Matcher m(yaml);
    std::latch start(2);
    std::array<std::vector<std::string>, 2> found;
    {
      std::vector<std::jthread> threads;
      for (auto& into : found) {
        threads.emplace_back([&] {
          Tagger tagger(*m.patterns);
          start.arrive_and_wait();
          for (int i = 0; i < 50; ++i) {
            std::string line = "needle" + std::to_string(i) + " abc";
            Record record;
            record.text = line;
            tagger.Tag(record, [&](const Finding& f) {
              into.push_back(f.signature->id + std::string(f.captures.at(0).value));
            });
          }
        });
      }
    }
    EXPECT_EQ(found[0].size(), 50u);
    EXPECT_EQ(found[0], found[1]);
  }
}

}  // namespace
}  // namespace tocsin::matcher
