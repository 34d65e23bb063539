// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

// What a problem can be about. Ordered from narrow to wide: "the narrowest shared scope" is the
// smallest number. The numbers are stored: append only, with the width in ScopeWidth().
enum class EntityKind : uint8_t {
  kNone = 0,
  kContainer = 1,
  kPod = 2,
  kWorkload = 3,
  kVolume = 4,
  kImage = 5,
  kService = 6,
  kRegistry = 7,
  kHost = 8,  // a remote host name that cannot be resolved or reached
  kDevice = 9,
  kRelease = 10,  // a Helm release or add-on
  kNode = 11,
  kNamespace = 12,
  kCluster = 13,
};
inline constexpr int kEntityKindCount = 14;

std::string_view EntityKindName(EntityKind kind);  // "node"; "" for kNone
std::optional<EntityKind> EntityKindFromName(std::string_view name);

// One thing in one cluster. Names are as they stand in the field's own tools:
// pod "namespace/name", container "namespace/pod/container", workload "namespace/kind/name" or
// "namespace/name" where the kind is unknown, everything else its bare name. Namespaced things
// whose namespace is unknown have an empty first part ("/app-7d9f").
struct Entity {
  EntityKind kind = EntityKind::kNone;
  std::string name;

  friend auto operator<=>(const Entity&, const Entity&) = default;
};

// "node/node-17"
std::string ToString(const Entity& entity);
// The way back; kind kNone for anything ToString does not print.
Entity EntityFromString(std::string_view text);

// The namespace that the thing is in, or is: "prod" of "pod/prod/web-1". Empty for what has none.
std::string_view NamespaceOf(const Entity& entity);

// The workload of a pod by its name alone: ReplicaSet hash, DaemonSet/Job suffix, StatefulSet
// ordinal and CronJob timestamp removed ("web-7d9f8c6b5d-x2x7k" -> "web"). The view points into
// `pod`.
std::string_view WorkloadOfPod(std::string_view pod);

}  // namespace tocsin
