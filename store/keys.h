// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

// The bytes of every key, and of the few values that are not protobuf. Pure; FORMAT.md says the
// same in prose with an example each, and a test holds the two together. Decoders return nullopt
// for bytes that no encoder wrote.
namespace tocsin::store {

// What this code writes. Older stores are migrated on opening, newer ones refused.
inline constexpr uint64_t kFormatVersion = 1;

// Keys of the meta family.
inline constexpr std::string_view kMetaFormat = "format";
inline constexpr std::string_view kMetaStoreId = "store_id";
inline constexpr std::string_view kMetaCommits = "commits";
inline constexpr std::string_view kMetaFrontier = "frontier";
inline constexpr std::string_view kMetaRevision = "revision";
inline constexpr std::string_view kMetaSilence = "silence/";  // then the silence's name

// --- building blocks ---

// Eight bytes, big-endian, sign bit flipped: byte order is number order.
void AppendOrdered(int64_t number, std::string& key);
std::optional<int64_t> TakeOrdered(std::string_view& bytes);

// Any bytes, ended by 00 01; a 00 inside is written 00 FF. Byte order is string order, and no part
// is a prefix of another's encoding.
void AppendPart(std::string_view part, std::string& key);
std::optional<std::string> TakePart(std::string_view& bytes);

std::string OrderedValue(int64_t number);  // a meta value
std::optional<int64_t> ParseOrderedValue(std::string_view bytes);

// --- keys ---

struct PositionKey {
  std::string source;
  int32_t partition = 0;
};
std::string EncodePositionKey(std::string_view source, int32_t partition);
std::optional<PositionKey> DecodePositionKey(std::string_view key);

struct TallyKey {
  std::string cluster;
  std::string node;
  uint32_t stream = 0;
};
std::string EncodeTallyKey(std::string_view cluster, std::string_view node, uint32_t stream);
std::optional<TallyKey> DecodeTallyKey(std::string_view key);
std::string TallyClusterPrefix(std::string_view cluster);
std::string TallyNodePrefix(std::string_view cluster, std::string_view node);

struct RevisionKey {
  int64_t revision = 0;
  std::string_view name;  // points into the key
};
std::string EncodeRevisionKey(int64_t revision, std::string_view name);
std::optional<RevisionKey> DecodeRevisionKey(std::string_view key);

// alias_targets: which aliases point at a name. Only for reclaiming them with it.
struct AliasTargetKey {
  std::string target;
  std::string_view alias;  // points into the key
};
std::string EncodeAliasTargetKey(std::string_view target, std::string_view alias);
std::optional<AliasTargetKey> DecodeAliasTargetKey(std::string_view key);
std::string AliasTargetPrefix(std::string_view target);

// What may be reclaimed, and from when on its age counts.
enum class ExpiryKind : char {
  kAliases = 'a',   // of a name that is gone; time 0
  kIncident = 'i',  // since its resolve time
  kProblem = 'p',   // since it cleared
};
inline constexpr ExpiryKind kExpiryKinds[] = {ExpiryKind::kAliases, ExpiryKind::kIncident,
                                              ExpiryKind::kProblem};
struct ExpiryKey {
  ExpiryKind kind = ExpiryKind::kAliases;
  Time since;
  std::string_view id;  // name or problem id; points into the key
};
std::string EncodeExpiryKey(ExpiryKind kind, Time since, std::string_view id);
std::optional<ExpiryKey> DecodeExpiryKey(std::string_view key);

// --- values ---

// An incident's value is this header, then the serialized tocsin.v1.Incident. The header answers
// the two questions that need no more: is it expired, and which index entries belong to it.
struct IncidentValue {
  int64_t revision = 0;
  Time resolved = kNoTime;  // kNoTime: not resolved
  std::string_view proto;   // points into the value
};
std::string EncodeIncidentHeader(int64_t revision, Time resolved);  // 16 bytes
std::optional<IncidentValue> DecodeIncidentValue(std::string_view value);

// --- names ---

// The first key after all that begin with `prefix`; empty if there is none.
std::string PrefixEnd(std::string_view prefix);

struct IncidentName {
  std::string_view prefix;  // "clusters/C/incidents/" or "fleet/incidents/"
  std::string_view id;      // may be a prefix of an id; has no slash
};
// nullopt unless it ends in "incidents/ID" with an id that is not empty. Points into `name`.
std::optional<IncidentName> SplitIncidentName(std::string_view name);

// `text` with each NUL and each byte that is no part of valid UTF-8 replaced by U+FFFD: proto3
// writes strings that it then refuses to read, and "cluster\0node" must split in one way only.
// Surrogates and overlong forms are invalid.
std::string ToUtf8(std::string_view text);
bool IsUtf8(std::string_view text);

}  // namespace tocsin::store
