// SPDX-License-Identifier: Apache-2.0
#include "api/glob.h"

#include <algorithm>

namespace tocsin::api {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

size_t Find(std::string_view text, std::string_view part, size_t from, bool fold) {
  if (!fold) return text.find(part, from);
  auto found = std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(),
                           part.begin(), part.end(), [](char a, char b) { return Lower(a) == b; });
  if (found == text.end() && !part.empty()) return std::string_view::npos;
  return static_cast<size_t>(found - text.begin());
}

}  // namespace

Glob::Glob(std::string_view pattern, Mode mode) : mode_(mode) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '*') {
      parts_.emplace_back();
      continue;
    }
    if (c == '\\' && i + 1 < pattern.size() && (pattern[i + 1] == '*' || pattern[i + 1] == '\\')) {
      c = pattern[++i];
    }
    parts_.back() += mode == Mode::kContains ? Lower(c) : c;
  }
}

// Leftmost match of each part in turn: with nothing but stars between them, an earlier place for
// one part never spoils the next.
bool Glob::Matches(std::string_view text) const {
  const bool whole = mode_ == Mode::kWhole;
  if (whole) {
    if (!has_star()) return text == parts_[0];
    if (!text.starts_with(parts_.front())) return false;
    text.remove_prefix(parts_.front().size());
    if (!text.ends_with(parts_.back())) return false;
    text.remove_suffix(parts_.back().size());
  }
  size_t at = 0;
  for (size_t i = whole ? 1 : 0; i + (whole ? 1 : 0) < parts_.size(); ++i) {
    size_t found = Find(text, parts_[i], at, !whole);
    if (found == std::string_view::npos) return false;
    at = found + parts_[i].size();
  }
  return true;
}

}  // namespace tocsin::api
