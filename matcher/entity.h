// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/entity.h"
#include "base/record.h"
#include "matcher/pattern_set.h"

// Who a finding is about. A record knows who printed it; captures say whom the line speaks of, and
// override. But for one case: a workload (stream kContainer) is believed about itself only, so a
// line it prints can not blame another pod or node.
namespace tocsin::matcher {

// The parts of a name, each empty where unknown. Views into the record and the captures.
struct Identity {
  std::string_view cluster;
  std::string_view node;
  std::string_view ns;
  std::string_view pod;
  std::string_view workload;  // without namespace, unless the line printed one: "web" or "prod/web"
  std::string_view container;
  std::string_view pod_uid;
  std::string_view container_id;
  std::string_view image;     // without "docker://" and the like
  std::string_view registry;  // host and port only; of the image where the line names none
  std::string_view volume;
  std::string_view device;
  std::string_view service;
  std::string_view host;
  std::string_view release;
};

// Captures that name something: pod ("web-1", "prod/web-1", "web-1_prod(uid)"), namespace, node,
// container (also "k8s_app_web-1_prod_uid_0"), container_id, pod_uid, image, registry, volume,
// device, service, workload, host, release. Allocates nothing.
Identity ResolveIdentity(const Record& record, std::span<const Capture> captures);

// The thing of kind `kind` that `identity` names, in base/entity.h's spelling; where it names none,
// the first of container (only where one was asked for), pod, node, cluster that it does name; at
// last the cluster without a name. Reuses the storage of `entity`.
void ResolveEntity(EntityKind kind, const Identity& identity, Entity& entity);

// Everything the identity names, as ToString(Entity) prints it; the cluster always. A pod known by
// its uid alone is "pod//UID", a container by its id "container///ID" (12 digits).
std::vector<std::string> Related(const Identity& identity);

// "docker.io" for "nginx:1.25", "reg.example.com:5000" for
// "reg.example.com:5000/team/app@sha256:..". Empty for what names no repository ("sha256:0a1b..").
std::string_view RegistryOfImage(std::string_view image);

}  // namespace tocsin::matcher
