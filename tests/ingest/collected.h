// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/decoder.h"

namespace tocsin::ingest {

// A record that owns its bytes, so that tests can look at it after the call.
struct Owned {
  explicit Owned(const Record& r)
      : stream(StreamName(r.stream)),
        cluster(r.cluster),
        node(r.node),
        ns(r.ns),
        pod(r.pod),
        container(r.container),
        pod_uid(r.pod_uid),
        container_id(r.container_id),
        image(r.image),
        owner_kind(r.owner_kind),
        owner_name(r.owner_name),
        time(FormatTime(r.time)),
        text(r.text),
        uid(r.event.uid),
        reason(r.event.reason),
        kind(r.event.kind),
        name(r.event.name),
        count(r.event.count),
        warning(r.event.warning),
        offset(r.address.offset),
        index(r.address.index) {}

  std::string stream;
  std::string cluster;
  std::string node;
  std::string ns;
  std::string pod;
  std::string container;
  std::string pod_uid;
  std::string container_id;
  std::string image;
  std::string owner_kind;
  std::string owner_name;
  std::string time;
  std::string text;
  std::string uid;
  std::string reason;
  std::string kind;
  std::string name;
  int64_t count = 0;
  bool warning = false;
  int64_t offset = 0;
  int32_t index = 0;
};

struct OwnedBad {
  std::string reason;
  std::string payload;
  int64_t offset = 0;
  int32_t index = 0;
};

class Collector final : public Sink {
 public:
  void OnRecord(const Record& record) override { records.emplace_back(record); }
  void OnBad(BadReason reason, std::string_view payload, const Address& address) override {
    bad.push_back(
        {std::string(BadReasonName(reason)), std::string(payload), address.offset, address.index});
  }
  std::vector<Owned> records;
  std::vector<OwnedBad> bad;
};

// As a Kafka message: partition 0, broker time 2024-05-20T12:00:00Z.
inline Envelope FromKafka() {
  Envelope envelope;
  envelope.broker_time = *ParseTime("2024-05-20T12:00:00Z");
  envelope.address = {.source = "logs", .partition = 0, .offset = 7};
  return envelope;
}
// As line 7 of a file that was last written at 2024-05-20T12:00:00Z.
inline Envelope FromFile(std::string_view path) {
  Envelope envelope;
  envelope.reference_time = *ParseTime("2024-05-20T12:00:00Z");
  envelope.address = {.source = path, .offset = 7};
  envelope.path = path;
  return envelope;
}

inline Collector DecodeOne(std::string_view payload, const Envelope& envelope,
                           DecodeOptions options = {}) {
  Collector out;
  Decoder decoder(std::move(options));
  // In a block of its exact size, so that AddressSanitizer sees every byte read too far.
  const std::vector<char> exact(payload.begin(), payload.end());
  decoder.Decode({exact.data(), exact.size()}, envelope, out);
  return out;
}

// A kubelet's event about a pod, as Fluent Bit's kubernetes_events input ships it.
inline constexpr char kPodEvent[] =
    R"({"@timestamp":1722451635.0,"kind":"Event","apiVersion":"v1","host":"collector-node","metadata":{"name":"shop-1.17e7","namespace":"default","uid":"b7cb03e8","resourceVersion":"177158","creationTimestamp":"2024-07-31T18:26:51Z","managedFields":[{"time":"x"}]},"involvedObject":{"kind":"Pod","namespace":"default","name":"shop-1","uid":"d5cd8257","fieldPath":"spec.containers{web}"},"reason":"FailedMount","message":"MountVolume.SetUp failed","source":{"component":"kubelet","host":"minikube"},"firstTimestamp":"2024-07-31T18:26:51Z","lastTimestamp":"2024-07-31T18:47:15Z","count":16,"type":"Warning","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"minikube"})";

}  // namespace tocsin::ingest
