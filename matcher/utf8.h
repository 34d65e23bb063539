// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// Log lines are bytes; protobuf strings must be UTF-8. These three stand between.
namespace tocsin::matcher {

// No overlong forms, no surrogates, nothing above U+10FFFF. NUL is valid.
bool IsValidUtf8(std::string_view bytes);

// `bytes` itself where it is valid, else a copy in `scratch` with each byte that fits nowhere
// replaced by U+FFFD. The result lives as long as both.
std::string_view ValidUtf8(std::string_view bytes, std::string& scratch);

// The longest prefix of at most `max_bytes` that does not cut a character in two.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

}  // namespace tocsin::matcher
