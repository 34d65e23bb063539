// SPDX-License-Identifier: Apache-2.0
#include "matcher/explain.h"

#include <gtest/gtest.h>

#include "matcher/self_test.h"
#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

constexpr const char* kYaml = R"(
- {id: oom, streams: [kernel], match: ['Out of memory: Killed process (?<pid>\d+)'], refines: [killed]}
- {id: killed, match: ['Killed process']}
- {id: taken-back, match: ['memory'], unless: ['java']}
- {id: elsewhere, streams: [helm], match: ['Out of memory']}
- {id: near, match: ['(?i)KILLED PROCESS [a-z]+ by hand']}
- {id: far, match: ['neighbour table overflow']}
)";

TEST(ExplainTest, SaysWhatMatchedWhatWasRemovedAndWhatAlmostDid) {
  Matcher m(kYaml);
  Record record;
  record.stream = Stream::kKernel;
  record.node = "n1";
  record.text = "Out of memory: Killed process 42 (java)\n";
  Explanation why = Explain(*m.patterns, record);
  ASSERT_EQ(why.matches.size(), 1u);
  EXPECT_EQ(why.matches[0].signature->id, "oom");
  EXPECT_EQ(why.matches[0].captures.at(0), std::pair(std::string("pid"), std::string("42")));
  EXPECT_EQ(ToString(why.matches[0].entity), "node/n1");
  ASSERT_EQ(why.removed.size(), 3u);
  EXPECT_EQ(why.removed[0].signature->id, "elsewhere");
  EXPECT_EQ(why.removed[0].reason, "holds for helm, and the line is of stream kernel");
  EXPECT_EQ(why.removed[1].signature->id, "killed");
  EXPECT_EQ(why.removed[1].reason, "refined by oom");
  EXPECT_EQ(why.removed[2].signature->id, "taken-back");
  EXPECT_EQ(why.removed[2].reason, "also matches unless 'java'");
  ASSERT_EQ(why.near_misses.size(), 1u);
  EXPECT_EQ(why.near_misses[0].signature->id, "near");
  EXPECT_EQ(why.near_misses[0].literal, "killed process ");
}

TEST(ExplainTest, AnOrdinaryLineHasNothingToExplain) {
  Matcher m(kYaml);
  Record record;
  record.text = "all is well";
  Explanation why = Explain(*m.patterns, record);
  EXPECT_TRUE(why.matches.empty() && why.removed.empty() && why.near_misses.empty());
}

TEST(SelfTestTest, FindsEveryBrokenPromise) {
  Matcher m(R"(
- id: good
  streams: [kernel]
  match: ['good (?<x>\w+)']
  examples: ['good one', {text: 'good two', captures: {x: two}}]
  counterexamples: ['bad', {text: 'goodness'}]
- id: bad
  match: ['bad (?<x>\w+)', 'worse']
  unless: ['not']
  examples:
    - 'bad not'
    - 'nothing'
    - {text: 'bad one', captures: {x: two}}
    - {text: 'worse', captures: {x: two}}
  counterexamples: ['bad again']
)");
  std::vector<std::string> failures;
  for (const SelfTestFailure& failure : RunSelfTest(*m.patterns))
    failures.push_back(ToString(failure));
  EXPECT_EQ(
      failures,
      (std::vector<std::string>{
          "test.yaml:11: bad: example does not match (also matches unless 'not') in stream text: "
          "'bad not'",
          "test.yaml:12: bad: example does not match in stream text: 'nothing'",
          "test.yaml:13: bad: example takes capture 'x' as 'one', not 'two' in stream text: 'bad "
          "one'",
          "test.yaml:14: bad: example takes no capture 'x' in stream text: 'worse'",
          "test.yaml:15: bad: counterexample matches in stream text: 'bad again'"}));
}

}  // namespace
}  // namespace tocsin::matcher
