// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "base/stream.h"
#include "base/time.h"

// Bytes in, records out. Everything here is pure: no clock, no I/O, no locks.
namespace tocsin::ingest {

// Bytes that must be readable after a payload that is said to be padded (simdjson reads ahead).
inline constexpr size_t kPadding = 64;

// What the bytes of a source are. kAuto decides per record; the others are what an operator knows
// about a file or topic. Only kJson and kDocker refuse what does not have their shape: in the
// others a line of another shape is a record all the same (a continuation, a banner).
enum class Format : uint8_t {
  kAuto,
  kJson,     // one JSON object or array of objects per payload, any shipper
  kCri,      // "<time> stdout F <content>"
  kDocker,   // json-file: {"log":"...\n","stream":"stdout","time":"..."}
  kJournal,  // journalctl -o json, or its short text
  kKlog,     // "E0520 10:13:20.123456       1 file.go:147] ..."
  kSyslog,   // RFC 3164, RFC 5424, rsyslog's file format
  kKmsg,     // /dev/kmsg: "6,339,5140900,-;text"
  kDmesg,    // dmesg in any of its printed forms
  kEvent,    // kubectl get events, the Events table of kubectl describe
  kText,     // no structure: the whole payload is the text
};
inline constexpr int kFormatCount = 11;

// "auto", "json", ...: the names of --input and of the configuration.
std::string_view FormatName(Format format);
std::optional<Format> FormatFromName(std::string_view name);

// Why a payload is not a record. The names are metric labels and dead-letter reasons: append only.
enum class BadReason : uint8_t {
  kEmpty,      // 0 bytes, or only white space
  kTooLarge,   // over max_payload_bytes
  kNotJson,    // JSON was configured and this is something else, or broken in the middle
  kTruncated,  // begins as JSON and ends too early
  kTooDeep,    // nested deeper than kMaxDepth
  kNotUtf8,    // JSON with bytes that are not UTF-8 (text formats take any bytes)
  kNotObject,  // JSON, but not an object or an array of objects
  kNoText,     // an object in which nothing is a message
};
inline constexpr int kBadReasonCount = 8;
std::string_view BadReasonName(BadReason reason);  // "too-large", ...

// Objects and arrays inside one another; real records stay below 20.
inline constexpr int kMaxDepth = 1000;

// Who may speak for a component. A log line is attacker-controlled, so what a workload prints is
// stream `container` unless the operator's own metadata (never the line) puts it here.
struct Trust {
  struct Workload {
    std::string pod_prefix;  // "coredns-": matches pods whose name starts so
    std::string container;   // if not empty, the container's name must be this where it is known
    Stream stream = Stream::kContainer;
    std::string ns;  // empty: any of `namespaces`
  };
  std::vector<std::string> namespaces = {"kube-system"};
  std::vector<Workload> workloads = DefaultWorkloads();
  // A container's line (CRI, docker) that neither metadata nor a path assigns to a pod: true lets
  // it try every signature (a file somebody mailed), false makes it stream `container`.
  bool anonymous_containers_are_text = true;

  static std::vector<Workload> DefaultWorkloads();
};

struct DecodeOptions {
  Format format = Format::kAuto;
  std::string cluster;  // for records that name none
  std::string node;     // the same
  // Larger payloads are bad records (kTooLarge). A lane's memory is about four times this.
  size_t max_payload_bytes = size_t{1} << 20;
  Trust trust;
  // "About now" for sources that have no better: only used to give a year to formats that print
  // none and a time to records before which no time was read. kNoTime: 1970.
  Time reference_time = kNoTime;
};

// What is known about a payload besides its bytes.
struct Envelope {
  std::string_view cluster;    // from Kafka headers; empty if none
  std::string_view node;       // the same
  Time broker_time = kNoTime;  // Kafka's timestamp; kNoTime for files
  // For files: the modification time. Lines without a year are dated at or before it.
  Time reference_time = kNoTime;
  Address address;  // of the whole payload; address.partition < 0 means a file
  // File path ("" for Kafka): names such as /var/log/pods/<ns>_<pod>_<uid>/<container>/0.log give
  // identity, names such as kubelet.log give the stream.
  std::string_view path;
  // True promises kPadding readable bytes after the payload. False costs a look at where the page
  // ends, and a copy for the few payloads that end too close to it (under AddressSanitizer: for
  // all).
  bool padded = false;
};

// Receives what a payload holds, in order, before Decode() returns.
class Sink {
 public:
  // `record` and all it points to are valid inside the call only.
  virtual void OnRecord(const Record& record) = 0;
  // `payload` is what was refused; its address tells the record within an array where it is known.
  virtual void OnBad(BadReason reason, std::string_view payload, const Address& address) = 0;

 protected:
  ~Sink() = default;
};

// One per lane and per source; belongs to one thread. Allocates nothing per ordinary record once
// warm (composed texts, such as an event's, go into buffers that are kept).
//
// Time of a record, first that can be read: the envelope's own fields (@timestamp, time, timestamp,
// _SOURCE_REALTIME_TIMESTAMP, ...; for events lastTimestamp, series.lastObservedTime, eventTime,
// firstTimestamp, creationTimestamp), the line's (CRI, klog, syslog, dmesg -T), Kafka's, that of
// the record before it in the same file, Envelope::reference_time, DecodeOptions::reference_time,
// and 1970-01-01 plus one nanosecond. Times without a zone are UTC. Lines stamped with an uptime
// keep their distances: the first one of a file takes the fallback time. Times in the future are
// left alone: clamping needs the broker's clock and is the next stage's work.
class Decoder {
 public:
  explicit Decoder(DecodeOptions options);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Calls `sink` once per record or bad payload. Several records come from JSON arrays and from
  // objects that follow one another; they share the address but for its index. Never fails, never
  // loses a neighbour.
  void Decode(std::string_view payload, const Envelope& envelope, Sink& sink);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
