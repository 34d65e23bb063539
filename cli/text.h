// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

// Text as a terminal shows it. Widths are columns: a Chinese character takes two, a combining mark
// none.
namespace tocsin::cli {

size_t DisplayWidth(std::string_view utf8);

// A log line made safe to print: it was written by somebody else, and must not move the cursor,
// change colours or reorder what stands around it. Control characters and bytes that are not UTF-8
// become \n, \t, \x1b, ...; bidirectional overrides become \u202e and the like.
std::string Printable(std::string_view bytes);

// At most `width` columns, the last one an ellipsis where something was cut off.
std::string Cut(std::string_view utf8, size_t width);
// At least `width` columns, filled with spaces behind (or before).
std::string Pad(std::string_view utf8, size_t width);
std::string PadLeft(std::string_view utf8, size_t width);

// Lines of at most `width` columns, broken at spaces and between wide characters; a longer word is
// broken anywhere. Line breaks of the text are kept. Never empty.
std::vector<std::string> Wrap(std::string_view utf8, size_t width);

// "12s", "8m", "3h20m", "4d": two units at most. Negative is "0s".
std::string Age(Duration duration);
// "1,234,567"
std::string WithCommas(uint64_t number);
// "1 line", "2,345 lines"
std::string Plural(uint64_t number, std::string_view noun);
// "2024-05-20 10:13:20"; with the date left out: "10:13:20". UTC.
std::string DateTime(Time time);
std::string ClockTime(Time time);
// "1.5 GiB"
std::string Bytes(uint64_t bytes);

}  // namespace tocsin::cli
