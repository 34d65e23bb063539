// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// What can be said of JSON without parsing it.
namespace tocsin::ingest {

// How deep the brackets of `json` go, and how many of them are still open at its end. Exact for
// JSON, cut off anywhere; a byte at a time, so only for payloads that need it.
struct Nesting {
  int deepest = 0;
  int open = 0;
};
Nesting NestingOf(std::string_view json);

// True beyond kMaxDepth. Counting brackets first, those in strings included, settles nearly every
// payload at the speed of memory.
bool TooDeep(std::string_view json);

// Whether the first line looks like a complete object and another object follows it.
bool IsLineOfMany(std::string_view json);

// Without the white space around it.
std::string_view TrimJson(std::string_view text);

}  // namespace tocsin::ingest
