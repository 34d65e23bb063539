// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <array>
#include <limits>

#include <fmt/core.h>

namespace tocsin {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Reads exactly `digits` decimal digits at `pos`; -1 if they are not there.
int Digits(std::string_view text, size_t pos, int digits) {
  if (pos + digits > text.size()) return -1;
  int value = 0;
  for (int i = 0; i < digits; ++i) {
    char c = text[pos + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct Unit {
  std::string_view name;
  int64_t nanos;
};
// Longest first where one begins another.
constexpr std::array<Unit, 7> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"ms", 1'000'000},
                                         {"d", 86'400 * kNanosPerSecond},
                                         {"h", 3'600 * kNanosPerSecond},
                                         {"m", 60 * kNanosPerSecond},
                                         {"s", kNanosPerSecond}}};

}  // namespace

std::optional<Time> FromCivil(int year, int month, int day, int hour, int minute, int second,
                              int64_t nanos) {
  using namespace std::chrono;
  if (second == 60) second = 59;  // a leap second
  // Nanoseconds in 64 bits reach from 1677 to 2262.
  if (year < 1678 || year > 2261 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59 || nanos < 0 || nanos >= kNanosPerSecond) {
    return std::nullopt;
  }
  if (month < 1 || day < 1) return std::nullopt;
  year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Time(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         nanoseconds(nanos);
}

int YearOf(Time time) {
  return int(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year());
}

std::string FormatTime(Time time) {
  using namespace std::chrono;
  auto day = floor<days>(time);
  year_month_day date(day);
  hh_mm_ss clock(time - day);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                  clock.seconds().count());
  int64_t nanos = clock.subseconds().count();
  if (nanos == 0) {
  } else if (nanos % 1'000'000 == 0) {
    text += fmt::format(".{:03}", nanos / 1'000'000);
  } else if (nanos % 1'000 == 0) {
    text += fmt::format(".{:06}", nanos / 1'000);
  } else {
    text += fmt::format(".{:09}", nanos);
  }
  text += 'Z';
  return text;
}

std::optional<Time> ParseTime(std::string_view text, size_t* end) {
  // 2024-05-20T10:13:20
  int year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  int hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  size_t pos = 19;
  int64_t nanos = 0;
  if (pos + 1 < text.size() && (text[pos] == '.' || text[pos] == ',') && text[pos + 1] >= '0' &&
      text[pos + 1] <= '9') {
    int64_t unit = kNanosPerSecond / 10;
    for (++pos; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos) {
      nanos += (text[pos] - '0') * unit;
      unit /= 10;
    }
  }
  int64_t offset_seconds = 0;
  if (pos < text.size() && (text[pos] == 'Z' || text[pos] == 'z')) {
    ++pos;
  } else if (pos < text.size() && (text[pos] == '+' || text[pos] == '-')) {
    int zone_hour = Digits(text, pos + 1, 2);
    size_t minutes_at = pos + 3;
    if (minutes_at < text.size() && text[minutes_at] == ':') ++minutes_at;
    int zone_minute = Digits(text, minutes_at, 2);
    if (zone_hour < 0 || zone_hour > 23 || zone_minute < 0 || zone_minute > 59) {
      return std::nullopt;
    }
    offset_seconds = (zone_hour * 60 + zone_minute) * 60;
    if (text[pos] == '-') offset_seconds = -offset_seconds;
    pos = minutes_at + 2;
  }
  if (end != nullptr) {
    *end = pos;
  } else if (pos != text.size()) {
    return std::nullopt;
  }
  std::optional<Time> time = FromCivil(year, month, day, hour, minute, second, nanos);
  if (!time) return std::nullopt;
  return *time - seconds(offset_seconds);
}

std::optional<Duration> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    int64_t number = 0;
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      if (digits >= 12) return std::nullopt;
      number = number * 10 + (text[digits++] - '0');
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    const Unit* found = nullptr;
    for (const Unit& unit : kUnits) {
      if (text.substr(0, unit.name.size()) == unit.name) {
        found = &unit;
        break;
      }
    }
    if (found == nullptr) return std::nullopt;
    text.remove_prefix(found->name.size());
    int64_t part;
    if (__builtin_mul_overflow(number, found->nanos, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
  }
  return Duration(total);
}

std::string FormatDuration(Duration duration) {
  int64_t rest = duration.count();
  if (rest == 0) return "0s";
  if (rest < 0) {
    return rest == std::numeric_limits<int64_t>::min() ? "-106751d"
                                                       : "-" + FormatDuration(-duration);
  }
  std::string text;
  for (std::string_view name : {"d", "h", "m", "s", "ms", "us", "ns"}) {
    for (const Unit& unit : kUnits) {
      if (unit.name != name || rest < unit.nanos) continue;
      text += fmt::format("{}{}", rest / unit.nanos, name);
      rest %= unit.nanos;
    }
  }
  return text;
}

}  // namespace tocsin
