// SPDX-License-Identifier: Apache-2.0
#include "ingest/identity.h"

#include <algorithm>
#include <array>

#include "ingest/cursor.h"

namespace tocsin::ingest {
namespace {

struct NamedStream {
  std::string_view name;
  Stream stream;
};

// Programs by syslog tag; also unit names without ".service" and log files without ".log".
constexpr std::array kPrograms = {
    NamedStream{"kernel", Stream::kKernel},
    NamedStream{"kubelet", Stream::kKubelet},
    NamedStream{"k3s", Stream::kKubelet},
    NamedStream{"k3s-agent", Stream::kKubelet},
    NamedStream{"containerd", Stream::kContainerd},
    NamedStream{"docker-containerd", Stream::kContainerd},
    NamedStream{"docker", Stream::kDockerd},
    NamedStream{"dockerd", Stream::kDockerd},
    NamedStream{"crio", Stream::kCrio},
    NamedStream{"cri-o", Stream::kCrio},
    NamedStream{"systemd", Stream::kSystemd},
    NamedStream{"init.scope", Stream::kSystemd},
    NamedStream{"kube-proxy", Stream::kKubeProxy},
    NamedStream{"kube-apiserver", Stream::kKubeApiserver},
    NamedStream{"kube-scheduler", Stream::kKubeScheduler},
    NamedStream{"kube-controller-manager", Stream::kKubeControllerManager},
    NamedStream{"etcd", Stream::kEtcd},
    NamedStream{"coredns", Stream::kCoredns},
    NamedStream{"flanneld", Stream::kCni},
    // Programs that quote what people type, other people's error messages included.
    NamedStream{"audit", Stream::kAudit},
    NamedStream{"auditd", Stream::kAudit},
    NamedStream{"audispd", Stream::kAudit},
    NamedStream{"audisp-syslog", Stream::kAudit},
    NamedStream{"bash", Stream::kAudit},
    NamedStream{"-bash", Stream::kAudit},
    NamedStream{"sh", Stream::kAudit},
    NamedStream{"-sh", Stream::kAudit},
    NamedStream{"zsh", Stream::kAudit},
    NamedStream{"-zsh", Stream::kAudit},
    NamedStream{"history", Stream::kAudit},
    NamedStream{"sudo", Stream::kAudit},
};

// Log files that are not named after a program.
constexpr std::array kFiles = {
    NamedStream{"dmesg", Stream::kKernel},  NamedStream{"kern", Stream::kKernel},
    NamedStream{"kmsg", Stream::kKernel},   NamedStream{"messages", Stream::kSyslog},
    NamedStream{"syslog", Stream::kSyslog}, NamedStream{"daemon", Stream::kSyslog},
    NamedStream{"helm", Stream::kHelm},
};

template <typename Table>
Stream Find(const Table& table, std::string_view name, Stream otherwise) {
  for (const NamedStream& entry : table) {
    if (entry.name == name) return entry.stream;
  }
  return otherwise;
}

bool IsUid(std::string_view text) {  // 36 with dashes, or 32 for static pods
  if (text.size() != 36 && text.size() != 32) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsContainerId(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return IsDigit(c) || (c >= 'a' && c <= 'f');
         });
}

// The last part of `path`, which is cut off it.
std::string_view PopPart(std::string_view* path) {
  const size_t slash = path->rfind('/');
  const std::string_view part = path->substr(slash == std::string_view::npos ? 0 : slash + 1);
  *path = slash == std::string_view::npos ? std::string_view() : path->substr(0, slash);
  return part;
}

}  // namespace

Stream StreamOfProgram(std::string_view program) {
  return Find(kPrograms, program, Stream::kSyslog);
}

Stream StreamOfJournal(std::string_view transport, std::string_view unit,
                       std::string_view identifier) {
  if (transport == "kernel") return Stream::kKernel;
  if (transport == "audit") return Stream::kAudit;
  const Stream claimed = StreamOfProgram(identifier);
  if (claimed == Stream::kAudit) return claimed;
  if (!unit.empty()) {
    if (unit.size() > 8 && unit.substr(unit.size() - 8) == ".service") unit.remove_suffix(8);
    const Stream stream = StreamOfProgram(unit);
    // No unit is the kernel, whatever it is called.
    return stream == Stream::kKernel ? Stream::kSyslog : stream;
  }
  // Only journald itself may say that a line is the kernel's.
  if (claimed == Stream::kKernel && !transport.empty()) return Stream::kSyslog;
  return claimed;
}

std::vector<Trust::Workload> Trust::DefaultWorkloads() {
  return {
      {"coredns-", "coredns", Stream::kCoredns, ""},
      {"node-local-dns-", "node-cache", Stream::kCoredns, ""},
      {"kube-proxy-", "kube-proxy", Stream::kKubeProxy, ""},
      {"kube-apiserver-", "kube-apiserver", Stream::kKubeApiserver, ""},
      {"kube-scheduler-", "kube-scheduler", Stream::kKubeScheduler, ""},
      {"kube-controller-manager-", "kube-controller-manager", Stream::kKubeControllerManager, ""},
      {"etcd-", "etcd", Stream::kEtcd, ""},
      {"calico-", "", Stream::kCni, ""},
      {"cilium-", "", Stream::kCni, ""},
      {"kube-flannel-", "", Stream::kCni, ""},
      {"ingress-nginx-controller-", "", Stream::kIngressNginx, ""},
      {"nginx-ingress-controller-", "", Stream::kIngressNginx, ""},
      {"cceaddon-nginx-ingress-", "", Stream::kIngressNginx, ""},
      {"ingress-nginx-controller-", "", Stream::kIngressNginx, "ingress-nginx"},
      {"nginx-ingress-controller-", "", Stream::kIngressNginx, "ingress-nginx"},
  };
}

Stream StreamOfPod(const Trust& trust, std::string_view ns, std::string_view pod,
                   std::string_view container) {
  if (ns.empty() || pod.empty()) return Stream::kContainer;
  const bool trusted =
      std::find(trust.namespaces.begin(), trust.namespaces.end(), ns) != trust.namespaces.end();
  for (const Trust::Workload& workload : trust.workloads) {
    if (workload.ns.empty() ? !trusted : workload.ns != ns) continue;
    if (pod.substr(0, workload.pod_prefix.size()) != workload.pod_prefix) continue;
    if (!workload.container.empty() && !container.empty() && workload.container != container) {
      continue;
    }
    return workload.stream;
  }
  return Stream::kContainer;
}

bool PodOfPath(std::string_view path, PodIdentity* out) {
  const std::string_view file = PopPart(&path);
  const size_t dot = file.find(".log");
  if (dot == std::string_view::npos || dot == 0) return false;

  // <pod>_<ns>_<container>-<id>.log
  if (dot > 66 && file[dot - 65] == '-' && IsContainerId(file.substr(dot - 64, 64))) {
    const std::string_view name = file.substr(0, dot - 65);
    const size_t first = name.find('_');
    const size_t second = first == std::string_view::npos ? first : name.find('_', first + 1);
    if (second == std::string_view::npos) return false;
    *out = {};
    out->pod = name.substr(0, first);
    out->ns = name.substr(first + 1, second - first - 1);
    out->container = name.substr(second + 1);
    out->container_id = file.substr(dot - 64, 64);
    return true;
  }

  // <ns>_<pod>_<uid>/<container>/<n>.log
  if (!IsDigit(file[0])) return false;
  const std::string_view container = PopPart(&path);
  const std::string_view pod = PopPart(&path);
  const size_t first = pod.find('_');
  const size_t last = pod.rfind('_');
  if (container.empty() || first == std::string_view::npos || first == last ||
      !IsUid(pod.substr(last + 1))) {
    return false;
  }
  *out = {};
  out->ns = pod.substr(0, first);
  out->pod = pod.substr(first + 1, last - first - 1);
  out->pod_uid = pod.substr(last + 1);
  out->container = container;
  return true;
}

bool PodOfDockerName(std::string_view name, PodIdentity* out) {
  Cursor in(name);
  in.Skip('/');
  if (!in.Skip("k8s_")) return false;
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const size_t end = in.rest().find('_');
    if (end == std::string_view::npos || end == 0) return false;
    part = in.rest().substr(0, end);
    in.Advance(end + 1);
  }
  *out = {};
  out->container = parts[0];
  out->pod = parts[1];
  out->ns = parts[2];
  out->pod_uid = parts[3];
  return true;
}

std::string_view ContainerIdOf(std::string_view reference) {
  const size_t scheme = reference.find("://");
  return scheme == std::string_view::npos ? reference : reference.substr(scheme + 3);
}

Stream StreamOfPath(std::string_view path) {
  std::string_view name = PopPart(&path);
  // "messages-20240520", "kubelet.log.1", "kern.log"
  name = name.substr(0, name.find('.'));
  const size_t dash = name.rfind('-');
  if (dash != std::string_view::npos && dash + 1 < name.size() &&
      std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dash) + 1, name.end(), IsDigit)) {
    name = name.substr(0, dash);
  }
  const Stream stream = Find(kFiles, name, Stream::kText);
  return stream != Stream::kText ? stream : Find(kPrograms, name, Stream::kText);
}

}  // namespace tocsin::ingest
