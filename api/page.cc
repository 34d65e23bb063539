// SPDX-License-Identifier: Apache-2.0
#include "api/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"

#include "api/error.h"
#include "base/status.h"

namespace tocsin::api {

constexpr int kTokenVersion = 1;

absl::StatusOr<int> PageSize(int32_t requested) {
  if (requested < 0) {
    return BadField("page_size", fmt::format("{} is negative", requested), "INVALID_PAGE_SIZE");
  }
  return requested == 0 ? kPageSizeDefault : std::min(requested, kPageSizeMax);
}

// FNV-1a, each text after its length so that ("ab", "c") and ("a", "bc") differ.
uint64_t Fingerprint(std::initializer_list<std::string_view> texts) {
  uint64_t hash = 0xcbf29ce484222325;
  auto add = [&](uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (std::string_view text : texts) {
    for (int shift = 0; shift < 64; shift += 8) add((uint64_t{text.size()} >> shift) & 0xFF);
    for (char c : text) add(static_cast<unsigned char>(c));
  }
  return hash;
}

std::string WriteToken(const state::v1::PageToken& token) {
  state::v1::PageToken copy = token;
  copy.set_version(kTokenVersion);
  return absl::WebSafeBase64Escape(copy.SerializeAsString());
}

absl::StatusOr<state::v1::PageToken> ReadToken(const std::string& text, std::string_view method,
                                               uint64_t arguments) {
  state::v1::PageToken token;
  if (text.empty()) return token;
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || !token.ParseFromString(bytes) ||
      token.version() != kTokenVersion || token.method() != method) {
    return BadField("page_token", "this is no token that this method gave; start with an empty one",
                    "INVALID_PAGE_TOKEN");
  }
  if (token.arguments() != arguments) {
    return BadField("page_token",
                    "the other arguments differ from those of the page before; only page_size may",
                    "INVALID_PAGE_TOKEN");
  }
  return token;
}

}  // namespace tocsin::api
