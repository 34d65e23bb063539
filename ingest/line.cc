// SPDX-License-Identifier: Apache-2.0
#include "ingest/line.h"

#include "ingest/cursor.h"

namespace tocsin::ingest {
namespace {

bool LooksLikeDate(std::string_view line) {  // "2024-"
  return line.size() > 18 && IsDigit(line[0]) && IsDigit(line[3]) && line[4] == '-';
}

// nginx's error log: "2024/05/20 10:13:20 [error] ...".
std::optional<Time> SlashDate(std::string_view line) {
  Cursor in(line);
  int year = 0;
  int month = 0;
  int day = 0;
  ClockTime clock;
  if (!in.Digits(4, 4, &year) || !in.Skip('/') || !in.Digits(2, 2, &month) || !in.Skip('/') ||
      !in.Digits(2, 2, &day) || !in.Skip(' ') || !ReadClock(&in, &clock)) {
    return std::nullopt;
  }
  return FromCivil(year, month, day, clock.hour, clock.minute, clock.second, clock.nanos);
}

}  // namespace

bool ParseCri(std::string_view line, Line* out) {
  if (!LooksLikeDate(line)) return false;
  Cursor in(line);
  const std::string_view date = in.Word();
  if (!in.Skip(' ') || (!in.Skip("stdout ") && !in.Skip("stderr "))) return false;
  const std::string_view tags = in.Word();
  if (tags.empty() || (tags[0] != 'F' && tags[0] != 'P') || (tags.size() > 1 && tags[1] != ':')) {
    return false;
  }
  const auto time = ParseTime(date);
  if (!time) return false;
  in.Skip(' ');
  out->shape = Line::Shape::kCri;
  out->time = *time;
  out->text = in.rest();
  return true;
}

bool ParseKlog(std::string_view line, const YearHint& hint, Line* out) {
  if (line.size() < 22) return false;
  const char level = line[0];
  if (level != 'I' && level != 'W' && level != 'E' && level != 'F') return false;
  Cursor in(line.substr(1));
  YearlessTime date;
  ClockTime clock;
  int month_day = 0;
  if (!in.Digits(4, 4, &month_day) || in.SkipBlanks() == 0 || !ReadClock(&in, &clock)) return false;
  // Some builds print no thread id; "file.go:147]" is what makes the header.
  in.SkipBlanks();
  int64_t thread = 0;
  if (in.Digits(1, 19, &thread) && in.SkipBlanks() == 0) return false;
  const std::string_view place = in.Word();
  if (place.size() < 4 || place.back() != ']' || place.find(':') == std::string_view::npos) {
    return false;
  }
  date.month = month_day / 100;
  date.day = month_day % 100;
  date.hour = clock.hour;
  date.minute = clock.minute;
  date.second = clock.second;
  date.nanos = clock.nanos;
  const auto time = WithYear(date, hint);
  if (!time) return false;
  out->shape = Line::Shape::kKlog;
  out->time = *time;
  out->text = line;
  return true;
}

bool ParseLogfmt(std::string_view line, Line* out) {
  Cursor in(line);
  if (!in.Skip("time=")) return false;
  std::string_view date;
  if (in.Skip('"')) {
    const size_t end = in.rest().find('"');
    if (end == std::string_view::npos) return false;
    date = in.rest().substr(0, end);
    in.Advance(end + 1);
  } else {
    date = in.Word();
  }
  const auto time = TimeFromText(date);
  if (!time) return false;
  in.SkipBlanks();
  if (in.rest().substr(0, 6) != "level=" && in.rest().substr(0, 4) != "msg=") return false;
  out->shape = Line::Shape::kLogfmt;
  out->time = *time;
  out->text = line;
  return true;
}

void ParseAnyLine(std::string_view line, const YearHint& hint, Line* out) {
  out->text = line;
  if (line.empty()) return;
  const char first = line[0];
  bool known = false;
  switch (first) {
    case 'I':
    case 'W':
    case 'E':
      known = ParseKlog(line, hint, out);
      break;
    case 'F':  // klog's fatal, or February
      known = ParseKlog(line, hint, out) || ParseSyslog(line, hint, out);
      break;
    case 'J':
    case 'M':
    case 'A':
    case 'S':
    case 'O':
    case 'N':
    case 'D':
      known = ParseSyslog(line, hint, out);
      break;
    case '<':
      known = ParseDmesg(line, out) || ParseSyslog(line, hint, out);
      break;
    case '[':
      known = ParseDmesg(line, out);
      break;
    case 't':
      known = ParseLogfmt(line, out);
      break;
    default:
      if (IsDigit(first)) {
        known = LooksLikeDate(line)
                    ? ParseCri(line, out) || ParseDmesg(line, out) || ParseSyslog(line, hint, out)
                    : ParseKmsg(line, out) || ParseSyslog(line, hint, out);
      } else if (IsLower(first)) {
        known = ParseDmesg(line, out);  // -x: "kern  :err   : ..."
      }
      break;
  }
  if (known) return;
  if (ParseEventRow(line, out)) return;
  if (!IsDigit(first)) return;
  size_t end = 0;
  if (const auto time = ParseTime(line, &end)) {
    out->time = *time;
  } else if (const auto slashed = SlashDate(line)) {
    out->time = *slashed;
  }
}

}  // namespace tocsin::ingest
