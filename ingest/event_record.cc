// SPDX-License-Identifier: Apache-2.0
#include "ingest/event_record.h"

#include <algorithm>
#include <utility>

#include "ingest/cursor.h"

namespace tocsin::ingest {
namespace {

// The container in "spec.containers{app}".
std::string_view ContainerOfFieldPath(std::string_view path) {
  const size_t open = path.find('{');
  if (open == std::string_view::npos || path.back() != '}') return {};
  return path.substr(open + 1, path.size() - open - 2);
}

// kubectl prints kinds in lower case, or in full with the group ("deployment.apps").
std::string_view KindOfPrinted(std::string_view kind) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"pod", "Pod"},
      {"node", "Node"},
      {"replicaset", "ReplicaSet"},
      {"replicaset.apps", "ReplicaSet"},
      {"deployment", "Deployment"},
      {"deployment.apps", "Deployment"},
      {"statefulset", "StatefulSet"},
      {"statefulset.apps", "StatefulSet"},
      {"daemonset", "DaemonSet"},
      {"daemonset.apps", "DaemonSet"},
      {"job", "Job"},
      {"job.batch", "Job"},
      {"cronjob", "CronJob"},
      {"cronjob.batch", "CronJob"}};
  for (const auto& [printed, name] : kKinds) {
    if (kind == printed) return name;
  }
  return kind;
}

std::string_view Compose(std::string_view reason, std::string_view message, std::string* buffer) {
  buffer->assign(reason);
  if (!reason.empty() && !message.empty()) buffer->push_back(' ');
  buffer->append(message);
  return *buffer;
}

}  // namespace

bool IsEvent(const JsonFields& f) {
  const EventJson& e = f.event;
  return e.has_object && f.kubernetes_maps == 0 && !f.runtime_stream && !f.from_container_driver &&
         f.transport.empty() && f.unit.empty() && (e.api_kind.empty() || e.api_kind == "Event") &&
         !e.kind.empty() &&
         (!e.reason.empty() || !e.note.empty() || f.text_rank != JsonFields::kNone);
}

void FillEvent(const JsonFields& f, std::string* buffer, Record* record) {
  const EventJson& e = f.event;
  const std::string_view message = f.text_rank != JsonFields::kNone ? f.text : e.note;
  record->stream = Stream::kEvent;
  record->text = Compose(e.reason, StripNewline(message), buffer);
  record->event = {.uid = e.uid,
                   .count = std::max<int64_t>({e.count, e.series_count, 1}),
                   .reason = e.reason,
                   .kind = e.kind,
                   .name = e.name,
                   .warning = e.type == "Warning"};
  if (e.kind == "Node") {
    record->node = e.name;  // and its namespace, "default", says nothing
    return;
  }
  record->ns = e.ns.empty() ? e.meta_ns : e.ns;
  if (e.component == "kubelet") record->node = e.host;
  if (record->node.empty() && e.reporting_component == "kubelet") {
    record->node = e.reporting_instance;
  }
  if (e.kind == "Pod") {
    record->pod = e.name;
    record->pod_uid = e.object_uid;
    record->container = ContainerOfFieldPath(e.field_path);
  }
}

Time TimeOfEvent(const JsonFields& f) {
  const EventJson& e = f.event;
  // Some writers leave lastTimestamp standing while the series goes on.
  if (e.series_last > e.last) return e.series_last;
  for (const Time time : {e.last, e.event_time, e.first, e.created}) {
    if (time != kNoTime) return time;
  }
  return f.time;
}

void FillEvent(const Line& line, const DescribeContext* describe, std::string* buffer,
               Record* record) {
  record->stream = Stream::kEvent;
  record->text = Compose(line.event_reason, line.event_message, buffer);
  record->event = {.count = line.event_count,
                   .reason = line.event_reason,
                   .kind = KindOfPrinted(line.event_kind),
                   .name = line.event_name,
                   .warning = line.event_warning};
  record->ns = line.event_ns;
  if (line.event_kind.empty() && describe != nullptr) {
    record->event.kind = describe->kind();
    record->event.name = describe->name();
    record->ns = describe->ns();
    record->node = describe->node();
  }
  if (record->event.kind == "Pod") record->pod = record->event.name;
  if (record->event.kind == "Node") {
    record->node = record->event.name;
    record->ns = {};
  }
}

}  // namespace tocsin::ingest
