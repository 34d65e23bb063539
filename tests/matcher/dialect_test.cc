// SPDX-License-Identifier: Apache-2.0
#include "matcher/dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::matcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DialectTest, RewritesForRe2) {
  struct Case {
    const char *pattern, *want;
  };
  for (const Case& c : {
           Case{R"((?<pod>\w+) x)", R"((?P<pod>\w+) x)"},
           Case{R"((?P<pod>\w+) x)", R"((?P<pod>\w+) x)"},
           Case{R"(\(?<pod>)", R"(\(?<pod>)"},
           Case{R"([(?<]x)", R"([(?<]x)"},
           Case{R"(done$)", R"(done(?:\n?\z))"},
           Case{R"(cost \$5[$])", R"(cost \$5[$])"},
           Case{R"((?m)^done$)", R"((?m)^done$)"},
           Case{R"(a\sb\S[\s,])", R"(a[\t-\r ]b[^\t-\r ][\t-\r ,])"},
           Case{R"([]\s]x)", R"([]\t-\r ]x)"},
           Case{R"(a{2,1000}{x})", R"(a{2,1000}{x})"},
       }) {
    PatternForm form = AnalysePattern(c.pattern);
    EXPECT_EQ(form.problem.message, "") << c.pattern;
    EXPECT_EQ(form.re2, c.want);
    EXPECT_EQ(CheckPattern(c.pattern).message, "") << c.pattern;
  }
}

TEST(DialectTest, RefusesWithAReasonAndAPlace) {
  struct Case {
    std::string pattern;
    size_t at;
    const char* want;
  };
  for (const Case& c : {
           Case{"", 0, "is empty"},
           Case{"x{1001}", 1, "repeats more than 1000 times; write + or * instead"},
           Case{"x{1,5000}", 1, "repeats more than 1000 times"},
           Case{"x{99999999999999999999}", 1, "repeats more than 1000 times"},
           Case{"(?:ab{500}){3}", 0, "RE2 refuses it"},
           Case{"a(?=b)", 1, "lookaround is not in the dialect; write an 'unless' pattern instead"},
           Case{"(?<!a)b", 0, "lookaround"},
           Case{R"((a)\1)", 3, "back-references"},
           Case{R"(a\p{Han})", 1, "needs Unicode"},
           Case{"[节点]", 1, "write (?:x|y) instead of [xy]"},
           Case{"(?>a)b", 0, "atomic"},
           Case{"a++b", 2, "possessive"},
           Case{"[a-z", 0, "'[' has no ']'"},
           Case{"a(b", 0, "RE2 refuses it"},
           Case{"abc\\", 3, "ends in a backslash"},
           Case{"a*", 0, "can match nothing at all"},
           Case{"^", 0, "can match nothing at all"},
           Case{"(?<a>x)(?<a>y)", 0, "refuses it ("},
           Case{std::string("a\0b", 3), 1, "NUL"},
       }) {
    PatternProblem problem = CheckPattern(c.pattern);
    EXPECT_THAT(problem.message, HasSubstr(c.want)) << c.pattern;
    if (std::string(c.want).find("RE2") == std::string::npos) {
      EXPECT_EQ(problem.at, c.at) << c.pattern;
    }
  }
}

TEST(DialectTest, SurvivesAnyPattern) {
  // Every prefix of something that has all the syntax in it.
  const std::string all =
      R"((?i)^a\d{1,3}?[^\]x-z[:alpha:]\S]|(?<n>b+?|(?:c\.)*)(d$)\x41\x{42}\b{,2}\n)";
  for (size_t i = 0; i <= all.size(); ++i) {
    CheckPattern(all.substr(0, i));
    EXPECT_FALSE(RequiredLiterals(all.substr(0, i)).empty());
  }
  EXPECT_EQ(CheckPattern(std::string(5000, '(')).message.empty(), false);
}

TEST(DialectTest, FindsTheLiteralsAPatternCanNotDoWithout) {
  EXPECT_THAT(RequiredLiterals(R"((?<table>\w+): neighbou?r table overflow!)"),
              ElementsAre("r table overflow!"));
  EXPECT_THAT(RequiredLiterals("Out of memory|(?i)OOM-kill"),
              ElementsAre("out of memory", "oom-kill"));
  EXPECT_THAT(RequiredLiterals("(?:abc|defgh) x"), ElementsAre("abc", "defgh"));
  EXPECT_THAT(RequiredLiterals("(?:abc)? xy+z"), ElementsAre(" xy"));
  EXPECT_THAT(RequiredLiterals("(?:abcd|e*)fg"), ElementsAre("fg"));
  EXPECT_THAT(RequiredLiterals(R"(\d+\.\d+)"), ElementsAre("."));
  EXPECT_THAT(RequiredLiterals(R"(foo\b \[bar\])"), ElementsAre("foo [bar]"));
  EXPECT_THAT(RequiredLiterals("ab{0,3}cd{2}e"), ElementsAre("cd"));
  EXPECT_THAT(RequiredLiterals(".*"), ElementsAre(""));
}

}  // namespace
}  // namespace tocsin::matcher
