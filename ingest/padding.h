// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "ingest/decoder.h"

namespace tocsin::ingest {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAlwaysPad = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAlwaysPad = true;
#else
inline constexpr bool kAlwaysPad = false;
#endif
#else
inline constexpr bool kAlwaysPad = false;
#endif

// Gives bytes the padding that simdjson reads into (and ignores). Bytes behind a payload are
// readable as long as they are in its last byte's page: looking costs 6 ns, copying a payload 90.
class PadBuffer {
 public:
  // `bytes` itself, or a copy that lives until the next call.
  std::string_view Pad(std::string_view bytes) {
    constexpr uintptr_t kPage = 4096;
    const auto end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
    const bool crosses = (end - 1) / kPage != (end + kPadding - 1) / kPage;
    if (!kAlwaysPad && !crosses) return bytes;
    if (copy_.size() < bytes.size() + kPadding) copy_.resize(2 * (bytes.size() + kPadding));
    std::memcpy(copy_.data(), bytes.data(), bytes.size());
    std::memset(copy_.data() + bytes.size(), 0, kPadding);
    return {copy_.data(), bytes.size()};
  }

 private:
  std::vector<char> copy_;
};

}  // namespace tocsin::ingest
