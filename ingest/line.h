// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "ingest/wire_time.h"

namespace tocsin::ingest {

// What one printed line says about itself. Claims, not facts: which of them are believed is decided
// in identity.h. All views point into the line.
struct Line {
  enum class Shape : uint8_t {
    kPlain,   // nothing known; `time` may still be set from a leading date
    kCri,     // text is the content
    kKlog,    // text is the whole line: the header is the component's own
    kLogfmt,  // the same
    kSyslog,  // text is what follows the tag
    kKernel,  // dmesg or kmsg: text is what follows level, time and caller
    kEvent,   // a row of kubectl's tables: the event_ fields are set
  };
  Shape shape = Shape::kPlain;
  bool has_uptime = false;  // kKernel without a calendar time
  int facility = -1;        // of the priority, where one is printed; 0 is the kernel's
  std::string_view text;
  std::string_view host;
  std::string_view program;  // the syslog tag without its pid
  Time time = kNoTime;
  Duration uptime{};

  std::string_view event_ns;
  std::string_view event_reason;
  std::string_view event_kind;  // as printed: "pod", "Pod", "node"; empty in describe's table
  std::string_view event_name;
  std::string_view event_source;  // "kubelet", "default-scheduler"; empty in the get table
  std::string_view event_message;
  int64_t event_count = 1;
  bool event_warning = false;
};

// Each reads one format from the whole of `line` (no trailing newline). False leaves `out` as it
// was.

// "2016-10-06T00:17:09.669794202Z stdout F content"; content may be empty.
bool ParseCri(std::string_view line, Line* out);
// "E0520 10:13:20.123456       1 file.go:147] ..."
bool ParseKlog(std::string_view line, const YearHint& hint, Line* out);
// "time=\"2024-05-20T10:13:20.1Z\" level=error msg=..."
bool ParseLogfmt(std::string_view line, Line* out);
// RFC 5424, RFC 3164, rsyslog's file format (ISO date), each with or without priority and
// octet count. What stands after the tag of the kernel loses its "[12345.678901]" too.
bool ParseSyslog(std::string_view line, const YearHint& hint, Line* out);
// /dev/kmsg: "6,339,5140900,-;text", continuation lines included.
bool ParseKmsg(std::string_view line, Line* out);
// dmesg, dmesg -T, -x, -r, -l, --time-format iso, with or without the caller column.
bool ParseDmesg(std::string_view line, Line* out);
// A row of `kubectl get events`, with or without the NAMESPACE column, or of describe's Events
// table.
bool ParseEventRow(std::string_view line, Line* out);

// The first format above that fits, looking at the first bytes only for most lines; otherwise
// kPlain with the whole line as text and a leading date, if it has one, as time.
void ParseAnyLine(std::string_view line, const YearHint& hint, Line* out);

// "[12345.678901] " or "[ 123.456][ T12] " at the front of a kernel line, removed.
std::string_view StripUptime(std::string_view text);

}  // namespace tocsin::ingest
