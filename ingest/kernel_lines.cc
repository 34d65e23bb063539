// SPDX-License-Identifier: Apache-2.0
// The kernel's ring buffer as /dev/kmsg hands it out and as dmesg prints it in its many ways.
#include <array>

#include "ingest/cursor.h"
#include "ingest/line.h"

namespace tocsin::ingest {
namespace {

// "[12345.678901]", with blanks inside before the number.
bool ReadUptime(Cursor* in, Duration* uptime) {
  Cursor at = *in;
  if (!at.Skip('[')) return false;
  at.SkipBlanks();
  int64_t whole = 0;
  if (!at.Digits(1, 9, &whole) || !at.Skip('.')) return false;
  const size_t before = at.rest().size();
  int64_t fraction = 0;
  if (!at.Digits(3, 9, &fraction)) return false;
  for (size_t digits = before - at.rest().size(); digits < 9; ++digits) fraction *= 10;
  if (!at.Skip(']')) return false;
  *in = at;
  *uptime = Duration(whole * 1'000'000'000 + fraction);
  return true;
}

// "[ T1234]" or "[    C0]": the thread or processor that printed.
void SkipCaller(Cursor* in) {
  Cursor at = *in;
  if (!at.Skip('[')) return;
  at.SkipBlanks();
  int64_t id = 0;
  if ((!at.Skip('T') && !at.Skip('C')) || !at.Digits(1, 10, &id) || !at.Skip(']')) return;
  *in = at;
}

// "[Mon May 20 10:13:20 2024]"
bool ReadCalendar(Cursor* in, Time* time) {
  Cursor at = *in;
  if (!at.Skip('[') || at.rest().size() < 22) return false;
  constexpr std::string_view kDays = "MonTueWedThuFriSatSun";
  const size_t weekday = kDays.find(at.rest().substr(0, 3));
  if (weekday == std::string_view::npos || weekday % 3 != 0) return false;
  at.Advance(3);
  if (!at.Skip(' ')) return false;
  const int month = MonthFromName(at.rest().substr(0, 3));
  if (month == 0) return false;
  at.Advance(3);
  int day = 0;
  int year = 0;
  ClockTime clock;
  if (at.SkipBlanks() == 0 || !at.Digits(1, 2, &day) || !at.Skip(' ') || !ReadClock(&at, &clock) ||
      !at.Skip(' ') || !at.Digits(4, 4, &year) || !at.Skip(']')) {
    return false;
  }
  const auto found =
      FromCivil(year, month, day, clock.hour, clock.minute, clock.second, clock.nanos);
  if (!found) return false;
  // Apache's error log dates its lines the same way and goes on with "[error]" or "[core:error]".
  Cursor next = at;
  next.SkipBlanks();
  if (next.peek() == '[' && IsLower(next.peek(1))) return false;
  *in = at;
  *time = *found;
  return true;
}

// "2024-05-20T10:13:20,123456+02:00": the comma is dmesg's mark.
bool ReadIso(Cursor* in, Time* time) {
  const std::string_view rest = in->rest();
  if (rest.size() < 27 || rest[10] != 'T' || rest[19] != ',') return false;
  size_t end = 0;
  const auto found = ParseTime(rest, &end);
  if (!found || end < 27) return false;
  *time = *found;
  in->Advance(end);
  return true;
}

// "kern  :err   : " of dmesg -x.
bool SkipDecoded(Cursor* in) {
  constexpr std::array<std::string_view, 12> kFacilities = {"kern", "user",   "mail",     "daemon",
                                                            "auth", "syslog", "lpr",      "news",
                                                            "uucp", "cron",   "authpriv", "ftp"};
  constexpr std::array<std::string_view, 8> kLevels = {"emerg", "alert",  "crit", "err",
                                                       "warn",  "notice", "info", "debug"};
  const auto skip_one = [](Cursor* at, const auto& names) {
    size_t length = 0;
    while (IsLower(at->peek(length))) ++length;
    for (const std::string_view name : names) {
      if (at->rest().substr(0, length) != name) continue;
      at->Advance(length);
      at->SkipBlanks();
      return at->Skip(':');
    }
    return false;
  };
  Cursor at = *in;
  if (!skip_one(&at, kFacilities) || !skip_one(&at, kLevels)) return false;
  at.SkipBlanks();
  *in = at;
  return true;
}

}  // namespace

std::string_view StripUptime(std::string_view text) {
  Cursor in(text);
  Duration uptime{};
  in.SkipBlanks();
  if (!ReadUptime(&in, &uptime)) return text;
  SkipCaller(&in);
  in.SkipBlanks();
  return in.rest();
}

bool ParseDmesg(std::string_view line, Line* out) {
  Cursor in(line);
  Line found = *out;
  bool marked = false;  // a level in front makes a kernel line of what would be any dated line
  if (in.Skip('<')) {
    int priority = 0;
    if (!in.Digits(1, 3, &priority) || priority > 191 || !in.Skip('>')) return false;
    found.facility = priority / 8;
  } else if (IsLower(in.peek())) {
    if (!SkipDecoded(&in)) return false;
    marked = true;
  }
  if (ReadUptime(&in, &found.uptime)) {
    found.has_uptime = true;
  } else if (!ReadCalendar(&in, &found.time) && !ReadIso(&in, &found.time) && !marked) {
    return false;
  }
  SkipCaller(&in);
  in.Skip(' ');
  found.shape = Line::Shape::kKernel;
  found.text = in.rest();
  *out = found;
  return true;
}

bool ParseKmsg(std::string_view line, Line* out) {
  Cursor in(line);
  int priority = 0;
  int64_t sequence = 0;
  int64_t micros = 0;
  if (!in.Digits(1, 4, &priority) || !in.Skip(',') || !in.Digits(1, 19, &sequence) ||
      !in.Skip(',') || !in.Digits(1, 15, &micros) || !in.Skip(',')) {
    return false;
  }
  // Flags, and fields that newer kernels add: all but the text is skipped.
  const size_t text = in.rest().find(';');
  if (text == std::string_view::npos || text > 256 ||
      in.rest().substr(0, text).find('\n') != std::string_view::npos) {
    return false;
  }
  in.Advance(text + 1);
  out->shape = Line::Shape::kKernel;
  out->facility = priority / 8;
  out->has_uptime = true;
  out->uptime = Duration(micros * 1000);
  out->text = in.rest();
  return true;
}

}  // namespace tocsin::ingest
