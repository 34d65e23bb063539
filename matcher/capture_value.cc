// SPDX-License-Identifier: Apache-2.0
#include "matcher/capture_value.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include <fmt/core.h>

#include "base/time.h"
#include "matcher/exit_code.h"

namespace tocsin::matcher {
namespace {

constexpr double kExactMax = 9'007'199'254'740'992;  // whole numbers up to here are exact

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '"')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '"')) text.remove_suffix(1);
  return text;
}

// A number at the beginning of `text`, which is moved behind it: "1,234.5e3".
std::optional<double> TakeNumber(std::string_view& text) {
  std::string digits;
  size_t i = 0;
  for (; i < text.size() && i < 40; ++i) {
    char c = text[i];
    bool next_digit = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    bool sign = (c == '-' || c == '+') && (i == 0 || digits.back() == 'e');
    bool exponent = (c == 'e') && !digits.empty() && next_digit;
    if (c == ',' && !digits.empty() && next_digit) continue;  // thousands
    if (!(c >= '0' && c <= '9') && c != '.' && !sign && !exponent) break;
    digits += c;
  }
  if (!digits.empty() && digits[0] == '+') digits.erase(0, 1);
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  if (!std::isfinite(value) || std::abs(value) > kExactMax) return std::nullopt;
  text.remove_prefix(i);
  return value;
}

std::optional<double> Unit(std::string_view unit) {
  if (unit.empty() || unit == "B" || unit == "bytes" || unit == "byte") return 1;
  double base = 1000;
  std::string_view letters = "kmgtpe";
  size_t power = letters.find(static_cast<char>(unit[0] | 0x20));
  // Kubernetes' "m" is a thousandth; nobody means that of bytes.
  if (power == std::string_view::npos || unit == "m") return std::nullopt;
  unit.remove_prefix(1);
  if (!unit.empty() && unit[0] == 'i') {
    base = 1024;
    unit.remove_prefix(1);
  }
  if (!unit.empty() && unit != "B" && unit != "b") return std::nullopt;
  return std::pow(base, static_cast<double>(power + 1));
}

std::string Plain(double value) {
  // Thousandths are as fine as anything here is measured.
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool Bytes(std::string_view text, std::string& out) {
  std::optional<double> number = TakeNumber(text);
  if (!number || *number < 0) return false;
  std::optional<double> unit = Unit(Trim(text));
  if (!unit || *number * *unit > kExactMax) return false;
  out = fmt::format("{:.0f}", *number * *unit);
  return true;
}

bool Count(std::string_view text, std::string& out) {
  std::optional<double> number = TakeNumber(text);
  if (!number || !text.empty() || *number != std::floor(*number)) return false;
  out = fmt::format("{:.0f}", *number);
  return true;
}

bool Seconds(std::string_view text, std::string& out) {
  // Go prints sums with fractions ("1m2.5s"), and "µs".
  double sum = 0;
  if (text.empty()) return false;
  while (!text.empty()) {
    std::optional<double> number = TakeNumber(text);
    if (!number || *number < 0) return false;
    static constexpr std::pair<std::string_view, double> kUnits[] = {
        {"ms", 1e-3},        {"us", 1e-6}, {"\xC2\xB5s", 1e-6},
        {"\xCE\xBCs", 1e-6}, {"ns", 1e-9}, {"h", 3600},
        {"m", 60},           {"s", 1},     {"d", 86400}};
    bool found = false;
    for (const auto& [name, scale] : kUnits) {
      if (text.substr(0, name.size()) != name) continue;
      sum += *number * scale;
      text.remove_prefix(name.size());
      found = true;
      break;
    }
    if (!found) return false;
  }
  out = Plain(sum) + "s";
  return true;
}

bool Image(std::string_view text, std::string& out) {
  size_t scheme = text.find("://");
  if (scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find("@sha256:"));
  if (text.empty() || text.substr(0, 7) == "sha256:" || text.find(' ') != std::string_view::npos)
    return false;
  out = text;
  return true;
}

bool ExitCode(std::string_view text, std::string& out) {
  int64_t printed = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), printed);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out = std::to_string(ReducedExitCode(printed));
  return true;
}

}  // namespace

bool NormaliseCapture(CaptureType type, std::string_view text, std::string& out) {
  text = Trim(text);
  switch (type) {
    case CaptureType::kText:
      return false;
    case CaptureType::kBytes:
      return Bytes(text, out);
    case CaptureType::kCount:
      return Count(text, out);
    case CaptureType::kDuration:
      return Seconds(text, out);
    case CaptureType::kImage:
      return Image(text, out);
    case CaptureType::kExitCode:
      return ExitCode(text, out);
  }
  return false;
}

}  // namespace tocsin::matcher
