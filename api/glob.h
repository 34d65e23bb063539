// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tocsin::api {

// A text with `*` for "anything". "\*" is a star, "\\" a backslash, any other backslash itself.
class Glob {
 public:
  enum class Mode {
    kWhole,     // the whole text, exactly
    kContains,  // somewhere in the text, ignoring the case of ASCII letters
  };
  Glob() = default;
  Glob(std::string_view pattern, Mode mode);

  // Time: length of the text times the longest part, at worst.
  bool Matches(std::string_view text) const;
  bool has_star() const { return parts_.size() > 1; }

 private:
  Mode mode_ = Mode::kWhole;
  std::vector<std::string> parts_{""};  // between the stars; at least one
};

}  // namespace tocsin::api
