// SPDX-License-Identifier: Apache-2.0
#include "ingest/json_shape.h"

#include <algorithm>
#include <cstdint>

#include "ingest/decoder.h"

namespace tocsin::ingest {

std::string_view TrimJson(std::string_view text) {
  while (!text.empty() && static_cast<uint8_t>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<uint8_t>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

Nesting NestingOf(std::string_view json) {
  Nesting nesting;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      nesting.deepest = std::max(nesting.deepest, ++nesting.open);
    } else if (c == '}' || c == ']') {
      --nesting.open;
    }
  }
  return nesting;
}

bool TooDeep(std::string_view json) {
  if (json.size() <= kMaxDepth) return false;
  size_t openers = 0;
  for (const char c : json) {
    openers += static_cast<size_t>(c == '{') + static_cast<size_t>(c == '[');
  }
  return openers > kMaxDepth && NestingOf(json).deepest > kMaxDepth;
}

bool IsLineOfMany(std::string_view json) {
  const size_t end = json.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view first = TrimJson(json.substr(0, end));
  const std::string_view rest = TrimJson(json.substr(end));
  return first.size() > 1 && first[0] == '{' && first.back() == '}' && !rest.empty() &&
         rest[0] == '{';
}

}  // namespace tocsin::ingest
