// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <re2/re2.h>

// Internal to matcher: the one way in which RE2 reads a pattern here. See dialect.h.
namespace tocsin::matcher {

inline RE2::Options Re2Options() {
  RE2::Options options(RE2::Latin1);
  options.set_dot_nl(true);
  options.set_never_nl(false);
  options.set_log_errors(false);
  return options;
}

}  // namespace tocsin::matcher
