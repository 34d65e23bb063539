// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "ingest/decoder.h"

namespace tocsin::ingest {
namespace {
constexpr std::array<std::string_view, kFormatCount> kFormats = {
    "auto", "json", "cri", "docker", "journal", "klog", "syslog", "kmsg", "dmesg", "event", "text"};
constexpr std::array<std::string_view, kBadReasonCount> kReasons = {
    "empty", "too-large", "not-json", "truncated", "too-deep", "not-utf8", "not-object", "no-text"};
}  // namespace

std::string_view FormatName(Format format) { return kFormats[static_cast<size_t>(format)]; }

std::optional<Format> FormatFromName(std::string_view name) {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i] == name) return static_cast<Format>(i);
  }
  return std::nullopt;
}

std::string_view BadReasonName(BadReason reason) { return kReasons[static_cast<size_t>(reason)]; }

}  // namespace tocsin::ingest
