// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <fmt/core.h>

// Errors are values at module edges. The codes are gRPC's, so `api` translates them one to one.
// Debian's absl::string_view is its own type: build messages with these makers, not with
// absl::StrCat.
namespace tocsin {

template <typename... Args>
absl::Status Error(absl::StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return absl::Status(code, fmt::format(format, std::forward<Args>(args)...));
}
// The caller gave something that can never work: bad configuration, bad signature, bad request.
template <typename... Args>
absl::Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kInvalidArgument, format, std::forward<Args>(args)...);
}
template <typename... Args>
absl::Status NotFound(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kNotFound, format, std::forward<Args>(args)...);
}
// The request is sound but the present state forbids it; somebody must act before it can work.
template <typename... Args>
absl::Status FailedPrecondition(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kFailedPrecondition, format, std::forward<Args>(args)...);
}
// The environment is broken (broker, disk): worth retrying.
template <typename... Args>
absl::Status Unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kUnavailable, format, std::forward<Args>(args)...);
}
// Stored bytes do not mean what they should.
template <typename... Args>
absl::Status DataLoss(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, format, std::forward<Args>(args)...);
}

inline std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

namespace internal {
[[noreturn]] inline void Die(const char* file, int line, const char* what) {
  std::fprintf(stderr, "tocsin: %s:%d: broken invariant: %s\n", file, line, what);
  std::abort();
}
}  // namespace internal
}  // namespace tocsin

// A broken invariant dies: untested recovery is where incidents come from.
#define TOCSIN_CHECK(condition) \
  ((condition) ? (void)0 : ::tocsin::internal::Die(__FILE__, __LINE__, #condition))

#define TOCSIN_CONCAT_(a, b) a##b
#define TOCSIN_CONCAT(a, b) TOCSIN_CONCAT_(a, b)

#define RETURN_IF_ERROR(expr)                                                           \
  do {                                                                                  \
    if (absl::Status status_macro_ = (expr); !status_macro_.ok()) return status_macro_; \
  } while (false)

// ASSIGN_OR_RETURN(auto value, Function());
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_(TOCSIN_CONCAT(status_or_macro_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                      \
  if (!tmp.ok()) return tmp.status();     \
  lhs = std::move(tmp).value()
