// SPDX-License-Identifier: Apache-2.0
// Syslog has one standard that few follow and one habit that all follow differently. What is
// common: perhaps "<priority>", a date, perhaps a host, perhaps "tag[pid]:", and the message. A
// line counts as syslog only if the date is there and, where it could be any application's (an ISO
// date and no priority), a host and a tag too.
#include <array>

#include "ingest/cursor.h"
#include "ingest/line.h"

namespace tocsin::ingest {
namespace {

bool IsHostName(std::string_view word) {
  if (word.empty() || word.size() > 255) return false;
  for (const char c : word) {
    if (!IsAlnum(c) && c != '-' && c != '.' && c != '_' && c != ':') return false;
  }
  // What stands here in lines of applications.
  constexpr std::array<std::string_view, 16> kLevels = {
      "INFO", "WARN", "WARNING", "ERROR", "DEBUG", "FATAL", "TRACE", "NOTICE",
      "info", "warn", "warning", "error", "debug", "fatal", "trace", "notice"};
  for (const std::string_view level : kLevels) {
    if (word == level) return false;
  }
  return word.back() != ':';
}

// "kubelet[1234]:" or "kernel:" -> the program; empty if the word is no tag.
std::string_view ProgramOfTag(std::string_view word) {
  if (word.size() < 2 || word.back() != ':') return {};
  word.remove_suffix(1);
  if (word.back() == ']') {
    const size_t open = word.rfind('[');
    if (open == std::string_view::npos || open == 0) return {};
    word = word.substr(0, open);
  }
  for (const char c : word) {
    if (!IsAlnum(c) && c != '-' && c != '_' && c != '.' && c != '/' && c != '(' && c != ')' &&
        c != '@' && c != '+') {
      return {};
    }
  }
  // "(sd-pam)" and "/usr/sbin/cron" are programs too; only the last part of a path is the name.
  const size_t slash = word.rfind('/');
  return slash == std::string_view::npos ? word : word.substr(slash + 1);
}

std::string_view NilIsEmpty(std::string_view word) {
  return word == "-" ? std::string_view() : word;
}

// The structured data of RFC 5424: "-" or "[id key=\"value\" ...]...". False if it does not end.
bool SkipStructuredData(Cursor* in) {
  if (in->Skip('-')) return true;
  bool any = false;
  while (in->Skip('[')) {
    bool quoted = false;
    bool closed = false;
    while (!in->done() && !closed) {
      const char c = in->peek();
      in->Advance(quoted && c == '\\' ? 2 : 1);
      if (c == '"') quoted = !quoted;
      if (c == ']' && !quoted) closed = true;
    }
    if (!closed) return false;
    any = true;
  }
  return any;
}

bool ParseRfc5424(Cursor in, Line* out) {
  if (!in.Skip("1 ")) return false;
  const std::string_view date = in.Word();
  const auto time = ParseTime(date);
  if (!time && date != "-") return false;
  std::array<std::string_view, 4> words;  // host, program, process id, message id
  for (std::string_view& word : words) {
    if (!in.Skip(' ')) return false;
    word = in.Word();
    if (word.empty()) return false;
  }
  if (!in.Skip(' ') || !SkipStructuredData(&in)) return false;
  in.Skip(' ');
  in.Skip("\xEF\xBB\xBF");
  if (time) out->time = *time;
  out->host = NilIsEmpty(words[0]);
  out->program = NilIsEmpty(words[1]);
  out->text = in.rest();
  return true;
}

// "May 20 10:13:20", "May  2 10:13:20.123", "May 20 2024 10:13:20".
std::optional<Time> ReadBsdDate(Cursor* in, const YearHint& hint) {
  Cursor at = *in;
  YearlessTime date;
  date.month = MonthFromName(at.rest().substr(0, 3));
  if (date.month == 0) return std::nullopt;
  at.Advance(3);
  ClockTime clock;
  if (at.SkipBlanks() == 0 || !at.Digits(1, 2, &date.day) || at.SkipBlanks() == 0) {
    return std::nullopt;
  }
  int year = 0;
  if (at.Digits(4, 4, &year)) at.SkipBlanks();
  if (!ReadClock(&at, &clock)) return std::nullopt;
  *in = at;
  date.hour = clock.hour;
  date.minute = clock.minute;
  date.second = clock.second;
  date.nanos = clock.nanos;
  if (year == 0) return WithYear(date, hint);
  return FromCivil(year, date.month, date.day, date.hour, date.minute, date.second, date.nanos);
}

}  // namespace

bool ParseSyslog(std::string_view line, const YearHint& hint, Line* out) {
  Cursor in(line);
  int64_t octets = 0;
  if (IsDigit(in.peek())) {  // "123 <165>1 ...", as relayed over TCP
    Cursor at = in;
    if (at.Digits(1, 7, &octets) && at.Skip(' ') && at.peek() == '<') in = at;
  }
  int priority = -1;
  if (in.peek() == '<') {
    in.Advance(1);
    if (!in.Digits(1, 3, &priority) || priority > 191 || !in.Skip('>')) return false;
  }
  Line found = *out;
  if (priority >= 0) found.facility = priority / 8;
  found.shape = Line::Shape::kSyslog;
  if (priority >= 0 && ParseRfc5424(in, &found)) {
    if (found.program == "kernel") found.text = StripUptime(found.text);
    *out = found;
    return true;
  }

  bool iso = false;
  std::optional<Time> time = ReadBsdDate(&in, hint);
  if (!time) {
    size_t end = 0;
    // A 'T' within, so that an application's "2024-05-20 10:13:20 host: ..." is left alone.
    if (in.rest().size() < 20 || in.rest()[10] != 'T') return false;
    time = ParseTime(in.rest(), &end);
    if (!time) return false;
    in.Advance(end);
    iso = true;
  }
  if (in.SkipBlanks() == 0) return false;
  found.time = *time;

  Cursor at = in;
  const std::string_view first = at.Word();
  if (std::string_view program = ProgramOfTag(first); !program.empty()) {
    if (iso && priority < 0) return false;
    found.program = program;
    in = at;
  } else if (IsHostName(first) && at.SkipBlanks() > 0) {
    const std::string_view second = at.Word();
    program = ProgramOfTag(second);
    if (program.empty()) {
      if (iso && priority < 0) return false;
      in.Word();  // only the host is known
    } else {
      found.program = program;
      in = at;
    }
    found.host = first;
  } else if (iso && priority < 0) {
    return false;
  }
  in.Skip(' ');
  found.text = in.rest();
  if (found.program == "kernel") found.text = StripUptime(found.text);
  *out = found;
  return true;
}

}  // namespace tocsin::ingest
