// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin::ingest {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
inline bool IsAlnum(char c) { return IsDigit(c) || IsUpper(c) || IsLower(c); }
inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Removes one trailing "\n" or "\r\n".
inline std::string_view StripNewline(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

// Reads a line from left to right. What fails consumes nothing. Points into its text, owns nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  // '\0' at the end, which no format here gives a meaning to.
  char peek(size_t ahead = 0) const { return ahead < rest_.size() ? rest_[ahead] : '\0'; }

  void Advance(size_t count) { rest_.remove_prefix(count < rest_.size() ? count : rest_.size()); }
  bool Skip(char c) {
    if (peek() != c || done()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Skip(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // Spaces and tabs; how many there were.
  size_t SkipBlanks() {
    size_t count = 0;
    while (count < rest_.size() && IsBlank(rest_[count])) ++count;
    rest_.remove_prefix(count);
    return count;
  }
  // A decimal number of `min` to `max` digits (at most 19, and below 2^63), followed by anything
  // but another digit.
  bool Digits(size_t min, size_t max, int64_t* value) {
    uint64_t sum = 0;
    size_t count = 0;
    while (count < rest_.size() && IsDigit(rest_[count])) {
      if (count == max) return false;
      sum = sum * 10 + static_cast<uint64_t>(rest_[count] - '0');
      ++count;
    }
    if (count < min || sum > INT64_MAX) return false;
    *value = static_cast<int64_t>(sum);
    rest_.remove_prefix(count);
    return true;
  }
  bool Digits(size_t min, size_t max, int* value) {
    int64_t wide = 0;
    if (!Digits(min, max < 9 ? max : 9, &wide)) return false;
    *value = static_cast<int>(wide);
    return true;
  }
  // Up to the next space or tab, which stays.
  std::string_view Word() {
    size_t count = 0;
    while (count < rest_.size() && !IsBlank(rest_[count])) ++count;
    const std::string_view word = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return word;
  }

 private:
  std::string_view rest_;
};

// "10:13:20" and an optional fraction of up to nine digits after '.' or ','.
struct ClockTime {
  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t nanos = 0;
};
inline bool ReadClock(Cursor* in, ClockTime* out) {
  Cursor at = *in;
  if (!at.Digits(2, 2, &out->hour) || !at.Skip(':') || !at.Digits(2, 2, &out->minute) ||
      !at.Skip(':') || !at.Digits(2, 2, &out->second)) {
    return false;
  }
  out->nanos = 0;
  if ((at.peek() == '.' || at.peek() == ',') && IsDigit(at.peek(1))) {
    at.Advance(1);
    int64_t unit = 1'000'000'000;
    while (!at.done() && IsDigit(at.peek())) {
      unit /= 10;
      out->nanos += (at.peek() - '0') * unit;
      at.Advance(1);
    }
  }
  *in = at;
  return true;
}

}  // namespace tocsin::ingest
