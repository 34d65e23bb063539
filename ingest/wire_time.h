// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

// Times as log shippers write them. Nothing here allocates.
namespace tocsin::ingest {

// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by magnitude, with an
// optional fraction ("1716200000.123457"): exact, unlike a double. nullopt for anything else and
// for numbers before 1973, which are uptimes and durations.
std::optional<Time> TimeFromEpoch(std::string_view number);

// RFC 3339 and its relatives, or a number as above.
std::optional<Time> TimeFromText(std::string_view text);

// 1 to 12 for "Jan" to "Dec", else 0.
int MonthFromName(std::string_view name);

// A date without a year.
struct YearlessTime {
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t nanos = 0;
};

// What the missing year is taken from.
struct YearHint {
  Time previous = kNoTime;   // the last time read from the same source: the nearest year wins
  Time not_after = kNoTime;  // else: written at or before this (and 36 h, for zones and clocks)
};

// nullopt for impossible dates. With no hint at all the year is 1970's.
std::optional<Time> WithYear(const YearlessTime& time, const YearHint& hint);

}  // namespace tocsin::ingest
