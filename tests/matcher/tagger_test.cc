// SPDX-License-Identifier: Apache-2.0
#include "matcher/tagger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(TaggerTest, MatchesAnyPatternWithTheCapturesOfTheFirst) {
  Matcher m(R"(
- id: a
  streams: [kernel]
  match: ['second (?<x>\w+)', '(?<y>\w+) first', 'plain']
)");
  EXPECT_THAT(m.Tag("one first", Stream::kKernel), ElementsAre("a node/n1 y=one"));
  EXPECT_THAT(m.Tag("one first second two", Stream::kKernel), ElementsAre("a node/n1 x=two"));
  EXPECT_THAT(m.Tag("plain", Stream::kKernel), ElementsAre("a node/n1"));
  EXPECT_THAT(m.Tag("Plain", Stream::kKernel), IsEmpty());
}

TEST(TaggerTest, StreamsAreAskedExceptOfText) {
  Matcher m("[{id: a, streams: [kernel, kubelet], match: ['oops']}, {id: b, match: ['oops']}]");
  EXPECT_THAT(m.Tag("oops", Stream::kKernel), ElementsAre("a node/n1", "b node/n1"));
  EXPECT_THAT(m.Tag("oops", Stream::kAudit), ElementsAre("b node/n1"));
  EXPECT_THAT(m.Tag("oops", Stream::kText), ElementsAre("a node/n1", "b node/n1"));
}

TEST(TaggerTest, UnlessTakesBack) {
  Matcher m("[{id: a, match: ['oops'], unless: ['(?i)just kidding', 'test']}]");
  EXPECT_THAT(m.Tag("oops"), SizeIs(1));
  EXPECT_THAT(m.Tag("oops, JUST KIDDING"), IsEmpty());
  EXPECT_THAT(m.Tag("test oops"), IsEmpty());
  EXPECT_THAT(m.Tag("test"), IsEmpty());
}

TEST(TaggerTest, TheMostSpecificOfAChainIsLeft) {
  Matcher m(R"(
- {id: wide, match: ['killed'], aliases: [broad]}
- {id: middle, match: ['killed process'], refines: [broad]}
- {id: narrow, match: ['killed process \d+'], refines: [middle]}
- {id: other, match: ['killed'], streams: [kernel]}
)");
  EXPECT_THAT(m.Tag("killed", Stream::kKubelet), ElementsAre("wide node/n1"));
  EXPECT_THAT(m.Tag("killed process x", Stream::kKubelet), ElementsAre("middle node/n1"));
  EXPECT_THAT(m.Tag("killed process 1", Stream::kKubelet), ElementsAre("narrow node/n1"));
  EXPECT_THAT(m.Tag("killed process 1", Stream::kKernel),
              ElementsAre("narrow node/n1", "other node/n1"));
}

TEST(TaggerTest, WhatUnlessTookBackRefinesNothing) {
  Matcher m(
      "[{id: wide, match: ['x1']}, {id: narrow, match: ['x1 y'], unless: ['z'], refines: [wide]}]");
  EXPECT_THAT(m.Tag("x1 y"), ElementsAre("narrow node/n1"));
  EXPECT_THAT(m.Tag("x1 y z"), ElementsAre("wide node/n1"));
}

TEST(TaggerTest, GenericYieldsToWhatSaysMore) {
  Matcher m(
      "[{id: wrapper, generic: true, match: ['failed to start']},"
      " {id: outer, generic: true, match: ['task']},"
      " {id: tag, severity: info, match: ['tagged']},"
      " {id: beside, requires_near: {id: cause}, match: ['beside']},"
      " {id: cause, match: ['no space'], unless: ['healed']}]");
  EXPECT_THAT(m.Tag("failed to start task"), ElementsAre("outer node/n1", "wrapper node/n1"));
  EXPECT_THAT(m.Tag("failed to start task: no space"), ElementsAre("cause node/n1"));
  EXPECT_THAT(m.Tag("failed to start: tagged"), ElementsAre("tag node/n1", "wrapper node/n1"));
  EXPECT_THAT(m.Tag("failed to start: beside"), ElementsAre("beside node/n1", "wrapper node/n1"));
  EXPECT_THAT(m.Tag("failed to start: no space healed"), ElementsAre("wrapper node/n1"));
}

TEST(TaggerTest, EachGivesOneFindingPerMatch) {
  Matcher m(R"(
- id: a
  each: true
  match: ['(?<count>\d+) Insufficient (?<resource>[a-z]+)', '(?<count>\d+) node\(s\) had (?<taint>\w+)']
)");
  EXPECT_THAT(m.Tag("0/6: 3 Insufficient cpu, 1 node(s) had taint, 2 Insufficient memory."),
              ElementsAre("a node/n1 count=3 resource=cpu", "a node/n1 count=1 taint=taint",
                          "a node/n1 count=2 resource=memory"));
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "1 Insufficient cpu ";
  EXPECT_THAT(m.Tag(many), SizeIs(1000));
}

TEST(TaggerTest, EachDoesNotOverlap) {
  Matcher m("[{id: a, each: true, match: ['(?<x>aba)', '(?<y>ab)', '(?<z>ba)']}]");
  EXPECT_THAT(m.Tag("ababa"), ElementsAre("a node/n1 x=aba", "a node/n1 z=ba"));
}

TEST(TaggerTest, OneTrailingNewlineIsNotMatched) {
  Matcher m(R"([{id: a, match: ['(?<x>\w+) done$']}, {id: b, match: ['done\n']}])");
  EXPECT_THAT(m.Tag("well done"), ElementsAre("a node/n1 x=well"));
  EXPECT_THAT(m.Tag("well done\n"), ElementsAre("a node/n1 x=well"));
  // Both engines let one newline stand behind the end.
  EXPECT_THAT(m.Tag("well done\n\n"), ElementsAre("a node/n1 x=well", "b node/n1"));
  EXPECT_THAT(m.Tag("well done\n\n\n"), ElementsAre("b node/n1"));
}

TEST(TaggerTest, ALineCanHaveSeveralLines) {
  Matcher m(R"([{id: a, match: ['first.*(?<x>second)']}])");
  EXPECT_THAT(m.Tag("first\n at x\nsecond"), ElementsAre("a node/n1 x=second"));
}

TEST(TaggerTest, HostileTexts) {
  Matcher m(R"([{id: a, match: ['needle (?<x>\S+)']}, {id: b, match: ['内存不足']}])");
  EXPECT_THAT(m.Tag(""), IsEmpty());
  EXPECT_THAT(m.Tag(std::string_view()), IsEmpty());
  EXPECT_THAT(m.Tag("\n"), IsEmpty());
  using namespace std::string_view_literals;
  EXPECT_THAT(m.Tag("\0\0needle \0x\0"sv), ElementsAre(std::string("a node/n1 x=\0x\0", 15)));
  EXPECT_THAT(m.Tag("\xFF\xFEneedle \xC3(\x80"), ElementsAre("a node/n1 x=\xC3(\x80"));
  EXPECT_THAT(m.Tag("节点内存不足"), ElementsAre("b node/n1"));
  EXPECT_THAT(m.Tag("\xE8内存不足\xE8"), ElementsAre("b node/n1"));
  std::string huge(1 << 20, 'n');
  EXPECT_THAT(m.Tag(huge), IsEmpty());
  huge += "needle x";
  EXPECT_THAT(m.Tag(huge), ElementsAre("a node/n1 x=x"));
}

TEST(TaggerTest, AnEmptyCatalogueMatchesNothing) {
  Catalogue catalogue({}, "");
  auto patterns = PatternSet::Compile(catalogue);
  ASSERT_TRUE(patterns.ok());
  Tagger tagger(**patterns);
  Record record;
  record.text = "x";
  tagger.Tag(record, [](const Finding&) { ADD_FAILURE(); });
}

TEST(TaggerTest, APatternNobodyCheckedIsRefusedByName) {
  Signature signature;
  signature.id = "a";
  signature.file = "by-hand.yaml";
  signature.line = 7;
  signature.match = {"good", "bad ("};
  Catalogue catalogue({signature}, "");
  auto patterns = PatternSet::Compile(catalogue);
  EXPECT_EQ(patterns.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(patterns.status()),
              testing::StartsWith("by-hand.yaml:7: a: pattern 'bad (': Hyperscan refuses it ("));
}

}  // namespace
}  // namespace tocsin::matcher
