// SPDX-License-Identifier: Apache-2.0
#include "matcher/utf8.h"

#include <cstdint>
#include <cstring>

namespace tocsin::matcher {
namespace {

// Length of the valid character that begins at `pos`; 0 if there is none.
size_t CharacterAt(std::string_view s, size_t pos) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char first = byte(pos);
  if (first < 0x80) return 1;
  size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || pos + length > s.size()) return 0;
  unsigned char second = byte(pos + 1);
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(pos + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Where the first invalid byte stands, or size().
size_t FirstInvalid(std::string_view s) {
  size_t pos = 0;
  while (pos < s.size()) {
    uint64_t word;
    if (pos + 8 <= s.size()) {
      std::memcpy(&word, s.data() + pos, 8);
      if ((word & 0x8080808080808080) == 0) {
        pos += 8;
        continue;
      }
    }
    size_t length = CharacterAt(s, pos);
    if (length == 0) return pos;
    pos += length;
  }
  return pos;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) { return FirstInvalid(bytes) == bytes.size(); }

std::string_view ValidUtf8(std::string_view bytes, std::string& scratch) {
  size_t good = FirstInvalid(bytes);
  if (good == bytes.size()) return bytes;
  scratch.clear();
  while (true) {
    scratch.append(bytes.substr(0, good));
    if (good == bytes.size()) return scratch;
    scratch.append("\xEF\xBF\xBD");
    bytes.remove_prefix(good + 1);
    good = FirstInvalid(bytes);
  }
}

std::string_view CutUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  // Back over continuation bytes, at most three: more is not UTF-8 anyway.
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; ++i) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace tocsin::matcher
