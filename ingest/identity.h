// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/stream.h"
#include "ingest/decoder.h"

// Who is speaking: from metadata, unit names and paths to streams and pods. Pure functions; views
// point into their arguments.
namespace tocsin::ingest {

// The stream of a syslog program or journal identifier; kSyslog for those with none of their own.
Stream StreamOfProgram(std::string_view program);

// The stream of a journal record. `transport`, `unit` and `identifier` are _TRANSPORT,
// _SYSTEMD_UNIT and SYSLOG_IDENTIFIER, empty where missing. journald writes the first two itself;
// the identifier is the sender's choice and counts only where nothing better is known.
Stream StreamOfJournal(std::string_view transport, std::string_view unit,
                       std::string_view identifier);

// The stream of what a pod prints: kContainer unless `trust` says otherwise.
Stream StreamOfPod(const Trust& trust, std::string_view ns, std::string_view pod,
                   std::string_view container);

// A container as file names and runtimes spell it.
struct PodIdentity {
  std::string_view ns;
  std::string_view pod;
  std::string_view pod_uid;
  std::string_view container;
  std::string_view container_id;
};

// ".../<ns>_<pod>_<uid>/<container>/<n>.log" and ".../<pod>_<ns>_<container>-<64 hex>.log",
// wherever the directories above stand now (an unpacked archive). False for any other path.
bool PodOfPath(std::string_view path, PodIdentity* out);

// Docker's "k8s_<container>_<pod>_<ns>_<uid>_<attempt>".
bool PodOfDockerName(std::string_view name, PodIdentity* out);

// "containerd://<id>" -> "<id>".
std::string_view ContainerIdOf(std::string_view reference);

// The stream that a file's name promises: "kubelet.log", "messages-20240520", "dmesg.0". kText if
// none. Only names known whole: "kubelet-and-kernel.log" promises nothing.
Stream StreamOfPath(std::string_view path);

}  // namespace tocsin::ingest
