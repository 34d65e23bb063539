// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "tocsin/state/v1/page.pb.h"

namespace tocsin::api {

inline constexpr int kPageSizeDefault = 50;
inline constexpr int kPageSizeMax = 1000;
// A page ends early before it grows beyond this: gRPC clients refuse messages over 4 MiB by
// default.
inline constexpr size_t kPageMax_bytes = 3 << 20;

// 0: the default; too large: the maximum; negative: INVALID_ARGUMENT.
absl::StatusOr<int> PageSize(int32_t requested);

// A number that differs when any of the texts does. The same in every process and release.
uint64_t Fingerprint(std::initializer_list<std::string_view> texts);

// URL-safe, without padding.
std::string WriteToken(const state::v1::PageToken& token);
// `text` empty: a first page, version 0. INVALID_ARGUMENT (INVALID_PAGE_TOKEN) if it is not a token
// of this `method`, or was given for other `arguments`.
absl::StatusOr<state::v1::PageToken> ReadToken(const std::string& text, std::string_view method,
                                               uint64_t arguments);

}  // namespace tocsin::api
