// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/core.h>

namespace tocsin::cli {
namespace {

struct Range {
  uint32_t first, last;
};

// East Asian Wide and Fullwidth, and emoji: what terminals draw two columns wide.
constexpr std::array<Range, 18> kWide = {{{0x1100, 0x115f},
                                          {0x231a, 0x231b},
                                          {0x23e9, 0x23ec},
                                          {0x2e80, 0x303e},
                                          {0x3041, 0x33ff},
                                          {0x3400, 0x4dbf},
                                          {0x4e00, 0x9fff},
                                          {0xa000, 0xa4cf},
                                          {0xa960, 0xa97c},
                                          {0xac00, 0xd7a3},
                                          {0xf900, 0xfaff},
                                          {0xfe30, 0xfe6f},
                                          {0xff00, 0xff60},
                                          {0xffe0, 0xffe6},
                                          {0x1f300, 0x1f64f},
                                          {0x1f900, 0x1f9ff},
                                          {0x20000, 0x2fffd},
                                          {0x30000, 0x3fffd}}};
constexpr std::array<Range, 7> kZeroWidth = {{{0x0300, 0x036f},
                                              {0x1ab0, 0x1aff},
                                              {0x1dc0, 0x1dff},
                                              {0x200b, 0x200f},
                                              {0x20d0, 0x20ff},
                                              {0xfe00, 0xfe0f},
                                              {0xfe20, 0xfe2f}}};

template <size_t N>
bool In(const std::array<Range, N>& ranges, uint32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](Range range) { return range.first <= c && c <= range.last; });
}

constexpr uint32_t kInvalid = UINT32_MAX;

// Takes one code point off the front of `s`; kInvalid takes one byte.
uint32_t Next(std::string_view& s) {
  auto byte = [&s](size_t i) { return static_cast<uint8_t>(s[i]); };
  uint32_t c = byte(0);
  size_t length = c < 0x80                ? 1
                  : c >= 0xc2 && c < 0xe0 ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;
  bool valid = length != 0 && length <= s.size();
  if (valid && length > 1) {
    c &= 0x7fU >> length;
    for (size_t i = 1; i < length; ++i) {
      valid = valid && (byte(i) & 0xc0) == 0x80;
      c = c << 6 | (byte(i) & 0x3f);
    }
    constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
    valid = valid && c >= kLeast[length] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
  }
  s.remove_prefix(valid ? length : 1);
  return valid ? c : kInvalid;
}

size_t WidthOf(uint32_t c) {
  if (c == kInvalid) return 1;
  if (c < 0x300) return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : 1;
  if (In(kZeroWidth, c)) return 0;
  return In(kWide, c) ? 2 : 1;
}

// Characters that change how what follows them is drawn.
bool IsBidiControl(uint32_t c) {
  return c == 0x200e || c == 0x200f || c == 0x061c || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

}  // namespace

size_t DisplayWidth(std::string_view utf8) {
  size_t width = 0;
  while (!utf8.empty()) width += WidthOf(Next(utf8));
  return width;
}

std::string Printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    std::string_view rest = bytes;
    uint32_t c = Next(rest);
    std::string_view taken = bytes.substr(0, bytes.size() - rest.size());
    if (c == kInvalid) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(taken[0]));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      out += fmt::format("\\x{:02x}", c);
    } else if (IsBidiControl(c)) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += taken;
    }
    bytes = rest;
  }
  return out;
}

std::string Cut(std::string_view utf8, size_t width) {
  if (DisplayWidth(utf8) <= width) return std::string(utf8);
  if (width == 0) return "";
  std::string_view rest = utf8;
  size_t used = 0;
  size_t end = 0;
  while (!rest.empty()) {
    used += WidthOf(Next(rest));
    if (used > width - 1) break;
    end = utf8.size() - rest.size();
  }
  return std::string(utf8.substr(0, end)) + "…";
}

std::string Pad(std::string_view utf8, size_t width) {
  std::string out(utf8);
  size_t own = DisplayWidth(utf8);
  if (own < width) out.append(width - own, ' ');
  return out;
}

std::string PadLeft(std::string_view utf8, size_t width) {
  size_t own = DisplayWidth(utf8);
  return own < width ? std::string(width - own, ' ').append(utf8) : std::string(utf8);
}

std::vector<std::string> Wrap(std::string_view utf8, size_t width) {
  width = std::max<size_t>(width, 2);
  std::vector<std::string> lines;
  while (true) {
    size_t newline = utf8.find('\n');
    std::string_view paragraph = utf8.substr(0, newline);
    do {
      // The longest prefix that fits, and the last place in it where a line may end.
      std::string_view rest = paragraph;
      size_t used = 0, fits = 0, breakable = 0;
      while (!rest.empty()) {
        size_t at = paragraph.size() - rest.size();
        uint32_t c = Next(rest);
        size_t w = WidthOf(c);
        if (c == ' ' || w == 2) breakable = at;
        if (used + w > width) break;
        used += w;
        fits = paragraph.size() - rest.size();
        if (w == 2) breakable = fits;
      }
      if (fits == paragraph.size()) {
        lines.emplace_back(paragraph);
        break;
      }
      size_t end = breakable > 0 ? std::min(breakable, fits) : std::max<size_t>(fits, 1);
      lines.emplace_back(paragraph.substr(0, end));
      while (!lines.back().empty() && lines.back().back() == ' ') lines.back().pop_back();
      paragraph.remove_prefix(end);
      while (!paragraph.empty() && paragraph.front() == ' ') paragraph.remove_prefix(1);
    } while (!paragraph.empty());
    if (newline == std::string_view::npos) break;
    utf8.remove_prefix(newline + 1);
    if (utf8.empty()) break;
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string Age(Duration duration) {
  int64_t s = std::max<int64_t>(0, std::chrono::floor<seconds>(duration).count());
  if (s < 60) return fmt::format("{}s", s);
  if (s < 600 && s % 60 != 0) return fmt::format("{}m{}s", s / 60, s % 60);
  if (s < 3600) return fmt::format("{}m", s / 60);
  if (s < 86400) {
    return s / 60 % 60 == 0 ? fmt::format("{}h", s / 3600)
                            : fmt::format("{}h{}m", s / 3600, s / 60 % 60);
  }
  int64_t days = s / 86400, hours = s / 3600 % 24;
  return days >= 10 || hours == 0 ? fmt::format("{}d", days) : fmt::format("{}d{}h", days, hours);
}

std::string WithCommas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string Plural(uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", WithCommas(number), noun, number == 1 ? "" : "s");
}

std::string DateTime(Time time) {
  std::string full = FormatTime(std::chrono::floor<seconds>(time));
  if (full.size() < 20) return full;
  return full.substr(0, 10) + " " + full.substr(11, 8);
}

std::string ClockTime(Time time) { return DateTime(time).substr(11); }

std::string Bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace tocsin::cli
