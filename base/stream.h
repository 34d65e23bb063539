// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin {

// What kind of log a record comes from. Decided once, at decoding, from the envelope and never from
// what the line claims about itself (trust rule, ARCHITECTURE.md). Signatures name the streams they
// hold for: that keeps a shell audit line that quotes an OOM message from being one.
// The numbers are stored: append only.
enum class Stream : uint8_t {
  kText = 0,  // unknown: tries every signature
  kKernel = 1,
  kKubelet = 2,
  kContainerd = 3,
  kDockerd = 4,
  kCrio = 5,
  kEvent = 6,      // Kubernetes events
  kContainer = 7,  // what workloads print: believed about themselves only
  kCoredns = 8,
  kIngressNginx = 9,
  kKubeProxy = 10,
  kKubeApiserver = 11,
  kEtcd = 12,
  kKubeScheduler = 13,
  kKubeControllerManager = 14,
  kHelm = 15,
  kInstaller = 16,
  kSyslog = 17,   // a syslog or journal line of a program with no stream of its own
  kSystemd = 18,  // PID 1
  kCni = 19,
  kAudit = 20,    // auditd, shell history shipping: quotes other people's errors
  kClient = 21,   // output of kubectl and other command-line clients
  kConsole = 22,  // a cloud console or its operation log
};
inline constexpr int kStreamCount = 23;

// A set of streams, bit i for the stream numbered i.
using StreamMask = uint32_t;
inline constexpr StreamMask kAllStreams = ~StreamMask{0};
constexpr StreamMask MaskOf(Stream stream) { return StreamMask{1} << static_cast<int>(stream); }

// The name in YAML, JSON and metrics: "kernel", "ingress-nginx", ...
std::string_view StreamName(Stream stream);
std::optional<Stream> StreamFromName(std::string_view name);

}  // namespace tocsin
