// SPDX-License-Identifier: Apache-2.0
#include "ingest/json_field_reader.h"

#include "ingest/cursor.h"
#include "ingest/identity.h"

namespace tocsin::ingest {
namespace {

uint8_t RankOf(Key key) { return static_cast<uint8_t>(key); }

}  // namespace

simdjson::error_code JsonFieldReader::Read(Object& object) {
  fields_ = JsonFields{};
  error_ = simdjson::SUCCESS;
  return ForEach(object, [this](Key key, Value& value) { TopField(key, value); });
}

void JsonFieldReader::Text(uint8_t rank, Value& value) {
  if (rank >= fields_.text_rank) return;
  const char kind = KindOf(value);
  if (kind == '"') {
    if (String(value, &fields_.text)) fields_.text_rank = rank;
  } else if (kind == '[') {
    Bytes(rank, value);
  } else if (kind == '{') {
    if (rank == RankOf(Key::kLog)) {  // Filebeat: log.file.path
      Map(value, [this](Key key, Value& inner) {
        if (key != Key::kFile) return;
        Map(inner, [this](Key name, Value& path) {
          if (name == Key::kPath) First(path, &fields_.file_path);
        });
      });
    } else if (rank == RankOf(Key::kBody)) {
      Map(value, [this, rank](Key key, Value& inner) {
        if (key == Key::kStringValue && String(inner, &fields_.text)) fields_.text_rank = rank;
      });
    }
  } else if (kind != 'n') {
    fields_.text = TrimJson(value.raw_json_token());
    fields_.text_rank = rank;
  }
}

// journald prints a message that is not clean UTF-8 as an array of its bytes, and a repeated one
// as an array of strings.
void JsonFieldReader::Bytes(uint8_t rank, Value& value) {
  Array array;
  if ((error_ = value.get_array().get(array))) return;
  bytes_.clear();
  for (auto element : array) {
    Value item;
    if ((error_ = std::move(element).get(item))) return;
    if (KindOf(item) == '"') {
      if (String(item, &fields_.text)) fields_.text_rank = rank;
      return;
    }
    uint64_t byte = 0;
    if (item.get_uint64().get(byte) != simdjson::SUCCESS || byte > 255) return;
    bytes_.push_back(static_cast<char>(byte));
  }
  fields_.text = bytes_;
  fields_.text_rank = rank;
}

void JsonFieldReader::Node(uint8_t rank, Value& value) {
  if (rank >= fields_.node_rank) return;
  const char kind = KindOf(value);
  std::string_view name;
  if (kind == '{') {  // Elastic: host.name, host.hostname
    Map(value, [this, &name](Key key, Value& inner) {
      if (key == Key::kName || key == Key::kHost) First(inner, &name);
    });
  } else {
    First(value, &name);
  }
  if (name.empty()) return;
  fields_.node = name;
  fields_.node_rank = rank;
}

void JsonFieldReader::TopField(Key key, Value& value) {
  switch (key) {
    case Key::kLog:
    case Key::kMessage:
    case Key::kJournalMessage:
    case Key::kMsg:
    case Key::kBody:
    case Key::kOriginal:
    case Key::kShortMessage:
      return Text(RankOf(key), value);
    case Key::kAtTimestamp:
    case Key::kTime:
    case Key::kTimestamp:
    case Key::kSourceRealtime:
    case Key::kRealtime:
    case Key::kIsoDate:
    case Key::kTs:
      if (RankOf(key) < fields_.time_rank && TimeOf(value, &fields_.time)) {
        fields_.time_rank = RankOf(key);
      }
      return;
    case Key::kJournalHost:
    case Key::kHost:
    case Key::kNodeName:
    case Key::kNode:
      return Node(RankOf(key), value);
    case Key::kCluster:
      return First(value, &fields_.cluster);
    case Key::kKubernetes:
      return Kubernetes(value);
    case Key::kContainer:
    case Key::kDocker:
      Map(value, [this](Key name, Value& inner) {
        if (name == Key::kId || name == Key::kContainerId) First(inner, &fields_.container_id);
      });
      return;
    case Key::kStream: {
      std::string_view stream;
      if (String(value, &stream)) fields_.runtime_stream = stream == "stdout" || stream == "stderr";
      return;
    }
    case Key::kFile:
    case Key::kPath:
      return First(value, &fields_.file_path);
    case Key::kError:
      return First(value, &fields_.error);
    case Key::kTransport:
      return First(value, &fields_.transport);
    case Key::kUnit:
      return First(value, &fields_.unit);
    case Key::kIdentifier:
    case Key::kProgram:
    case Key::kTag:
      return First(value, &fields_.identifier);
    case Key::kFacility:
      if (KindOf(value) != '"') {
        fields_.facility = TrimJson(value.raw_json_token());
        return;
      }
      return First(value, &fields_.facility);
    case Key::kSystemd:
    case Key::kSyslogMap:
      Map(value, [this](Key name, Value& inner) {
        if (name == Key::kUnit) First(inner, &fields_.unit);
        if (name == Key::kTransport) First(inner, &fields_.transport);
        if (name == Key::kIdentifierPlain || name == Key::kProgram) {
          First(inner, &fields_.identifier);
        }
      });
      return;
    case Key::kDriverContainerIdFull:
      fields_.container_id = {};  // better than the short id
      [[fallthrough]];
    case Key::kDriverContainerId:
      fields_.from_container_driver = true;
      return First(value, &fields_.container_id);
    case Key::kDriverContainerName:
      fields_.from_container_driver = true;
      return First(value, &fields_.docker_name);
    case Key::kSequence:
    case Key::kSec:
    case Key::kUsec:
      if (IsDigit(KindOf(value))) ++fields_.kmsg_marks;
      return;
    case Key::kEvent:
      Map(value, [this](Key name, Value& inner) {
        if (name == Key::kOriginalInner) {
          Text(RankOf(Key::kOriginal), inner);
        } else if (name == Key::kMessage) {
          Text(RankOf(name), inner);
        } else {
          EventField(name, inner);
        }
      });
      return;
    default:
      return EventField(key, value);
  }
}

void JsonFieldReader::Kubernetes(Value& value) {
  if (KindOf(value) != '{') return;
  if (fields_.kubernetes_maps++ > 0) {
    fields_.kube_node = fields_.kube_cluster = fields_.ns = fields_.pod = fields_.pod_uid = {};
    fields_.container = fields_.container_id = fields_.image = {};
    fields_.owner_kind = fields_.owner_name = {};
  }
  Map(value, [this](Key key, Value& inner) { KubernetesField(key, inner); });
  fields_.container_id = ContainerIdOf(fields_.container_id);
}

void JsonFieldReader::KubernetesField(Key key, Value& value) {
  JsonFields& f = fields_;
  const bool map = KindOf(value) == '{';
  // {"name": ..., "uid": ..., "id": ..., "image": ...} of Elastic's nested form.
  const auto nested = [&](std::string_view* name, std::string_view* id) {
    Map(value, [&](Key inner_key, Value& inner) {
      if (inner_key == Key::kName) First(inner, name);
      if (id != nullptr && (inner_key == Key::kUid || inner_key == Key::kId)) First(inner, id);
      if (inner_key == Key::kImage && KindOf(inner) == '"') First(inner, &f.image);
    });
  };
  switch (key) {
    case Key::kHost:
    case Key::kNodeName:
    case Key::kNode:
      return map ? nested(&f.kube_node, nullptr) : First(value, &f.kube_node);
    case Key::kCluster:
      return map ? nested(&f.kube_cluster, nullptr) : First(value, &f.kube_cluster);
    case Key::kPodName:
      return First(value, &f.pod);
    case Key::kNamespaceName:
      return First(value, &f.ns);
    case Key::kNamespace:
      return map ? nested(&f.ns, nullptr) : First(value, &f.ns);
    case Key::kPodId:
      return First(value, &f.pod_uid);
    case Key::kPod:
      return map ? nested(&f.pod, &f.pod_uid) : First(value, &f.pod);
    case Key::kContainerName:
      return First(value, &f.container);
    case Key::kContainer:
      return map ? nested(&f.container, &f.container_id) : First(value, &f.container);
    case Key::kContainerId:
      return First(value, &f.container_id);
    case Key::kContainerImage:
      return First(value, &f.image);
    case Key::kOwnerReferences:
      return Owner(value);
    case Key::kPodOwner: {  // "ReplicaSet/app-7d"
      std::string_view owner;
      First(value, &owner);
      const size_t slash = owner.find('/');
      if (slash == std::string_view::npos) return;
      f.owner_kind = owner.substr(0, slash);
      f.owner_name = owner.substr(slash + 1);
      return;
    }
    default:
      return;
  }
}

void JsonFieldReader::Owner(Value& value) {
  if (KindOf(value) != '[') return;
  Array array;
  if ((error_ = value.get_array().get(array))) return;
  for (auto element : array) {
    Value item;
    if ((error_ = std::move(element).get(item))) return;
    Map(item, [this](Key key, Value& inner) {
      if (key == Key::kKind) First(inner, &fields_.owner_kind);
      if (key == Key::kName) First(inner, &fields_.owner_name);
    });
    return;  // the controller comes first
  }
}

void JsonFieldReader::EventField(Key key, Value& value) {
  EventJson& e = fields_.event;
  switch (key) {
    case Key::kKind:
      return First(value, &e.api_kind);
    case Key::kReason:
      return First(value, &e.reason);
    case Key::kType:
      return First(value, &e.type);
    case Key::kNote:
      return First(value, &e.note);
    case Key::kCount:
      return Count(value, &e.count);
    case Key::kFirstTimestamp:
      if (e.first == kNoTime) TimeOf(value, &e.first);
      return;
    case Key::kLastTimestamp:
      if (e.last == kNoTime) TimeOf(value, &e.last);
      return;
    case Key::kEventTime:
      if (e.event_time == kNoTime) TimeOf(value, &e.event_time);
      return;
    case Key::kReportingComponent:
      return First(value, &e.reporting_component);
    case Key::kReportingInstance:
      return First(value, &e.reporting_instance);
    case Key::kMetadata:
      Map(value, [this, &e](Key name, Value& inner) {
        if (name == Key::kUid) First(inner, &e.uid);
        if (name == Key::kNamespace) First(inner, &e.meta_ns);
        if (name == Key::kCreationTimestamp && e.created == kNoTime) TimeOf(inner, &e.created);
      });
      return;
    case Key::kInvolvedObject:
      if (KindOf(value) == '{') e.has_object = true;
      Map(value, [this, &e](Key name, Value& inner) {
        if (name == Key::kKind) First(inner, &e.kind);
        if (name == Key::kName) First(inner, &e.name);
        if (name == Key::kNamespace) First(inner, &e.ns);
        if (name == Key::kUid) First(inner, &e.object_uid);
        if (name == Key::kFieldPath) First(inner, &e.field_path);
      });
      return;
    case Key::kSource:
      Map(value, [this, &e](Key name, Value& inner) {
        if (name == Key::kComponent) First(inner, &e.component);
        if (name == Key::kHost) First(inner, &e.host);
      });
      return;
    case Key::kSeries:
      Map(value, [this, &e](Key name, Value& inner) {
        if (name == Key::kCount) Count(inner, &e.series_count);
        if (name == Key::kLastObservedTime && e.series_last == kNoTime) {
          TimeOf(inner, &e.series_last);
        }
      });
      return;
    default:
      return;
  }
}

}  // namespace tocsin::ingest
