// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>

#include "base/entity.h"
#include "base/signature.h"
#include "base/stream.h"

namespace tocsin {
namespace {

constexpr std::array<std::string_view, kStreamCount> kStreamNames = {
    "text",       "kernel",         "kubelet",   "containerd",     "dockerd",
    "crio",       "event",          "container", "coredns",        "ingress-nginx",
    "kube-proxy", "kube-apiserver", "etcd",      "kube-scheduler", "kube-controller-manager",
    "helm",       "installer",      "syslog",    "systemd",        "cni",
    "audit",      "client",         "console"};

constexpr std::array<std::string_view, kEntityKindCount> kEntityKindNames = {
    "",         "container", "pod",    "workload", "volume", "image",     "service",
    "registry", "host",      "device", "release",  "node",   "namespace", "cluster"};

constexpr std::array<std::string_view, 5> kSeverityNames = {"", "info", "warning", "error",
                                                            "critical"};

template <typename Enum, size_t N>
std::optional<Enum> Lookup(const std::array<std::string_view, N>& names, std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// Kubernetes draws generated suffixes from this alphabet: no vowels, no look-alikes.
bool IsGenerated(std::string_view s) {
  if (s.empty()) return false;
  for (char c : s) {
    if (std::string_view("bcdfghjklmnpqrstvwxz2456789").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool IsDigits(std::string_view s) {
  if (s.empty()) return false;
  for (char c : s) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// Splits "a-b-c" into "a-b" and "c"; the second is empty when there is no dash.
std::string_view LastPart(std::string_view s) {
  size_t dash = s.rfind('-');
  return dash == std::string_view::npos || dash == 0 ? std::string_view() : s.substr(dash + 1);
}
// A digit and otherwise what a name may consist of: nobody calls a thing "7d9f0a6b1".
bool IsAlnumWithDigit(std::string_view s) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::any_of(s.begin(), s.end(), digit) && std::all_of(s.begin(), s.end(), [&](char c) {
           return digit(c) || (c >= 'a' && c <= 'z');
         });
}
std::string_view Without(std::string_view s, std::string_view last) {
  return s.substr(0, s.size() - last.size() - 1);
}

}  // namespace

std::string_view StreamName(Stream stream) { return kStreamNames[static_cast<size_t>(stream)]; }
std::optional<Stream> StreamFromName(std::string_view name) {
  return Lookup<Stream>(kStreamNames, name);
}

std::string_view EntityKindName(EntityKind kind) {
  return kEntityKindNames[static_cast<size_t>(kind)];
}
std::optional<EntityKind> EntityKindFromName(std::string_view name) {
  return Lookup<EntityKind>(kEntityKindNames, name);
}

std::string_view SeverityName(Severity severity) {
  return kSeverityNames[static_cast<size_t>(severity)];
}
std::optional<Severity> SeverityFromName(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return Lookup<Severity>(kSeverityNames, lower);
}

std::string ToString(const Entity& entity) {
  std::string s(EntityKindName(entity.kind));
  s += '/';
  s += entity.name;
  return s;
}

Entity EntityFromString(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  std::optional<EntityKind> kind = EntityKindFromName(text.substr(0, slash));
  if (!kind) return {};
  return {*kind, std::string(text.substr(slash + 1))};
}

std::string_view NamespaceOf(const Entity& entity) {
  std::string_view name = entity.name;
  switch (entity.kind) {
    case EntityKind::kNamespace:
      return name;
    case EntityKind::kContainer:
    case EntityKind::kPod:
    case EntityKind::kWorkload: {
      size_t slash = name.find('/');
      return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
    }
    default:
      return {};
  }
}

std::string_view WorkloadOfPod(std::string_view pod) {
  std::string_view last = LastPart(pod);
  if (last.empty()) return pod;
  if (IsDigits(last) && last.size() <= 5) return Without(pod, last);  // StatefulSet ordinal
  if (last.size() != 5) return pod;
  std::string_view owner = Without(pod, last);
  if (!IsGenerated(last)) {
    // Tools that make names anonymous do not know Kubernetes' alphabet: two such parts are proof
    // enough, one is not.
    std::string_view hash = LastPart(owner);
    bool likely = hash.size() >= 8 && hash.size() <= 10 && IsAlnumWithDigit(hash) &&
                  std::all_of(last.begin(), last.end(), [](char c) {
                    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
                  });
    return likely ? Without(owner, hash) : pod;
  }
  std::string_view hash = LastPart(owner);
  if (hash.empty()) return owner;
  // A ReplicaSet's hash is 6 to 10 characters of the same alphabet; a CronJob's run is its time in
  // minutes (or seconds) since 1970.
  if (hash.size() >= 6 && hash.size() <= 10 && IsGenerated(hash)) return Without(owner, hash);
  if (hash.size() >= 8 && hash.size() <= 10 && IsAlnumWithDigit(hash)) return Without(owner, hash);
  if (IsDigits(hash) && hash.size() >= 8) return Without(owner, hash);
  return owner;
}

}  // namespace tocsin
