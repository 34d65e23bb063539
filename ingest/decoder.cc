// SPDX-License-Identifier: Apache-2.0
// From payload to records in two steps: an envelope (JSON, or none) yields a text and what the
// shipper knows; the text is read as a printed line where the shipper left that to us. Who speaks
// is settled from the envelope and the path first. Only a record that neither assigns to anybody is
// classified by what its line looks like, and that can only narrow what it is matched against.
#include "ingest/decoder.h"

#include <string>

#include "ingest/cursor.h"
#include "ingest/describe.h"
#include "ingest/event_record.h"
#include "ingest/identity.h"
#include "ingest/json_reader.h"
#include "ingest/line.h"
#include "ingest/padding.h"
#include "ingest/record_clock.h"

namespace tocsin::ingest {
namespace {

// White space and NULs around a payload mean nothing in JSON envelopes.
std::string_view TrimPayload(std::string_view text) {
  const auto blank = [](char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0;
  };
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The first byte after '{' or '[' that is no blank.
char SecondByte(std::string_view json) {
  size_t at = 1;
  while (at < json.size() && (IsBlank(json[at]) || json[at] == '\n' || json[at] == '\r')) ++at;
  return at < json.size() ? json[at] : '\0';
}

// "kernel:", "kubelet[1234]:" -> the program.
std::string_view ProgramOf(std::string_view identifier) {
  if (!identifier.empty() && identifier.back() == ':') identifier.remove_suffix(1);
  const size_t bracket = identifier.find('[');
  return bracket == 0 ? identifier : identifier.substr(0, bracket);
}

bool IsKernelFacility(std::string_view facility) {
  return facility.empty() || facility == "0" || facility == "kern";
}

}  // namespace

// Record.way beyond the shapes of a line.
constexpr int kWayKmsg = 16, kWayJournal = 17, kWaySyslog = 18;

class Decoder::Impl final : public JsonReader::Handler {
 public:
  explicit Impl(DecodeOptions options)
      : options_(std::move(options)), clock_(options_.reference_time) {}

  void Decode(std::string_view payload, const Envelope& envelope, Sink& sink) {
    envelope_ = &envelope;
    sink_ = &sink;
    payload_ = payload;
    index_ = 0;
    if (clock_.Begin(envelope)) describe_.Reset();
    if (payload.size() > options_.max_payload_bytes) return Bad(BadReason::kTooLarge, payload);
    const std::string_view trimmed = TrimPayload(payload);
    if (trimmed.empty()) return Bad(BadReason::kEmpty, payload);

    const bool must_be_json =
        options_.format == Format::kJson || options_.format == Format::kDocker;
    const bool may_be_json =
        must_be_json || options_.format == Format::kAuto || options_.format == Format::kJournal;
    const bool brackets = trimmed[0] == '{' || trimmed[0] == '[';
    if (may_be_json && brackets && (must_be_json || LooksLikeJson(trimmed))) {
      DecodeJson(trimmed, must_be_json);
    } else if (must_be_json) {
      Bad(BadReason::kNotJson, payload);
    } else {
      DecodeLine(StripNewline(payload));
    }
  }

  // JsonReader::Handler
  void OnObject(const JsonFields& fields, std::string_view raw, int index) override {
    index_ = index;
    EmitJson(fields, raw);
  }
  void OnBroken(BadReason reason, std::string_view raw, int index) override {
    index_ = index;
    Bad(reason, raw);
  }

 private:
  // --- JSON ---

  // In kAuto: whether a payload that begins with a bracket is meant as JSON, broken or not.
  bool LooksLikeJson(std::string_view text) const {
    const char second = SecondByte(text);
    if (text[0] == '{') return second == '"' || second == '}';
    return second == '{' || (second == '[' && text.size() > kMaxDepth);
  }

  void DecodeJson(std::string_view json, bool must_be_json) {
    const std::string_view padded = envelope_->padded ? json : pad_.Pad(json);
    int read = 0;
    const auto reason = reader_.Read(padded, *this, &read);
    if (!reason) {
      if (read == 0) Bad(BadReason::kNotObject, payload_);  // an empty array
      return;
    }
    index_ = read;
    // A text line may begin like an object: where JSON was not promised it is a record all the
    // same. Not so what is plainly a shipper's record that was cut off or damaged on its way.
    const bool closed = json.back() == '}' || json.back() == ']';
    const bool damaged = read > 0 || *reason == BadReason::kTooDeep ||
                         (*reason == BadReason::kNotUtf8 && closed) ||
                         (*reason == BadReason::kTruncated && !clock_.is_file());
    if (must_be_json || damaged) return Bad(*reason, payload_);
    DecodeLine(StripNewline(payload_));
  }

  void EmitJson(const JsonFields& f, std::string_view raw) {
    if (IsEvent(f)) return EmitEvent(f);
    Record record = NewRecord();
    record.cluster = Pick(envelope_->cluster, f.kube_cluster, f.cluster, options_.cluster);
    record.ns = f.ns;
    record.pod = f.pod;
    record.pod_uid = f.pod_uid;
    record.container = f.container;
    record.container_id = f.container_id;
    record.image = f.image;
    record.owner_kind = f.owner_kind;
    record.owner_name = f.owner_name;

    std::string_view text = StripNewline(f.text);
    if (f.text_rank == JsonFields::kNone) {
      // Merge_Log may drop `log`, and then the object is what was printed. Elsewhere it is only
      // where JSON lines are somebody's own log and not an envelope that was promised.
      const bool some =
          raw.size() > 2 && (f.kubernetes_maps > 0 || options_.format == Format::kAuto);
      if (!some) return Bad(BadReason::kNoText, raw);
      text = raw;
    } else if (!f.error.empty()) {
      // As the text form of structured logs has it: message, then the error that explains it.
      composed_.assign(text).append(" err=\"").append(f.error).append("\"");
      text = composed_;
    }

    Line line;
    line.text = text;
    bool container = f.kubernetes_maps > 0 || f.from_container_driver;
    PodIdentity pod;
    if (f.from_container_driver && PodOfDockerName(f.docker_name, &pod)) {
      container = true;
    } else if (f.kubernetes_maps == 0 &&
               (PodOfPath(f.file_path, &pod) || PodOfPath(envelope_->path, &pod))) {
      container = true;
    }
    const bool journal = !f.transport.empty() || !f.unit.empty();
    if (container) {
      FillPod(pod, &record);
      UnwrapContainer(text, f.time == kNoTime, &line);
      // Two maps: one of them is a claim, so none of them earns more than `container`.
      record.stream = f.kubernetes_maps > 1
                          ? Stream::kContainer
                          : StreamOfPod(options_.trust, record.ns, record.pod, record.container);
      if (f.from_container_driver) record.stream = Stream::kContainer;
    } else if (journal) {
      record.stream = StreamOfJournal(f.transport, f.unit, ProgramOf(f.identifier));
    } else if (!f.identifier.empty()) {
      record.stream = StreamOfProgram(ProgramOf(f.identifier));
      if (record.stream == Stream::kKernel && !IsKernelFacility(f.facility)) {
        record.stream = Stream::kSyslog;
      }
    } else if (f.kmsg_marks == 3) {
      record.stream = Stream::kKernel;
    } else if (f.runtime_stream) {
      UnwrapContainer(text, f.time == kNoTime, &line);
      record.stream = options_.trust.anonymous_containers_are_text ? StreamOfFile(f.file_path)
                                                                   : Stream::kContainer;
    } else {
      ParseAnyLine(text, f.time != kNoTime ? YearHint{.previous = f.time} : clock_.Years(), &line);
      if (line.shape == Line::Shape::kEvent) {  // no shipper sends kubectl's tables
        line = Line{};
        line.text = text;
      }
      record.stream = StreamOfLine(line, StreamOfFile(f.file_path));
    }
    if (line.shape == Line::Shape::kPlain && record.stream == Stream::kKernel) {
      line.text = StripUptime(line.text);
    }
    record.text = line.text;
    record.way = static_cast<uint8_t>(journal                 ? kWayJournal
                                      : f.kmsg_marks == 3     ? kWayKmsg
                                      : !f.identifier.empty() ? kWaySyslog
                                                              : static_cast<int>(line.shape));
    record.way_file = f.file_path;
    record.node = Pick(envelope_->node, f.kube_node, f.node, line.host, options_.node);
    record.time = f.time != kNoTime ? clock_.Of(f.time) : clock_.Of(line);
    sink_->OnRecord(record);
  }

  void EmitEvent(const JsonFields& f) {
    Record record = NewRecord();
    record.cluster = Pick(envelope_->cluster, f.cluster, options_.cluster);
    FillEvent(f, &composed_, &record);
    record.node = Pick(record.node, options_.node);
    record.time = clock_.Of(TimeOfEvent(f));
    sink_->OnRecord(record);
  }

  // --- printed lines ---

  void DecodeLine(std::string_view text) {
    Record record = NewRecord();
    record.cluster = Pick(envelope_->cluster, options_.cluster);
    Line line;
    line.text = text;
    PodIdentity pod;
    if (PodOfPath(envelope_->path, &pod)) {
      FillPod(pod, &record);
      if (options_.format != Format::kText) UnwrapContainer(text, true, &line);
      record.stream = StreamOfPod(options_.trust, record.ns, record.pod, record.container);
    } else {
      ParseAs(options_.format, text, &line);
      record.stream = StreamOfLine(line, PromisedStream());
    }
    if (line.shape == Line::Shape::kEvent) {
      FillEvent(line, clock_.is_file() ? &describe_ : nullptr, &composed_, &record);
      record.node = Pick(record.node, line.host, options_.node);
    } else {
      record.text = line.text;
      record.node = Pick(envelope_->node, line.host, options_.node);
      if (line.shape == Line::Shape::kPlain && clock_.is_file()) describe_.Observe(text);
    }
    record.way = static_cast<uint8_t>(line.shape);
    record.time = clock_.Of(line);
    sink_->OnRecord(record);
  }

  void ParseAs(Format format, std::string_view text, Line* line) const {
    const YearHint hint = clock_.Years();
    switch (format) {
      case Format::kCri:
        if (!ParseCri(text, line)) break;
        return;
      case Format::kKlog:
        if (!ParseKlog(text, hint, line)) ParseLogfmt(text, line);
        return;
      case Format::kJournal:
      case Format::kSyslog:
        ParseSyslog(text, hint, line);
        return;
      case Format::kKmsg:
      case Format::kDmesg:
        if (!ParseKmsg(text, line)) ParseDmesg(text, line);
        return;
      case Format::kEvent:
        ParseEventRow(text, line);
        return;
      case Format::kText:
        return;
      default:
        ParseAnyLine(text, hint, line);
        return;
    }
  }

  // What the operator's choice of format says about lines that have no shape of their own.
  Stream PromisedStream() const {
    switch (options_.format) {
      case Format::kKmsg:
      case Format::kDmesg:
        return Stream::kKernel;
      case Format::kEvent:
        return Stream::kEvent;
      default:
        break;
    }
    const Stream by_name = StreamOfPath(envelope_->path);
    if (by_name != Stream::kText) return by_name;
    return options_.format == Format::kSyslog || options_.format == Format::kJournal
               ? Stream::kSyslog
               : Stream::kText;
  }
  Stream StreamOfFile(std::string_view path) const {
    const Stream stream = StreamOfPath(path);
    return stream != Stream::kText ? stream : StreamOfPath(envelope_->path);
  }

  // For a line that no metadata assigns: what its file promises, refined by its shape.
  Stream StreamOfLine(const Line& line, Stream promised) const {
    switch (line.shape) {
      case Line::Shape::kSyslog: {
        if (line.program.empty()) return promised == Stream::kText ? Stream::kSyslog : promised;
        const Stream stream = StreamOfProgram(line.program);
        // Facility 0 is the kernel's alone: syslog daemons rewrite it when a process claims it.
        if (stream == Stream::kKernel && line.facility > 0) return Stream::kSyslog;
        return stream;
      }
      case Line::Shape::kKernel:
        return Stream::kKernel;
      case Line::Shape::kEvent:
        return Stream::kEvent;
      case Line::Shape::kCri:
        return options_.trust.anonymous_containers_are_text ? promised : Stream::kContainer;
      default:
        return promised;
    }
  }

  // A container's text may still carry its runtime's envelope, where a shipper has no parser for
  // it. What is inside stays as it is: it is the workload's own.
  void UnwrapContainer(std::string_view text, bool want_time, Line* line) {
    line->text = text;
    if (ParseCri(text, line)) {
      line->text = StripNewline(line->text);
      return;
    }
    if (text.substr(0, 8) == "{\"log\":\"" && text.size() <= options_.max_payload_bytes) {
      InnerLog inner;
      int read = 0;
      if (!inner_reader_.Read(inner_pad_.Pad(text), inner, &read) && inner.found) {
        line->text = StripNewline(inner.text);
        line->time = inner.time;
        return;
      }
    }
    if (want_time && text.size() > 21 && (IsDigit(text[1]) || text.substr(0, 5) == "time=")) {
      if (!ParseKlog(text, clock_.Years(), line)) ParseLogfmt(text, line);
    }
    line->shape = Line::Shape::kPlain;
  }
  struct InnerLog final : JsonReader::Handler {
    void OnObject(const JsonFields& fields, std::string_view, int index) override {
      found = index == 0 && fields.runtime_stream;
      text = fields.text;
      time = fields.time;
    }
    void OnBroken(BadReason, std::string_view, int) override { found = false; }
    bool found = false;
    std::string_view text;
    Time time = kNoTime;
  };

  void FillPod(const PodIdentity& pod, Record* record) const {
    if (record->ns.empty()) record->ns = pod.ns;
    if (record->pod.empty()) record->pod = pod.pod;
    if (record->pod_uid.empty()) record->pod_uid = pod.pod_uid;
    if (record->container.empty()) record->container = pod.container;
    if (record->container_id.empty()) record->container_id = pod.container_id;
  }

  // --- out ---

  template <typename... Rest>
  static std::string_view Pick(std::string_view first, const Rest&... rest) {
    if constexpr (sizeof...(rest) == 0) {
      return first;
    } else {
      return first.empty() ? Pick(rest...) : first;
    }
  }
  Record NewRecord() const {
    Record record;
    record.broker_time = envelope_->broker_time;
    record.address = envelope_->address;
    record.address.index = index_;
    return record;
  }
  void Bad(BadReason reason, std::string_view payload) {
    Address address = envelope_->address;
    address.index = index_;
    sink_->OnBad(reason, payload, address);
  }

  const DecodeOptions options_;
  JsonReader reader_;
  JsonReader inner_reader_;
  PadBuffer pad_;
  PadBuffer inner_pad_;
  std::string composed_;  // texts that stand nowhere in the payload

  RecordClock clock_;
  DescribeContext describe_;

  // Of the call in progress.
  const Envelope* envelope_ = nullptr;
  Sink* sink_ = nullptr;
  std::string_view payload_;
  int index_ = 0;
};

Decoder::Decoder(DecodeOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Decoder::~Decoder() = default;

void Decoder::Decode(std::string_view payload, const Envelope& envelope, Sink& sink) {
  impl_->Decode(payload, envelope, sink);
}

}  // namespace tocsin::ingest
