// SPDX-License-Identifier: Apache-2.0
#include "matcher/entity.h"

#include <algorithm>
#include <array>

namespace tocsin::matcher {
namespace {

bool Consume(std::string_view& s, std::string_view prefix) {
  if (s.substr(0, prefix.size()) != prefix) return false;
  s.remove_prefix(prefix.size());
  return true;
}

// Quotes, also escaped ones, and blanks around a captured name are not part of it.
std::string_view Bare(std::string_view s) {
  constexpr std::string_view kAround = "\"'`\\ \t";
  size_t begin = s.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(kAround) + 1 - begin);
}

std::string_view WithoutScheme(std::string_view s) {
  size_t at = s.find("://");
  return at == std::string_view::npos ? s : s.substr(at + 3);
}

// Host and port of a URL or of an image's first part, with Docker Hub's names made one.
std::string_view RegistryHost(std::string_view s) {
  s = WithoutScheme(s);
  s = s.substr(0, s.find_first_of("/?#"));
  if (size_t at = s.rfind('@'); at != std::string_view::npos) s.remove_prefix(at + 1);
  if (s == "registry-1.docker.io" || s == "index.docker.io" || s == "registry-1.docker.io:443") {
    return "docker.io";
  }
  return s;
}

// What a pod's name may be printed as.
struct PodName {
  std::string_view ns, pod, uid, container;
};
PodName ReadPod(std::string_view text) {
  PodName name;
  text = Bare(text);
  if (!Consume(text, "pods/")) Consume(text, "pod/");
  if (size_t open = text.find('('); open != std::string_view::npos) {
    name.uid = text.substr(open + 1, text.find(')', open) - open - 1);
    text = text.substr(0, open);
  }
  if (size_t slash = text.find('/'); slash != std::string_view::npos) {
    name.ns = text.substr(0, slash);
    text.remove_prefix(slash + 1);
    slash = text.find('/');
    if (slash != std::string_view::npos) {
      name.container = text.substr(slash + 1);
      text = text.substr(0, slash);
    }
  } else if (size_t bar = text.find('_'); bar != std::string_view::npos) {
    // A pod's name has no '_': "web-1_prod", "web-1_prod_uid".
    std::string_view rest = text.substr(bar + 1);
    name.ns = rest.substr(0, rest.find('_'));
    text = text.substr(0, bar);
  }
  name.pod = text;
  return name;
}

// "k8s_app_web-1_prod_uid_0", as kubelet names Docker's containers.
bool ReadDockerName(std::string_view text, PodName& name) {
  Consume(text, "/");
  if (!Consume(text, "k8s_")) return false;
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    size_t bar = text.find('_');
    if (bar == std::string_view::npos) return false;
    part = text.substr(0, bar);
    text.remove_prefix(bar + 1);
  }
  name = {parts[2], parts[1], parts[3], parts[0]};
  return true;
}

// The owner's name as a workload's: a ReplicaSet is its Deployment's, a Job its CronJob's. `owner`
// is what a pod's name is made of, so reading it as such a pod's gives the same answer as the pod
// itself.
std::string_view WorkloadOfOwner(std::string_view kind, std::string_view owner) {
  if (kind != "ReplicaSet" && kind != "Job" && !kind.empty()) return owner;
  constexpr std::string_view kSuffix = "-bcdfg";
  std::array<char, 256> pod;
  if (owner.size() + kSuffix.size() > pod.size()) return owner;
  char* end = std::copy(owner.begin(), owner.end(), pod.data());
  end = std::copy(kSuffix.begin(), kSuffix.end(), end);
  size_t length = WorkloadOfPod({pod.data(), static_cast<size_t>(end - pod.data())}).size();
  return owner.substr(0, std::min(length, owner.size()));
}

// Kinds of objects whose events are about a workload.
bool IsWorkloadKind(std::string_view kind) {
  constexpr std::string_view kKinds[] = {"ReplicaSet", "Deployment", "StatefulSet",
                                         "DaemonSet",  "Job",        "CronJob"};
  return std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds);
}

// These speak of the whole cluster: the node they run on has no part in what they report.
bool SpeaksOfOthers(Stream stream) {
  return stream == Stream::kKubeScheduler || stream == Stream::kKubeControllerManager;
}

void AppendPodName(const Identity& id, std::string& out) {
  out.append(id.ns).append(1, '/');
  if (!id.pod.empty()) {
    out.append(id.pod);
  } else {
    // The kernel prints uids with '_' in systemd's cgroup paths.
    for (char c : id.pod_uid) out += c == '_' ? '-' : c;
  }
}

// Writes the name of the thing of this kind. False if it has none.
bool AppendName(EntityKind kind, const Identity& id, std::string& out) {
  auto plain = [&](std::string_view name) {
    out.append(name);
    return !name.empty();
  };
  bool pod_known = !id.pod.empty() || !id.pod_uid.empty();
  switch (kind) {
    case EntityKind::kContainer:
      if (!id.container.empty() && pod_known) {
        AppendPodName(id, out);
        out.append(1, '/').append(id.container);
        return true;
      }
      if (id.container_id.empty() || pod_known) return false;
      out.append("//").append(id.container_id.substr(0, 12));
      return true;
    case EntityKind::kPod:
      if (!pod_known) return false;
      AppendPodName(id, out);
      return true;
    case EntityKind::kWorkload:
      if (id.workload.empty()) return false;
      if (id.workload.find('/') == std::string_view::npos) out.append(id.ns).append(1, '/');
      out.append(id.workload);
      return true;
    case EntityKind::kVolume:
      return plain(id.volume);
    case EntityKind::kImage:
      return plain(id.image);
    case EntityKind::kService:
      return plain(id.service);
    case EntityKind::kRegistry:
      return plain(id.registry);
    case EntityKind::kHost:
      return plain(id.host);
    case EntityKind::kDevice:
      return plain(id.device);
    case EntityKind::kRelease:
      return plain(id.release);
    case EntityKind::kNode:
      return plain(id.node);
    case EntityKind::kNamespace:
      return plain(id.ns);
    case EntityKind::kCluster:
      return plain(id.cluster);
    case EntityKind::kNone:
      break;
  }
  return false;
}

}  // namespace

std::string_view RegistryOfImage(std::string_view image) {
  image = WithoutScheme(Bare(image));
  if (image.empty() || image.substr(0, 7) == "sha256:") return {};
  size_t slash = image.find('/');
  std::string_view first = image.substr(0, slash);
  if (slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost")) {
    return RegistryHost(first);
  }
  return "docker.io";
}

Identity ResolveIdentity(const Record& record, std::span<const Capture> captures) {
  Identity id;
  id.cluster = record.cluster;
  id.node = record.node;
  id.ns = record.ns;
  id.pod = record.pod;
  id.container = record.container;
  id.pod_uid = record.pod_uid;
  id.container_id = record.container_id;
  id.image = record.image;

  // A workload's own words change nothing about who it is.
  bool own_words = record.stream == Stream::kContainer && !record.pod.empty();
  PodName pod;
  std::string_view ns, workload;
  for (const auto& [name, raw] : captures) {
    std::string_view value = Bare(raw);
    if (value.empty()) continue;
    if (name == "image") {
      id.image = WithoutScheme(value);
    } else if (name == "registry") {
      id.registry = RegistryHost(value);
    } else if (name == "volume") {
      id.volume = value;
    } else if (name == "device") {
      id.device = value;
    } else if (name == "service") {
      id.service = value;
    } else if (name == "host") {
      if (value.size() > 1 && value.back() == '.') value.remove_suffix(1);  // a DNS root's dot
      id.host = value;
    } else if (name == "release") {
      id.release = value;
    } else if (own_words) {
      continue;
    } else if (name == "pod") {
      PodName read = ReadPod(value);
      pod.pod = read.pod;
      if (!read.ns.empty()) pod.ns = read.ns;
      if (!read.uid.empty()) pod.uid = read.uid;
      if (!read.container.empty()) pod.container = read.container;
    } else if (name == "container") {
      PodName read;
      if (ReadDockerName(value, read)) {
        pod = read;
      } else {
        pod.container = value;
      }
    } else if (name == "namespace") {
      ns = value;
    } else if (name == "node") {
      id.node = value;
    } else if (name == "workload") {
      workload = value;
    } else if (name == "pod_uid") {
      pod.uid = value;
    } else if (name == "container_id") {
      id.container_id = WithoutScheme(value);
    }
  }

  bool other_pod = (!pod.pod.empty() && pod.pod != record.pod) ||
                   (pod.pod.empty() && !pod.uid.empty() && pod.uid != record.pod_uid);
  if (other_pod) {
    // The record's own pod, and what belongs to it, only printed the line.
    bool printed_by_a_pod = !record.pod.empty();
    id.pod = {};
    id.pod_uid = id.container = {};
    if (printed_by_a_pod) {
      id.ns = {};
      if (id.image == record.image) id.image = {};
      if (id.container_id == record.container_id) id.container_id = {};
      if (SpeaksOfOthers(record.stream) && id.node == record.node) id.node = {};
    }
  } else if (SpeaksOfOthers(record.stream) && id.node != record.node) {
    id.pod = id.ns = id.container = id.image = id.pod_uid = id.container_id = {};
  }
  if (pod.pod.empty() && !ns.empty() && !record.ns.empty() && ns != record.ns) {
    id.pod = id.pod_uid = id.container = id.container_id = {};  // of another namespace
  }
  if (!pod.pod.empty()) id.pod = pod.pod;
  if (!pod.uid.empty()) id.pod_uid = pod.uid;
  if (!pod.container.empty()) id.container = pod.container;
  if (!pod.ns.empty()) id.ns = pod.ns;
  if (!ns.empty()) id.ns = ns;

  if (!workload.empty()) {
    id.workload = workload;
  } else if (!other_pod && !record.owner_name.empty() && record.owner_kind != "Node") {
    id.workload = WorkloadOfOwner(record.owner_kind, record.owner_name);
  } else if (IsWorkloadKind(record.event.kind)) {
    id.workload = WorkloadOfOwner(record.event.kind, record.event.name);
  } else if (!id.pod.empty()) {
    id.workload = WorkloadOfPod(id.pod);
  }
  if (id.registry.empty()) id.registry = RegistryOfImage(id.image);
  return id;
}

void ResolveEntity(EntityKind kind, const Identity& identity, Entity& entity) {
  for (EntityKind attempt : {kind, EntityKind::kPod, EntityKind::kNode, EntityKind::kCluster}) {
    entity.kind = attempt;
    entity.name.clear();
    if (AppendName(attempt, identity, entity.name)) return;
    entity.name.clear();
    // A namespace is wider than a pod: what can not name it is about the cluster, not about the
    // node.
    if (attempt == EntityKind::kNamespace || attempt == EntityKind::kCluster) break;
  }
  entity.kind = EntityKind::kCluster;
  entity.name.assign(identity.cluster);
}

std::vector<std::string> Related(const Identity& identity) {
  std::vector<std::string> related;
  for (int i = 1; i < kEntityKindCount; ++i) {
    auto kind = static_cast<EntityKind>(i);
    std::string text(EntityKindName(kind));
    text += '/';
    if (AppendName(kind, identity, text) || kind == EntityKind::kCluster) {
      related.push_back(std::move(text));
    }
  }
  return related;
}

}  // namespace tocsin::matcher
