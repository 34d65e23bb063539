// SPDX-License-Identifier: Apache-2.0
// Any bytes, in any format, from Kafka or a file: never a crash, always an answer, and the next
// record is decoded as if nothing had been. The first two bytes of the input choose format and
// source.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "ingest/decoder.h"

namespace tocsin::ingest {
namespace {

class CheckingSink final : public Sink {
 public:
  void OnRecord(const Record& record) override {
    ++answers;
    TOCSIN_CHECK(record.time != kNoTime);
    TOCSIN_CHECK(static_cast<int>(record.stream) < kStreamCount);
    TOCSIN_CHECK(record.event.count >= 1);
    for (const std::string_view view :
         {record.cluster, record.node, record.ns, record.pod, record.container, record.pod_uid,
          record.container_id, record.image, record.owner_kind, record.owner_name, record.text,
          record.event.uid, record.event.reason, record.event.kind, record.event.name}) {
      // Touches every byte, so that a dangling view does not go unseen.
      for (const char c : view) checksum = checksum * 31 + static_cast<uint8_t>(c);
    }
    last_text_is_next = record.text == "next";
  }
  void OnBad(BadReason reason, std::string_view payload, const Address&) override {
    ++answers;
    TOCSIN_CHECK(static_cast<int>(reason) < kBadReasonCount);
    for (const char c : payload) checksum = checksum * 31 + static_cast<uint8_t>(c);
  }
  int answers = 0;
  uint64_t checksum = 0;
  bool last_text_is_next = false;
};

}  // namespace
}  // namespace tocsin::ingest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tocsin;          // NOLINT: an entry point must be global
  using namespace tocsin::ingest;  // NOLINT
  if (size < 2) return 0;
  const auto format = static_cast<Format>(data[0] % kFormatCount);
  const bool is_file = data[1] % 2 != 0;
  Decoder decoder({.format = format, .cluster = "c", .max_payload_bytes = size_t{1} << 16});
  Envelope envelope;
  if (is_file) {
    constexpr std::string_view kPaths[] = {
        "f.txt", "/var/log/messages",
        "/var/log/pods/prod_shop-1_c331cafa-407e-4d7e-8a89-7fc3e1752825/web/0.log"};
    envelope.path = envelope.address.source = kPaths[data[1] / 2 % 3];
  } else {
    envelope.broker_time = TimeFromNanos(1'716'200'000'000'000'000);
    envelope.address = {.source = "topic", .partition = 0, .offset = 1};
  }
  // A block of the exact size, so that a byte read too far is seen.
  const size_t length = size - 2;
  const std::unique_ptr<char[]> exact(new char[length]);
  if (length > 0) std::memcpy(exact.get(), data + 2, length);
  CheckingSink sink;
  decoder.Decode({exact.get(), length}, envelope, sink);
  TOCSIN_CHECK(sink.answers >= 1);

  CheckingSink next;
  decoder.Decode(R"({"log":"next","stream":"stdout"})", envelope, next);
  TOCSIN_CHECK(next.answers == 1);
  const bool reads_json = format == Format::kAuto || format == Format::kJson ||
                          format == Format::kDocker || format == Format::kJournal;
  TOCSIN_CHECK(next.last_text_is_next || !reads_json);
  return 0;
}
