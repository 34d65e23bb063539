// SPDX-License-Identifier: Apache-2.0
#include "ingest/wire_time.h"

#include <array>
#include <chrono>

#include "ingest/cursor.h"

namespace tocsin::ingest {

std::optional<Time> TimeFromEpoch(std::string_view number) {
  Cursor in(number);
  int64_t whole = 0;
  if (!in.Digits(9, 19, &whole)) return std::nullopt;
  int64_t unit = 1'000'000'000;  // nanoseconds in one of the number's units
  if (whole >= 100'000'000'000'000'000) {
    unit = 1;
  } else if (whole >= 100'000'000'000'000) {
    unit = 1'000;
  } else if (whole >= 100'000'000'000) {
    unit = 1'000'000;
  }
  // Beyond 2200 the product overflows; nobody logs from there.
  if (whole / (1'000'000'000 / unit) >= 7'258'118'400) return std::nullopt;
  int64_t nanos = whole * unit;
  if (nanos < 100'000'000'000'000'000) return std::nullopt;
  if (in.Skip('.')) {
    int64_t digit_value = unit;
    while (!in.done() && IsDigit(in.peek())) {
      digit_value /= 10;
      nanos += (in.peek() - '0') * digit_value;
      in.Advance(1);
    }
  }
  if (!in.done()) return std::nullopt;
  return TimeFromNanos(nanos);
}

std::optional<Time> TimeFromText(std::string_view text) {
  if (auto time = ParseTime(text)) return time;
  return TimeFromEpoch(text);
}

int MonthFromName(std::string_view name) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (name.size() != 3) return 0;
  const size_t at = kMonths.find(name);
  return at == std::string_view::npos || at % 3 != 0 ? 0 : static_cast<int>(at / 3) + 1;
}

std::optional<Time> WithYear(const YearlessTime& t, const YearHint& hint) {
  const auto in_year = [&](int year) {
    return FromCivil(year, t.month, t.day, t.hour, t.minute, t.second, t.nanos);
  };
  std::optional<Time> best;
  if (hint.previous != kNoTime) {
    const int year = YearOf(hint.previous);
    const auto distance = [&](Time time) {
      return time > hint.previous ? time - hint.previous : hint.previous - time;
    };
    for (const int candidate : {year, year - 1, year + 1}) {
      const auto time = in_year(candidate);
      if (time && (!best || distance(*time) < distance(*best))) best = time;
    }
    if (best) return best;
  }
  if (hint.not_after != kNoTime) {
    const Time limit = hint.not_after + std::chrono::hours(36);
    const int year = YearOf(limit);
    // Eight years back reach a leap year from anywhere, 1900s aside.
    for (int candidate = year; candidate > year - 9; --candidate) {
      const auto time = in_year(candidate);
      if (time && *time <= limit) return time;
    }
    return std::nullopt;
  }
  best = in_year(1970);
  if (best && *best == kNoTime) best = TimeFromNanos(1);
  return best;
}

}  // namespace tocsin::ingest
