// SPDX-License-Identifier: Apache-2.0
#include "ingest/json_keys.h"

#include <array>

namespace tocsin::ingest {
namespace {

struct Name {
  std::string_view text;
  Key key;
};

constexpr std::array kNames = {
    Name{"log", Key::kLog},
    Name{"message", Key::kMessage},
    Name{"Message", Key::kMessage},
    Name{"MESSAGE", Key::kJournalMessage},
    Name{"msg", Key::kMsg},
    Name{"body", Key::kBody},
    Name{"Body", Key::kBody},
    Name{"event.original", Key::kOriginal},
    Name{"original", Key::kOriginalInner},
    Name{"short_message", Key::kShortMessage},

    Name{"@timestamp", Key::kAtTimestamp},
    Name{"time", Key::kTime},
    Name{"timestamp", Key::kTimestamp},
    Name{"_SOURCE_REALTIME_TIMESTAMP", Key::kSourceRealtime},
    Name{"SOURCE_REALTIME_TIMESTAMP", Key::kSourceRealtime},
    Name{"_source_realtime_timestamp", Key::kSourceRealtime},
    Name{"source_realtime_timestamp", Key::kSourceRealtime},
    Name{"__REALTIME_TIMESTAMP", Key::kRealtime},
    Name{"REALTIME_TIMESTAMP", Key::kRealtime},
    Name{"__realtime_timestamp", Key::kRealtime},
    Name{"ISODATE", Key::kIsoDate},
    Name{"isodate", Key::kIsoDate},
    Name{"ts", Key::kTs},

    Name{"_HOSTNAME", Key::kJournalHost},
    Name{"HOSTNAME", Key::kJournalHost},
    Name{"_hostname", Key::kJournalHost},
    Name{"host", Key::kHost},
    Name{"HOST", Key::kHost},
    Name{"hostname", Key::kHost},
    Name{"host.name", Key::kHost},
    Name{"host.hostname", Key::kHost},
    Name{"k8s.node.name", Key::kNodeName},
    Name{"node_name", Key::kNodeName},
    Name{"nodename", Key::kNodeName},
    Name{"pod_node_name", Key::kNodeName},
    Name{"node", Key::kNode},

    Name{"cluster", Key::kCluster},
    Name{"cluster_name", Key::kCluster},
    Name{"k8s.cluster.name", Key::kCluster},
    Name{"kubernetes", Key::kKubernetes},
    Name{"container", Key::kContainer},
    Name{"docker", Key::kDocker},
    Name{"stream", Key::kStream},
    Name{"file", Key::kFile},
    Name{"filename", Key::kPath},
    Name{"file_path", Key::kPath},
    Name{"path", Key::kPath},
    Name{"log.file.path", Key::kPath},
    Name{"err", Key::kError},
    Name{"error", Key::kError},

    Name{"_TRANSPORT", Key::kTransport},
    Name{"TRANSPORT", Key::kTransport},
    Name{"_transport", Key::kTransport},
    Name{"transport", Key::kTransport},
    Name{"_SYSTEMD_UNIT", Key::kUnit},
    Name{"SYSTEMD_UNIT", Key::kUnit},
    Name{"_systemd_unit", Key::kUnit},
    Name{"systemd_unit", Key::kUnit},
    Name{"unit", Key::kUnit},
    Name{"systemd.unit", Key::kUnit},
    Name{"systemd.transport", Key::kTransport},
    Name{"SYSLOG_IDENTIFIER", Key::kIdentifier},
    Name{"syslog_identifier", Key::kIdentifier},
    Name{"syslog.identifier", Key::kIdentifier},
    Name{"programname", Key::kProgram},
    Name{"PROGRAM", Key::kProgram},
    Name{"program", Key::kProgram},
    Name{"ident", Key::kProgram},
    Name{"appname", Key::kProgram},
    Name{"app-name", Key::kProgram},
    Name{"tag", Key::kTag},
    Name{"syslogtag", Key::kTag},
    Name{"facility", Key::kFacility},
    Name{"FACILITY", Key::kFacility},
    Name{"systemd", Key::kSystemd},
    Name{"syslog", Key::kSyslogMap},
    Name{"CONTAINER_ID", Key::kDriverContainerId},
    Name{"CONTAINER_ID_FULL", Key::kDriverContainerIdFull},
    Name{"CONTAINER_NAME", Key::kDriverContainerName},
    Name{"sequence", Key::kSequence},
    Name{"sec", Key::kSec},
    Name{"usec", Key::kUsec},

    Name{"pod_name", Key::kPodName},
    Name{"namespace_name", Key::kNamespaceName},
    Name{"pod_namespace", Key::kNamespaceName},
    Name{"pod_id", Key::kPodId},
    Name{"pod_uid", Key::kPodId},
    Name{"container_name", Key::kContainerName},
    Name{"docker_id", Key::kContainerId},
    Name{"container_id", Key::kContainerId},
    Name{"container_image", Key::kContainerImage},
    Name{"ownerReferences", Key::kOwnerReferences},
    Name{"pod_owner", Key::kPodOwner},
    Name{"namespace", Key::kNamespace},
    Name{"pod", Key::kPod},

    Name{"kind", Key::kKind},
    Name{"event", Key::kEvent},
    Name{"metadata", Key::kMetadata},
    Name{"involvedObject", Key::kInvolvedObject},
    Name{"regarding", Key::kInvolvedObject},
    Name{"reason", Key::kReason},
    Name{"type", Key::kType},
    Name{"note", Key::kNote},
    Name{"source", Key::kSource},
    Name{"deprecatedSource", Key::kSource},
    Name{"count", Key::kCount},
    Name{"deprecatedCount", Key::kCount},
    Name{"series", Key::kSeries},
    Name{"firstTimestamp", Key::kFirstTimestamp},
    Name{"deprecatedFirstTimestamp", Key::kFirstTimestamp},
    Name{"lastTimestamp", Key::kLastTimestamp},
    Name{"deprecatedLastTimestamp", Key::kLastTimestamp},
    Name{"eventTime", Key::kEventTime},
    Name{"reportingComponent", Key::kReportingComponent},
    Name{"reportingController", Key::kReportingComponent},
    Name{"reportingInstance", Key::kReportingInstance},
    Name{"uid", Key::kUid},
    Name{"name", Key::kName},
    Name{"fieldPath", Key::kFieldPath},
    Name{"creationTimestamp", Key::kCreationTimestamp},
    Name{"component", Key::kComponent},
    Name{"lastObservedTime", Key::kLastObservedTime},
    Name{"id", Key::kId},
    Name{"image", Key::kImage},
    Name{"identifier", Key::kIdentifierPlain},
    Name{"stringValue", Key::kStringValue},
};

// Open addressing over length, ends and middle: about one comparison for a key that is known and
// mostly none for one that is not. Built by the compiler.
constexpr size_t kBuckets = 512;
static_assert(kNames.size() < kBuckets / 2);

constexpr size_t Hash(std::string_view key) {
  const auto at = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(key[i])); };
  return (key.size() * 37 + at(0) * 101 + at(key.size() - 1) * 61 + at(key.size() / 2) * 13) %
         kBuckets;
}

constexpr auto kTable = [] {
  std::array<uint8_t, kBuckets> table{};  // index into kNames plus one; 0 is empty
  for (size_t i = 0; i < kNames.size(); ++i) {
    size_t at = Hash(kNames[i].text);
    while (table[at] != 0) at = (at + 1) % kBuckets;
    table[at] = static_cast<uint8_t>(i + 1);
  }
  return table;
}();

}  // namespace

Key FindKey(std::string_view key) {
  if (key.empty()) return Key::kUnknown;
  for (size_t at = Hash(key); kTable[at] != 0; at = (at + 1) % kBuckets) {
    const Name& name = kNames[kTable[at] - 1];
    if (name.text == key) return name.key;
  }
  return Key::kUnknown;
}

}  // namespace tocsin::ingest
