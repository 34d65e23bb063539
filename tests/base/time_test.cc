// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <random>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(TimeTest, ReadsRfc3339AndItsRelatives) {
  struct Case {
    const char* text;
    const char* want;  // "" if it must be refused
  };
  for (const Case& c : std::initializer_list<Case>{
           {"2024-05-20T10:13:20Z", "2024-05-20T10:13:20Z"},
           {"2024-05-20T10:13:20.123456789Z", "2024-05-20T10:13:20.123456789Z"},
           {"2024-05-20T10:13:20.1234567890123Z", "2024-05-20T10:13:20.123456789Z"},
           {"2024-05-20T10:13:20,5+02:00", "2024-05-20T08:13:20.500Z"},
           {"2024-05-20 10:13:20 ", ""},
           {"2024-05-20 10:13:20", "2024-05-20T10:13:20Z"},
           {"2024-05-20T10:13:20-0730", "2024-05-20T17:43:20Z"},
           {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
           {"2023-02-29T00:00:00Z", ""},
           {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"},
           {"0000-01-01T00:00:00Z", ""},
           {"2024-13-01T00:00:00Z", ""},
           {"2024-05-20T24:00:00Z", ""},
           {"2024-05-20T10:13:20+25:00", ""},
           {"2024-05-20T10:13", ""},
           {"", ""},
           {"9999-05-20T10:13:20Z", ""},
           {"2024-05-20T10:13:20.Z", ""}}) {
    SCOPED_TRACE(c.text);
    std::optional<Time> time = ParseTime(c.text);
    EXPECT_EQ(time ? FormatTime(*time) : "", c.want);
  }
}

TEST(TimeTest, EveryPrefixOfATimeIsReadOrRefused) {
  std::string text = "2024-05-20T10:13:20.123456789+02:00";
  for (size_t n = 0; n <= text.size(); ++n) ParseTime(text.substr(0, n));
}

TEST(TimeTest, PrintedTimesReadBack) {
  std::mt19937_64 random(20240520);
  for (int i = 0; i < 20'000; ++i) {
    Time time = TimeFromNanos(std::uniform_int_distribution<int64_t>(
        -8'000'000'000'000'000'000, 9'000'000'000'000'000'000)(random));
    ASSERT_EQ(ParseTime(FormatTime(time)), time) << FormatTime(time);
  }
}

TEST(TimeTest, SlotsFloorAlsoBefore1970) {
  EXPECT_EQ(SlotOf(Time(seconds(0))), 0);
  EXPECT_EQ(SlotOf(Time(seconds(19))), 1);
  EXPECT_EQ(SlotOf(Time(seconds(-1))), -1);
  EXPECT_EQ(SlotEnd(1), Time(seconds(20)));
}

TEST(TimeTest, DurationsReadBackAndRefuseNonsense) {
  EXPECT_EQ(ParseDuration("1h30m"), Duration(std::chrono::minutes(90)));
  EXPECT_EQ(ParseDuration("500ms"), Duration(std::chrono::milliseconds(500)));
  EXPECT_EQ(ParseDuration("2d"), Duration(std::chrono::hours(48)));
  for (const char* bad : {"", "10", "m", "1x", "-5m", "99999999999999s", "1h 30m", "1.5h"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 1000; ++i) {
    Duration duration(std::uniform_int_distribution<int64_t>(0, 10'000'000'000'000'000)(random));
    ASSERT_EQ(ParseDuration(FormatDuration(duration)), duration) << FormatDuration(duration);
  }
}

}  // namespace
}  // namespace tocsin
