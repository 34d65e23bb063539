// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// Event time: nanoseconds since 1970, UTC. The default (zero) means "unknown".
using Time = std::chrono::sys_time<nanoseconds>;
using Duration = nanoseconds;

inline constexpr Time kNoTime{};
inline constexpr Time kMaxTime = Time::max();

// A slot is ten seconds of event time: the grain in which decisions are taken.
using Slot = int64_t;
inline constexpr Duration kSlotLength = seconds(10);
inline constexpr Slot kNoSlot = INT64_MIN;

inline Slot SlotOf(Time time) {
  return std::chrono::floor<std::chrono::duration<int64_t, std::ratio<10>>>(time)
      .time_since_epoch()
      .count();
}
// The first instant after the slot.
inline Time SlotEnd(Slot slot) { return Time(seconds((slot + 1) * 10)); }
inline Time SlotBegin(Slot slot) { return Time(seconds(slot * 10)); }

inline Time TimeFromNanos(int64_t nanos) { return Time(nanoseconds(nanos)); }
inline int64_t ToNanos(Time time) { return time.time_since_epoch().count(); }

// "2024-05-20T10:13:20.123456Z"; the fraction has as many digits (0, 3, 6 or 9) as it needs.
std::string FormatTime(Time time);

// RFC 3339 and its common relatives: 'T' or ' ' between date and time, ',' or '.' before 0 to 9
// digits of fraction, 'Z', '+02:00', '+0200' or nothing (UTC) at the end. nullopt for anything
// else, impossible dates included. `end`, where given, receives the number of bytes read, and
// trailing bytes are then allowed. Allocates nothing.
std::optional<Time> ParseTime(std::string_view text, size_t* end = nullptr);

// From a civil UTC date and time; fields must be in range (second 60 is read as 59). nullopt if
// not.
std::optional<Time> FromCivil(int year, int month, int day, int hour, int minute, int second,
                              int64_t nanos);
// The civil year of a time, for formats that print none.
int YearOf(Time time);

// "90s", "10m", "1h", "500ms", "2d", and sums of them such as "1h30m". nullopt for anything else.
std::optional<Duration> ParseDuration(std::string_view text);
// The shortest form ParseDuration reads back, e.g. "1h30m".
std::string FormatDuration(Duration duration);

// Where "now" comes from. Only code at the edges (progress of idle partitions, notification delays)
// may ask; what is written is computed from data.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
};

// The machine's clock.
class SystemClock final : public Clock {
 public:
  Time Now() const override {
    return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace tocsin
