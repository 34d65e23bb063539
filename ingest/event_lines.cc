// SPDX-License-Identifier: Apache-2.0
// Kubernetes events as kubectl prints them.
//
//   get events:       [NAMESPACE] LAST-SEEN TYPE REASON OBJECT MESSAGE
//   describe, Events: TYPE REASON AGE FROM MESSAGE, indented
//
// Columns are padded with blanks. Only AGE may contain single ones ("49s (x12 over 3m)").
#include "ingest/cursor.h"
#include "ingest/line.h"

namespace tocsin::ingest {
namespace {

// "49s", "5m3s", "2d", "2d4h", "<unknown>", "<invalid>"
bool ReadAge(Cursor* in) {
  Cursor at = *in;
  if (!at.Skip("<unknown>") && !at.Skip("<invalid>")) {
    bool any = false;
    int64_t number = 0;
    while (at.Digits(1, 6, &number)) {
      const char unit = at.peek();
      if (unit != 's' && unit != 'm' && unit != 'h' && unit != 'd' && unit != 'y') return false;
      at.Advance(1);
      any = true;
    }
    if (!any) return false;
  }
  if (!IsBlank(at.peek())) return false;
  *in = at;
  return true;
}

// " (x12 over 3m)" after an age; 1 where there is none.
int64_t ReadRepeats(Cursor* in) {
  Cursor at = *in;
  int64_t count = 1;
  at.SkipBlanks();
  if (!at.Skip("(x") || !at.Digits(1, 15, &count)) return 1;
  const size_t close = at.rest().find(')');
  if (close == std::string_view::npos || close > 24) return 1;
  at.Advance(close + 1);
  *in = at;
  return count < 1 ? 1 : count;
}

bool ReadType(Cursor* in, bool* warning) {
  Cursor at = *in;
  const bool is_warning = at.Skip("Warning");
  if (!is_warning && !at.Skip("Normal")) return false;
  if (!IsBlank(at.peek())) return false;
  at.SkipBlanks();
  *warning = is_warning;
  *in = at;
  return true;
}

// A reason is one CamelCase word.
bool ReadReason(Cursor* in, std::string_view* reason) {
  Cursor at = *in;
  const std::string_view word = at.Word();
  if (word.size() < 3 || !IsUpper(word[0]) || at.SkipBlanks() == 0) return false;
  for (const char c : word) {
    if (!IsAlnum(c) && c != '-' && c != '_') return false;
  }
  *reason = word;
  *in = at;
  return true;
}

bool ParseGetRow(Cursor in, Line* out) {
  Line found = *out;
  Cursor at = in;
  if (!ReadAge(&at)) {
    at = in;
    found.event_ns = at.Word();
    if (found.event_ns.empty() || at.SkipBlanks() == 0 || !ReadAge(&at)) return false;
  }
  found.event_count = ReadRepeats(&at);
  at.SkipBlanks();
  if (!ReadType(&at, &found.event_warning) || !ReadReason(&at, &found.event_reason)) return false;
  const std::string_view object = at.Word();
  const size_t slash = object.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == object.size()) return false;
  found.event_kind = object.substr(0, slash);
  found.event_name = object.substr(slash + 1);
  at.SkipBlanks();
  found.event_message = at.rest();
  *out = found;
  return true;
}

bool ParseDescribeRow(Cursor in, Line* out) {
  Line found = *out;
  if (!ReadType(&in, &found.event_warning) || !ReadReason(&in, &found.event_reason) ||
      !ReadAge(&in)) {
    return false;
  }
  found.event_count = ReadRepeats(&in);
  in.SkipBlanks();
  found.event_source = in.Word();
  // "kubelet, node-17": older versions name the node.
  if (!found.event_source.empty() && found.event_source.back() == ',') {
    found.event_source.remove_suffix(1);
    in.Skip(' ');
    found.host = in.Word();
  }
  in.SkipBlanks();
  found.event_message = in.rest();
  *out = found;
  return true;
}

}  // namespace

bool ParseEventRow(std::string_view line, Line* out) {
  // A row is told from prose by its type; looking for it first keeps other lines cheap.
  const std::string_view head = line.substr(0, 160);
  if (head.find("Warning ") == std::string_view::npos &&
      head.find("Normal ") == std::string_view::npos) {
    return false;
  }
  Cursor in(line);
  in.SkipBlanks();
  Line found = *out;
  if (!ParseDescribeRow(in, &found) && !ParseGetRow(in, &found)) return false;
  found.shape = Line::Shape::kEvent;
  found.text = found.event_message;
  *out = found;
  return true;
}

}  // namespace tocsin::ingest
