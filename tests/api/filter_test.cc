// SPDX-License-Identifier: Apache-2.0
#include "api/filter.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "api/fields.h"
#include "base/status.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using testing::HasSubstr;
using v1::Incident;

const Time kNow = Time(seconds(1'700'003'600));  // an hour after the incident below opened

Incident Sample() {
  Incident incident =
      MakeIncident("abc", "prod", v1::ERROR, 1'700'000'000);  // 2023-11-14T22:13:20Z
  incident.set_title("Out of Memory (cgroup)");
  incident.set_root_status(Incident::OBSERVED);
  incident.mutable_root_cause()->set_signature("kernel-oom");
  incident.add_problems()->set_signature("kernel-oom");
  incident.add_problems()->set_signature("pod-evicted");
  incident.add_nodes("10.0.0.5:9100");
  incident.add_pods("prod/web-7d9f");
  incident.add_namespaces("prod");
  incident.add_workloads("prod/web");
  incident.set_hit_count(12);
  incident.add_evidence()->set_text("Killed process 4242 (java) total-vm:1kB, 100% *");
  return incident;
}

bool Match(std::string_view text) {
  auto filter = Filter::Parse(text, IncidentSchema(), kNow);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() && filter->Matches(Sample());
}

TEST(FilterTest, DecidesAsTheLanguageSays) {
  const struct {
    const char* text;
    bool want;
  } cases[] = {
      {"", true},
      {"  \t ", true},
      {"state = OPEN", true},
      {"state=open", true},
      {"state != OPEN", false},
      {"state:OPEN", true},
      {"state:*", true},
      {"state = RESOLVED", false},
      {"severity >= WARNING", true},
      {"severity > ERROR", false},
      {"severity <= error", true},
      {"root_status = OBSERVED", true},
      {"root_status = symptom_only", false},
      {"cluster = prod", true},
      {"cluster = \"prod\"", true},
      {"cluster = 'prod'", true},
      {"cluster = Prod", false},
      {"cluster:PRO", true},
      {"cluster = p*d", true},
      {"cluster = p*x", false},
      {"cluster = *", true},
      {"cluster = pro", false},
      {"cluster = \"p\\*d\"", false},
      {"signature = kernel-oom", true},
      {"signature = pod-*", true},
      {"signature != pod-evicted", false},
      {"signature != other", true},
      {"node = 10.0.0.5:9100", true},
      {"node:9100", true},
      {"node = node-1 node = 10.*", true},
      {"pod = prod/web-*", true},
      {"namespace:*", true},
      {"workload = (a OR prod/web)", true},
      {"workload != (a OR prod/web)", false},
      {"workload != (a OR b)", true},
      {"state = (OPEN OR ACKNOWLEDGED)", true},
      {"hit_count > 11", true},
      {"hit_count >= 13", false},
      {"hit_count = 12", true},
      {"hit_count != 12", false},
      {"hit_count > -3", true},
      {"open_time = \"2023-11-14T22:13:20Z\"", true},
      {"open_time = 2023-11-14T22:13:20Z", true},
      {"open_time = \"2023-11-15T06:13:20+08:00\"", true},
      {"open_time > 2023-11-14", true},
      {"open_time < 2023-11-15", true},
      {"open_time > -2h", true},
      {"open_time > -30m", false},
      {"open_time > \"-1h1s\"", true},
      {"open_time >= -1h", true},
      {"resolve_time:*", false},
      {"NOT resolve_time:*", true},
      {"resolve_time < 2030-01-01", false},
      {"memory", true},
      {"\"out of memory\"", true},
      {"java", true},
      {"\"killed*java\"", true},
      {"\"java*killed\"", false},
      {"\"100% \\*\"", true},
      {"\"100%\\*\"", false},
      {"-java", false},
      {"NOT java", false},
      {"-state=RESOLVED", true},
      {"NOT (state=OPEN cluster=prod)", false},
      {"state=OPEN AND cluster=prod", true},
      {"state=OPEN cluster=other", false},
      {"state=RESOLVED OR cluster=prod", true},
      // OR binds tighter than AND and than standing side by side.
      {"state=OPEN OR state=OPEN cluster=other", false},
      {"state=OPEN OR state=OPEN AND cluster=other", false},
      {"cluster=other AND state=OPEN OR state=OPEN", false},
      {"cluster=other state=OPEN OR (state=OPEN)", false},
      {"(cluster=other AND state=OPEN) OR state=OPEN", true},
      {"NOT cluster=other OR state=RESOLVED", true},
      {"name = clusters/prod/incidents/abc", true},
      {"name:ABC", true},
      {"title = \"Out of*\"", true},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(Match(text), want) << text;
  }
}

TEST(FilterTest, SaysWhereItIsWrong) {
  const struct {
    std::string text;
    const char* position;
    const char* reason;
    const char* what;
  } cases[] = {
      {"state =", "8", "FILTER_SYNTAX", "expected a value after '='"},
      {"state = OPEN AND", "17", "FILTER_SYNTAX", "end of the filter"},
      {"AND state=OPEN", "1", "FILTER_SYNTAX", "found 'AND'"},
      {"a OR OR b", "6", "FILTER_SYNTAX", "found 'OR'"},
      {"(a OR b", "1", "FILTER_SYNTAX", "never closed"},
      {"a) b", "2", "FILTER_SYNTAX", "never opened"},
      {"()", "2", "FILTER_SYNTAX", "expected"},
      {"title = \"open", "9", "FILTER_SYNTAX", "never closed"},
      {"title = \"open\\", "9", "FILTER_SYNTAX", "never closed"},
      {"NOT", "4", "FILTER_SYNTAX", "end of the filter"},
      {"a ! b", "3", "FILTER_SYNTAX", "'!='"},
      {"colour = red", "1", "FILTER_FIELD", "there is no field 'colour'; there are name, cluster"},
      {"a.b.c = 1", "1", "FILTER_FIELD", "'a.b.c'"},
      {"\"state\" = OPEN", "1", "FILTER_SYNTAX", "unquoted"},
      {"state = SHUT", "9", "FILTER_VALUE", "one of OPEN, ACKNOWLEDGED, RESOLVED, not 'SHUT'"},
      {"state > OPEN", "7", "FILTER_SYNTAX", "no order"},
      {"cluster < b", "9", "FILTER_SYNTAX", "no order"},
      {"severity >= bad", "13", "FILTER_VALUE", "INFO, WARNING, ERROR, CRITICAL"},
      {"hit_count = many", "13", "FILTER_VALUE", "whole number"},
      {"hit_count = 99999999999999999999", "13", "FILTER_VALUE", "whole number"},
      {"open_time > yesterday", "13", "FILTER_VALUE", "2024-05-20T10:13:20Z"},
      {"open_time > 1h", "13", "FILTER_VALUE", "-1h"},
      {"open_time > 2024-02-30", "13", "FILTER_VALUE", "a time"},
      {"cluster = (a OR (b = c))", "20", "FILTER_SYNTAX", "unexpected '='"},
      {"size(pods) > 3", "1", "FILTER_SYNTAX", "no functions"},
      {"a, b", "2", "FILTER_SYNTAX", "quote the comma"},
      {std::string(100, '('), "66", "FILTER_SYNTAX", "nested deeper"},
      {std::string(9000, 'a'), "8193", "FILTER_SYNTAX", "longer than"},
  };
  for (const auto& [text, position, reason, what] : cases) {
    auto filter = Filter::Parse(text, IncidentSchema(), kNow);
    ASSERT_FALSE(filter.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(filter.status())) << text;
    EXPECT_EQ(ReasonOf(filter.status()), reason) << text;
    EXPECT_THAT(Message(filter.status()), HasSubstr(std::string("filter: at ") + position + ": "));
    EXPECT_THAT(Message(filter.status()), HasSubstr(what)) << text;
  }
}

TEST(FilterTest, LimitsTheNumberOfTerms) {
  std::string text;
  for (int i = 0; i <= Filter::kTermsMax; ++i) text += "a ";
  EXPECT_FALSE(Filter::Parse(text, IncidentSchema(), kNow).ok());
  text.resize(text.size() - 2);
  EXPECT_TRUE(Filter::Parse(text, IncidentSchema(), kNow).ok());
}

// Nothing but an answer or INVALID_ARGUMENT, whatever the bytes.
TEST(FilterTest, SurvivesRandomText) {
  const std::vector<std::string> pieces = {"AND ",
                                           " OR ",
                                           "NOT ",
                                           "-",
                                           "(",
                                           ")",
                                           "=",
                                           "!=",
                                           "<",
                                           ">=",
                                           ":",
                                           "\"",
                                           "'",
                                           "\\",
                                           "*",
                                           " ",
                                           ",",
                                           "state",
                                           "OPEN",
                                           "severity",
                                           "open_time",
                                           "-1h",
                                           "2024-05-20",
                                           "hit_count",
                                           "7",
                                           "a",
                                           "\xE4\xBD",
                                           "\xA0",
                                           std::string(1, '\0'),
                                           "\xFF",
                                           "\n",
                                           "!"};
  std::mt19937 random(20240520);
  const Incident sample = Sample();
  int parsed = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    auto filter = Filter::Parse(text, IncidentSchema(), kNow);
    if (filter.ok()) {
      filter->Matches(sample);
      ++parsed;
    } else {
      ASSERT_TRUE(absl::IsInvalidArgument(filter.status())) << testing::PrintToString(text);
    }
  }
  EXPECT_GT(parsed, 1000);
}

// A generated tree, what it means, and how it may be written.
struct Tree {
  enum Kind { kLeaf, kAnd, kOr, kNot } kind;
  std::vector<Tree> children;
  std::string text;                             // kLeaf
  std::function<bool(const Incident&)> decide;  // kLeaf

  bool Decide(const Incident& incident) const {
    switch (kind) {
      case kLeaf:
        return decide(incident);
      case kAnd:
        for (const Tree& child : children) {
          if (!child.Decide(incident)) return false;
        }
        return true;
      case kOr:
        for (const Tree& child : children) {
          if (child.Decide(incident)) return true;
        }
        return false;
      case kNot:
        return !children[0].Decide(incident);
    }
    return false;
  }
};

Tree Leaf(std::mt19937& random) {
  Tree leaf{Tree::kLeaf, {}, "", nullptr};
  const int number = static_cast<int>(random() % 4);
  const std::string letter(1, static_cast<char>('a' + random() % 3));
  switch (random() % 6) {
    case 0:
      leaf.text = fmt::format("hit_count > {}", number);
      leaf.decide = [=](const Incident& i) { return static_cast<int>(i.hit_count()) > number; };
      break;
    case 1:
      leaf.text = fmt::format("hit_count<={}", number);
      leaf.decide = [=](const Incident& i) { return static_cast<int>(i.hit_count()) <= number; };
      break;
    case 2:
      leaf.text = "cluster = \"" + letter + "\"";
      leaf.decide = [=](const Incident& i) { return i.cluster() == letter; };
      break;
    case 3:
      leaf.text = "node=" + letter + "*";
      leaf.decide = [=](const Incident& i) {
        return std::any_of(i.nodes().begin(), i.nodes().end(),
                           [&](const std::string& node) { return node.starts_with(letter); });
      };
      break;
    case 4:
      leaf.text = "severity >= " + v1::Severity_Name(number + 1);
      leaf.decide = [=](const Incident& i) { return i.severity() >= number + 1; };
      break;
    default:
      leaf.text = letter;
      leaf.decide = [=](const Incident& i) { return i.title().find(letter) != std::string::npos; };
  }
  return leaf;
}

Tree Grow(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 3 == 0) return Leaf(random);
  Tree tree{static_cast<Tree::Kind>(Tree::kAnd + random() % 3), {}, "", nullptr};
  size_t children = tree.kind == Tree::kNot ? 1 : 2 + random() % 2;
  while (children-- > 0) tree.children.push_back(Grow(random, depth - 1));
  return tree;
}

// Parentheses only where the grammar needs them, or now and then for nothing. `room`: how tightly
// the place binds: 0 an expression, 1 a factor of a sequence, 2 a term of OR, 3 what NOT is applied
// to.
std::string Write(const Tree& tree, int room, std::mt19937& random) {
  const int binds = tree.kind == Tree::kAnd   ? 0
                    : tree.kind == Tree::kOr  ? 1
                    : tree.kind == Tree::kNot ? 2
                                              : 3;
  if (binds < room || random() % 8 == 0) return "( " + Write(tree, 0, random) + ")";
  switch (tree.kind) {
    case Tree::kLeaf:
      return tree.text;
    case Tree::kNot:
      return (random() % 2 == 0 ? "NOT " : "-") + Write(tree.children[0], 3, random);
    default:
      break;
  }
  std::string out;
  for (const Tree& child : tree.children) {
    if (!out.empty()) out += tree.kind == Tree::kOr ? " OR " : random() % 2 == 0 ? " AND " : "  ";
    out += Write(child, binds + 1, random);
  }
  return out;
}

TEST(FilterTest, AgreesWithGeneratedTrees) {
  std::mt19937 random(7);
  int matched = 0, rounds = 3000;
  for (int round = 0; round < rounds; ++round) {
    Tree tree = Grow(random, 4);
    std::string text = Write(tree, 0, random);
    auto filter = Filter::Parse(text, IncidentSchema(), kNow);
    ASSERT_TRUE(filter.ok()) << text << ": " << filter.status();
    for (int i = 0; i < 20; ++i) {
      Incident incident;
      incident.set_cluster(std::string(1, static_cast<char>('a' + random() % 4)));
      incident.set_hit_count(random() % 5);
      incident.set_severity(static_cast<v1::Severity>(1 + random() % 4));
      for (size_t n = random() % 3; n > 0; --n) {
        incident.add_nodes(std::string(1, static_cast<char>('a' + random() % 4)) + "-1");
      }
      incident.set_title(std::string(random() % 3, static_cast<char>('a' + random() % 4)));
      ASSERT_EQ(filter->Matches(incident), tree.Decide(incident)) << text << "\n"
                                                                  << incident.ShortDebugString();
      matched += tree.Decide(incident) ? 1 : 0;
    }
  }
  EXPECT_GT(matched, rounds) << "generated filters that never match prove little";
}

// README.md's examples are indented lines "FILTER   # explanation" between two markers.
TEST(FilterTest, TheExamplesOfTheReadmeWork) {
  std::ifstream readme("api/README.md");
  ASSERT_TRUE(readme) << "run from the root of the tree";
  bool inside = false;
  int examples = 0;
  for (std::string line; std::getline(readme, line);) {
    if (line == "```filter") inside = true;
    if (line == "```") inside = false;
    if (!inside || line == "```filter") continue;
    std::string text = line.substr(0, line.find("   #"));
    auto filter = Filter::Parse(text, IncidentSchema(), kNow);
    EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
    EXPECT_TRUE(!filter.ok() || !filter->empty());
    ++examples;
  }
  EXPECT_GE(examples, 8);
}

}  // namespace
}  // namespace tocsin::api
