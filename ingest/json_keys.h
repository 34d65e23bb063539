// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin::ingest {

// The keys that any of the accepted envelopes gives a meaning to, spelling variants merged (Fluent
// Bit's `Lowercase` and `Strip_Underscores`, dotted and nested names).
enum class Key : uint8_t {
  kUnknown,
  // Text, best first: the order of the enumerators is the order of preference.
  kLog,
  kMessage,
  kJournalMessage,
  kMsg,
  kBody,
  kOriginal,  // event.original
  kShortMessage,
  // Time, best first.
  kAtTimestamp,
  kTime,
  kTimestamp,
  kSourceRealtime,
  kRealtime,
  kIsoDate,
  kTs,
  // Node, best first.
  kJournalHost,
  kHost,
  kNodeName,
  kNode,

  kCluster,
  kKubernetes,
  kContainer,
  kDocker,
  kStream,
  kFile,
  kPath,
  kError,
  kTransport,
  kUnit,
  kIdentifier,
  kProgram,
  kTag,
  kFacility,
  kSystemd,
  kSyslogMap,
  kDriverContainerId,
  kDriverContainerIdFull,
  kDriverContainerName,
  kSequence,
  kSec,
  kUsec,
  // Inside `kubernetes`
  kPodName,
  kNamespaceName,
  kPodId,
  kContainerName,
  kContainerId,
  kContainerImage,
  kOwnerReferences,
  kPodOwner,
  kNamespace,
  kPod,
  // Events
  kKind,
  kEvent,
  kMetadata,
  kInvolvedObject,
  kReason,
  kType,
  kNote,
  kSource,
  kCount,
  kSeries,
  kFirstTimestamp,
  kLastTimestamp,
  kEventTime,
  kReportingComponent,
  kReportingInstance,
  kUid,
  kName,
  kFieldPath,
  kCreationTimestamp,
  kComponent,
  kLastObservedTime,
  kId,
  kImage,
  kIdentifierPlain,
  kStringValue,
  kOriginalInner,  // "original": inside "event" only
};

// Exact, case and all. `key` is the raw key: one with escapes in it is unknown.
Key FindKey(std::string_view key);

}  // namespace tocsin::ingest
