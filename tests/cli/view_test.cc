// SPDX-License-Identifier: Apache-2.0
// How answers look: widths, wrapping, and text that must not reach a terminal as it is.
#include <random>

#include "cli/incident_view.h"
#include "cli/json.h"
#include "cli/text.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::cli {
namespace {

TEST(TextTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("邻居表"), 6u);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1u) << "a combining accent takes none";
  EXPECT_EQ(DisplayWidth("└─ …"), 4u);
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2u);
}

TEST(TextTest, NothingALineHoldsCanSteerTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "C1 controls are escapes, too";
  EXPECT_EQ(Printable("a\xe2\x80\xae"
                      "b"),
            "a\\u202eb")
      << "right-to-left override";
  EXPECT_EQ(Printable("\xff"
                      "ok\xe4\xb8"),
            "\\xffok\\xe4\\xb8");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(Printable("\xc0\x80"), "\\xc0\\x80") << "an overlong NUL";
  EXPECT_EQ(Printable("邻居 ok"), "邻居 ok");
}

TEST(TextTest, CutsAtColumns) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 5), "abcd…");
  EXPECT_EQ(Cut("邻居表满", 5), "邻居…");
  EXPECT_EQ(Cut("邻居表满", 4), "邻…");
  EXPECT_EQ(Cut("abc", 0), "");
  EXPECT_EQ(Pad("邻", 4), "邻  ");
  EXPECT_EQ(PadLeft("7", 3), "  7");
}

TEST(TextTest, WrapsAtSpacesAndBetweenWideCharacters) {
  EXPECT_EQ(Wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(Wrap("one\ntwo", 80), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(Wrap("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(Wrap("节点的邻居", 4), (std::vector<std::string>{"节点", "的邻", "居"}));
  EXPECT_EQ(Wrap("", 10), (std::vector<std::string>{""}));
}

TEST(TextTest, WrapAndCutKeepTheirWidthOnAnyBytes) {
  const unsigned seed = 20240520;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string pieces[] = {"a", " ", "word", "邻", "\xff", "e\xcc\x81", "…", "\n"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t i = random() % 30; i > 0; --i) text += pieces[random() % std::size(pieces)];
    size_t width = 2 + random() % 20;
    std::string kept, want;
    for (const std::string& line : Wrap(text, width)) {
      ASSERT_LE(DisplayWidth(line), width) << text;
      kept += line;
    }
    ASSERT_LE(DisplayWidth(Cut(text, width)), width) << text;
    for (char c : text) want += c == ' ' || c == '\n' ? "" : std::string(1, c);
    std::erase(kept, ' ');
    ASSERT_EQ(kept, want) << "no character is lost";
  }
}

TEST(TextTest, SaysAgesAndNumbersShortly) {
  EXPECT_EQ(Age(seconds(0)), "0s");
  EXPECT_EQ(Age(seconds(-5)), "0s");
  EXPECT_EQ(Age(seconds(59)), "59s");
  EXPECT_EQ(Age(seconds(90)), "1m30s");
  EXPECT_EQ(Age(seconds(1200)), "20m");
  EXPECT_EQ(Age(seconds(12000)), "3h20m");
  EXPECT_EQ(Age(seconds(86400 * 2 + 3600)), "2d1h");
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
  EXPECT_EQ(Plural(1, "line"), "1 line");
  EXPECT_EQ(Plural(2000, "line"), "2,000 lines");
  EXPECT_EQ(Bytes(1536), "1.5 KiB");
}

TEST(JsonWriterTest, IsAlwaysJson) {
  JsonWriter json;
  json.BeginObject().Text("a", std::string_view("\"\\\n\0\xff", 5)).Number("n", -1);
  json.BeginArray("list").Text("", "x").Text("", "y").EndArray().Bool("b", true).EndObject();
  EXPECT_EQ(
      json.str(),
      "{\"a\":\"\\\"\\\\\\n\\u0000\xef\xbf\xbd\",\"n\":-1,\"list\":[\"x\",\"y\"],\"b\":true}");
}

TEST(IncidentViewTest, PrefixesAreLongEnoughToTellIdsApart) {
  std::vector<v1::Incident> incidents(3);
  incidents[0].set_name("clusters/c/incidents/0123456789abcdef");
  incidents[1].set_name("clusters/c/incidents/0123456789ff0000");
  incidents[2].set_name("clusters/d/incidents/ffff");
  EXPECT_EQ(UniquePrefix({}), 8u);
  EXPECT_EQ(UniquePrefix(incidents), 11u);
}

TEST(IncidentViewTest, SaysWhereInFewWords) {
  v1::Incident incident;
  incident.mutable_root_cause()->mutable_entity()->set_kind("node");
  incident.mutable_root_cause()->mutable_entity()->set_name("node-a");
  incident.add_nodes("node-a");
  EXPECT_EQ(Where(incident), "node-a");
  incident.set_node_total(3);
  EXPECT_EQ(Where(incident), "3 nodes");
  incident.mutable_root_cause()->mutable_entity()->set_kind("registry");
  incident.mutable_root_cause()->mutable_entity()->set_name("reg.example.com");
  EXPECT_EQ(Where(incident), "registry reg.example.com, 3 nodes");
  EXPECT_EQ(Where(v1::Incident()), "");
}

// Problems that name one another as causes in a circle, themselves, and strangers.
TEST(IncidentViewTest, AStoryEndsWhateverTheCausesSay) {
  v1::Incident incident;
  for (const char* id : {"a", "b", "c"}) {
    v1::Problem* problem = incident.add_problems();
    problem->set_signature(id);
    problem->mutable_entity()->set_kind("node");
    problem->mutable_entity()->set_name("n");
  }
  incident.mutable_problems(0)->add_caused_by("b@node/n");
  incident.mutable_problems(1)->add_caused_by("a@node/n");
  incident.mutable_problems(2)->add_caused_by("c@node/n");
  incident.add_evidence()->set_text("\x1b[2J\xff");
  testing::internal::CaptureStdout();
  {
    Output out;
    PrintIncidentStory(out, incident, {});
  }
  std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, testing::HasSubstr("What happened"));
  EXPECT_THAT(text, testing::HasSubstr("\\x1b[2J\\xff"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tocsin::cli
