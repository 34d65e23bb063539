// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tocsin::matcher {

// A 64-bit hash that is the same in every process and release: event uids are stored by it, and
// which entities a lane keeps at its cap is decided by it. Not for security. About 1 ns per 8
// bytes.
inline uint64_t StableHash(std::string_view bytes, uint64_t seed = 0) {
  auto mix = [](uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  constexpr uint64_t kA = 0x9E3779B97F4A7C15, kB = 0xD6E8FEB86659FD93;
  uint64_t hash = mix(seed ^ kA, bytes.size() ^ kB);
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t word;
  for (; left >= 8; at += 8, left -= 8) {
    std::memcpy(&word, at, 8);
    hash = mix(hash ^ word, kB);
  }
  if (left > 0) {
    word = 0;
    std::memcpy(&word, at, left);
    hash = mix(hash ^ word, kB);
  }
  return mix(hash ^ kB, kA);
}

}  // namespace tocsin::matcher
