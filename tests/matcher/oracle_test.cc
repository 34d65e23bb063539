// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <random>

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "matcher/dialect.h"
#include "matcher/re2_options.h"
#include "tests/matcher/testing.h"

// One pattern has one meaning: what Hyperscan finds in one pass, a loop over RE2 finds too.
namespace tocsin::matcher {
namespace {

class Oracle {
 public:
  explicit Oracle(const PatternSet& patterns) : patterns_(patterns), scanner_(patterns) {
    for (uint32_t i = 0; i < patterns.patterns().size(); ++i) {
      PatternForm form = AnalysePattern(patterns.pattern_text(i));
      loop_.push_back(std::make_unique<RE2>(form.re2, Re2Options()));
      EXPECT_TRUE(loop_.back()->ok()) << form.re2;
    }
  }

  void Check(std::string_view text) {
    std::vector<uint32_t> want;
    for (uint32_t i = 0; i < loop_.size(); ++i) {
      if (!text.empty() && RE2::PartialMatch(text, *loop_[i])) want.push_back(i);
    }
    EXPECT_EQ(scanner_.Scan(text, kAllStreams), want) << testing::PrintToString(std::string(text));
    for (uint32_t pattern : want) {
      std::vector<Capture> captures;
      PatternSet::Span span;
      EXPECT_TRUE(patterns_.Extract(pattern, text, 0, span, captures));
    }
  }

 private:
  const PatternSet& patterns_;
  Scanner scanner_;
  std::vector<std::unique_ptr<RE2>> loop_;
};

void Mutate(std::string& text, std::mt19937& random) {
  for (unsigned edits = random() % 4; edits > 0; --edits) {
    size_t at = text.empty() ? 0 : random() % text.size();
    switch (random() % 6) {
      case 0:
        text.erase(at, 1 + random() % 3);
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(random()));
        break;
      case 2:
        if (!text.empty()) text[at] ^= 0x20;  // case
        break;
      case 3:
        text.insert(at, 1, "\n\v \t\0"[random() % 5]);
        break;
      case 4:
        text += "\n";
        break;
      default:
        text.insert(at, text.substr(0, random() % 16));
    }
  }
}

TEST(OracleTest, HyperscanAgreesWithRe2OnEverySyntax) {
  Matcher m(R"(
- id: a
  match:
    - 'plain words'
    - '(?i)Any Case'
    - '^starts'
    - 'ends$'
    - '\Awhole\z'
    - 'a\sb'
    - 'c\Sd'
    - '[^\s]e[\S,]f'
    - 'g[\s,]h'
    - '\bword\b'
    - '\w+: \d{1,3}%'
    - 'i.j'
    - '(?m)^line$'
    - '(?:one|two)+ three?'
    - 'k{2,4}l'
    - '[[:alpha:]]{3}[[:space:]][[:digit:]]'
    - '节点(?:异常)?'
    - '\x00z'
    - 'x.*?y'
    - '[]m]n'
    - '(?<a>p+)(?<b>q*)r'
    - '(?i:mixed) Case'
)");
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  Oracle oracle(*m.patterns);
  const std::vector<std::string> lines = {"plain words", "ANY case",
                                          "starts here", "it ends",
                                          "whole",       "a b",
                                          "a\vb",        "c,d",
                                          "xe,f",        "g,h",
                                          "a word here", "swords",
                                          "cpu: 50%",    "i\nj",
                                          "x\nline\ny",  "one two three",
                                          "onetwo thre", "kkkl",
                                          "abc 1",       "abc\v1",
                                          "节点异常",    std::string("a\0z", 3),
                                          "xaay",        "]n",
                                          "ppqqr",       "MIXED Case",
                                          "mixed case"};
  for (const std::string& line : lines) oracle.Check(line);
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    std::string line = lines[random() % lines.size()];
    if (random() % 3 == 0) line += lines[random() % lines.size()];
    Mutate(line, random);
    // PCRE's multi-line ^ does not hold behind a newline that ends the text, RE2's does.
    if (line.size() > 1 && line.find("line") != std::string::npos) {
      while (!line.empty() && line.back() == '\n') line.pop_back();
    }
    oracle.Check(line);
  }
}

TEST(OracleTest, HyperscanAgreesWithRe2OnTheCatalogue) {
  auto catalogue = LoadCatalogue("signatures");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  auto patterns = PatternSet::Compile(**catalogue);
  ASSERT_TRUE(patterns.ok()) << patterns.status();
  std::vector<std::string> lines;
  for (const Signature& signature : (*catalogue)->signatures()) {
    for (const auto* examples : {&signature.examples, &signature.counterexamples}) {
      for (const Example& example : *examples) lines.push_back(example.text);
    }
  }
  ASSERT_FALSE(lines.empty());
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  Oracle oracle(**patterns);
  for (const std::string& line : lines) oracle.Check(line);
  for (int i = 0; i < 3'000 && !HasFailure(); ++i) {
    std::string line = lines[random() % lines.size()];
    if (random() % 3 == 0) line += " " + lines[random() % lines.size()];
    Mutate(line, random);
    oracle.Check(line);
  }
}

}  // namespace
}  // namespace tocsin::matcher
