// SPDX-License-Identifier: Apache-2.0
#include "matcher/utf8.h"

#include <random>

#include <gtest/gtest.h>

namespace tocsin::matcher {
namespace {

using namespace std::string_view_literals;

TEST(Utf8Test, KnowsValidFromInvalid) {
  struct Case {
    const char* name;
    std::string_view input;
    bool want;
  };
  for (const Case& c : {
           Case{"empty", "", true},
           Case{"ascii", "a line of more than eight bytes", true},
           Case{"nul", "a\0b"sv, true},
           Case{"chinese", "节点内存不足", true},
           Case{"highest", "\xF4\x8F\xBF\xBF", true},
           Case{"above the highest", "\xF4\x90\x80\x80", false},
           Case{"overlong slash", "\xC0\xAF", false},
           Case{"overlong of three", "\xE0\x80\x80", false},
           Case{"surrogate", "\xED\xA0\x80", false},
           Case{"continuation alone", "aaaaaaaa\x80", false},
           Case{"cut", "12345678\xE8\x8A", false},
           Case{"latin-1", "caf\xE9 au lait", false},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(IsValidUtf8(c.input), c.want);
    std::string scratch;
    std::string_view fixed = ValidUtf8(c.input, scratch);
    EXPECT_TRUE(IsValidUtf8(fixed));
    EXPECT_EQ(fixed == c.input, c.want);
  }
}

TEST(Utf8Test, ReplacesOnlyWhatIsWrong) {
  std::string scratch;
  EXPECT_EQ(ValidUtf8("a\xFF节\x80z", scratch), "a\xEF\xBF\xBD节\xEF\xBF\xBDz");
}

TEST(Utf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(CutUtf8("节点", 6), "节点");
  EXPECT_EQ(CutUtf8("节点", 5), "节");
  EXPECT_EQ(CutUtf8("节点", 3), "节");
  EXPECT_EQ(CutUtf8("节点", 2), "");
  EXPECT_EQ(CutUtf8("abc", 2), "ab");
  EXPECT_EQ(CutUtf8("abc", 0), "");
}

TEST(Utf8Test, MakesAnyBytesValid) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random() % 4 == 0 ? random() : 0xE0 | random() % 32);
    std::string scratch;
    std::string_view fixed = ValidUtf8(bytes, scratch);
    ASSERT_TRUE(IsValidUtf8(fixed));
    ASSERT_TRUE(IsValidUtf8(CutUtf8(fixed, random() % 24)));
  }
}

}  // namespace
}  // namespace tocsin::matcher
