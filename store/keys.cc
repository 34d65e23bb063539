// SPDX-License-Identifier: Apache-2.0
#include "store/keys.h"

namespace tocsin::store {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr uint32_t kSignBit32 = uint32_t{1} << 31;
constexpr size_t kIncidentHeader_bytes = 16;

void AppendBig32(uint32_t bits, std::string& key) {
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift);
}

std::optional<uint32_t> TakeBig32(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits = bits << 8 | static_cast<uint8_t>(bytes[i]);
  bytes.remove_prefix(4);
  return bits;
}

// Length of the well-formed UTF-8 sequence at the front (Unicode table 3-7), 0 for anything else
// and for NUL.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u;
  };
  auto in = [&](size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  unsigned lead = byte(0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead >= 0xC2 && lead <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void AppendOrdered(int64_t number, std::string& key) {
  uint64_t bits = static_cast<uint64_t>(number) ^ kSignBit;
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift);
}

std::optional<int64_t> TakeOrdered(std::string_view& bytes) {
  if (bytes.size() < 8) return std::nullopt;
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | static_cast<uint8_t>(bytes[i]);
  bytes.remove_prefix(8);
  return static_cast<int64_t>(bits ^ kSignBit);
}

void AppendPart(std::string_view part, std::string& key) {
  for (char c : part) {
    key += c;
    if (c == '\0') key += '\xFF';
  }
  key += '\0';
  key += '\x01';
}

std::optional<std::string> TakePart(std::string_view& bytes) {
  std::string part;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\0') {
      part += bytes[i];
      continue;
    }
    if (++i == bytes.size()) return std::nullopt;
    if (bytes[i] == '\x01') {
      bytes.remove_prefix(i + 1);
      return part;
    }
    if (bytes[i] != '\xFF') return std::nullopt;
    part += '\0';
  }
  return std::nullopt;
}

std::string OrderedValue(int64_t number) {
  std::string value;
  AppendOrdered(number, value);
  return value;
}

std::optional<int64_t> ParseOrderedValue(std::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  return TakeOrdered(bytes);
}

std::string EncodePositionKey(std::string_view source, int32_t partition) {
  std::string key;
  AppendPart(source, key);
  AppendBig32(static_cast<uint32_t>(partition) ^ kSignBit32, key);
  return key;
}

std::optional<PositionKey> DecodePositionKey(std::string_view key) {
  std::optional<std::string> source = TakePart(key);
  if (!source) return std::nullopt;
  std::optional<uint32_t> bits = TakeBig32(key);
  if (!bits || !key.empty()) return std::nullopt;
  return PositionKey{std::move(*source), static_cast<int32_t>(*bits ^ kSignBit32)};
}

std::string EncodeTallyKey(std::string_view cluster, std::string_view node, uint32_t stream) {
  std::string key = TallyNodePrefix(cluster, node);
  AppendBig32(stream, key);
  return key;
}

std::optional<TallyKey> DecodeTallyKey(std::string_view key) {
  std::optional<std::string> cluster = TakePart(key);
  if (!cluster) return std::nullopt;
  std::optional<std::string> node = TakePart(key);
  if (!node) return std::nullopt;
  std::optional<uint32_t> stream = TakeBig32(key);
  if (!stream || !key.empty()) return std::nullopt;
  return TallyKey{std::move(*cluster), std::move(*node), *stream};
}

std::string TallyClusterPrefix(std::string_view cluster) {
  std::string prefix;
  AppendPart(cluster, prefix);
  return prefix;
}

std::string TallyNodePrefix(std::string_view cluster, std::string_view node) {
  std::string prefix = TallyClusterPrefix(cluster);
  AppendPart(node, prefix);
  return prefix;
}

std::string EncodeRevisionKey(int64_t revision, std::string_view name) {
  std::string key;
  AppendOrdered(revision, key);
  key += name;
  return key;
}

std::optional<RevisionKey> DecodeRevisionKey(std::string_view key) {
  std::optional<int64_t> revision = TakeOrdered(key);
  if (!revision) return std::nullopt;
  return RevisionKey{*revision, key};
}

std::string EncodeAliasTargetKey(std::string_view target, std::string_view alias) {
  std::string key = AliasTargetPrefix(target);
  key += alias;
  return key;
}

std::optional<AliasTargetKey> DecodeAliasTargetKey(std::string_view key) {
  std::optional<std::string> target = TakePart(key);
  if (!target) return std::nullopt;
  return AliasTargetKey{std::move(*target), key};
}

std::string AliasTargetPrefix(std::string_view target) {
  std::string prefix;
  AppendPart(target, prefix);
  return prefix;
}

std::string EncodeExpiryKey(ExpiryKind kind, Time since, std::string_view id) {
  std::string key(1, static_cast<char>(kind));
  AppendOrdered(ToNanos(since), key);
  key += id;
  return key;
}

std::optional<ExpiryKey> DecodeExpiryKey(std::string_view key) {
  if (key.empty()) return std::nullopt;
  char kind = key.front();
  key.remove_prefix(1);
  if (kind != 'a' && kind != 'i' && kind != 'p') return std::nullopt;
  std::optional<int64_t> since = TakeOrdered(key);
  if (!since) return std::nullopt;
  return ExpiryKey{static_cast<ExpiryKind>(kind), TimeFromNanos(*since), key};
}

std::string EncodeIncidentHeader(int64_t revision, Time resolved) {
  std::string header;
  AppendOrdered(revision, header);
  AppendOrdered(ToNanos(resolved), header);
  return header;
}

std::optional<IncidentValue> DecodeIncidentValue(std::string_view value) {
  if (value.size() < kIncidentHeader_bytes) return std::nullopt;
  IncidentValue decoded;
  decoded.revision = *TakeOrdered(value);
  decoded.resolved = TimeFromNanos(*TakeOrdered(value));
  decoded.proto = value;
  return decoded;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

std::optional<IncidentName> SplitIncidentName(std::string_view name) {
  constexpr std::string_view kCollection = "/incidents/";
  size_t slash = name.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == name.size()) return std::nullopt;
  std::string_view prefix = name.substr(0, slash + 1);
  if (prefix.size() <= kCollection.size() ||
      prefix.substr(prefix.size() - kCollection.size()) != kCollection) {
    return std::nullopt;
  }
  return IncidentName{prefix, name.substr(slash + 1)};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    size_t length = Utf8Length(text);
    if (length == 0) {
      valid += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

}  // namespace tocsin::store
