// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tocsin::api {

// A filter cut into tokens. `position` is the byte offset from 0.
struct Token {
  enum class Kind { kEnd, kWord, kQuoted, kCompare, kOpen, kClose, kMinus, kAnd, kOr, kNot };
  Kind kind = Kind::kEnd;
  // kCompare: the operator. kWord: as written. kQuoted: unescaped but for "\*" and "\\", which keep
  // their backslash: a `*` without one is a wildcard.
  std::string text;
  size_t position = 0;
};

// Always ends with kEnd. After a comparison a word may hold ":" and begin with "-", so that times,
// durations and "host:port" need no quotes.
absl::StatusOr<std::vector<Token>> Tokenize(std::string_view text);

// INVALID_ARGUMENT about the filter, with the column.
absl::Status FilterError(size_t position, std::string_view reason, std::string_view what);

}  // namespace tocsin::api
