// SPDX-License-Identifier: Apache-2.0
// The one-pass On-Demand reader against a slow and obvious one over simdjson's DOM, on generated
// records: keys of several shippers at once, in any order, repeated, among noise.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ingest/decoder.h"
#include "ingest/wire_time.h"
#include "simdjson.h"
#include "tests/ingest/collected.h"

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

// Counts what the decoder allocates; everything else in this binary too, which does no harm. Not
// inlined, because g++ 12 then takes new and free for a mismatched pair.
#define COUNTED __attribute__((noinline))
COUNTED void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
COUNTED void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
COUNTED void* operator new[](size_t size) { return operator new(size); }
COUNTED void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
COUNTED void operator delete(void* memory) noexcept { std::free(memory); }
COUNTED void operator delete[](void* memory) noexcept { std::free(memory); }
COUNTED void operator delete(void* memory, size_t) noexcept { std::free(memory); }
COUNTED void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace tocsin::ingest {
namespace {

namespace dom = simdjson::dom;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string Record() {
    std::vector<std::string> members;
    const int count = 1 + Below(14);
    for (int i = 0; i < count; ++i) members.push_back(Member());
    std::shuffle(members.begin(), members.end(), random_);
    std::string json = Space() + "{" + Space();
    for (size_t i = 0; i < members.size(); ++i) json += (i > 0 ? "," : "") + Space() + members[i];
    return json + Space() + "}" + Space();
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  std::string Space() { return Below(4) == 0 ? std::string(1 + Below(3), ' ') : ""; }
  template <size_t N>
  const char* OneOf(const char* const (&list)[N]) {
    return list[Below(N)];
  }
  std::string Quoted(const std::string& text) { return "\"" + text + "\""; }
  std::string String() {
    std::string out;
    const int parts = Below(6);
    for (int i = 0; i < parts; ++i) {
      out += OneOf({"word", " ", "\\\"", "\\\\", "\\n", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "{",
                    "}", "[", "]", ",", ":", "\xC3\xA9", "\\u0000", "\\/", "log"});
    }
    return Quoted(out);
  }
  std::string Noise(int depth) {
    switch (Below(depth > 3 ? 5 : 8)) {
      case 0:
        return String();
      case 1:
        return std::to_string(Below(100000));
      case 2:
        return "-1.5e3";
      case 3:
        return "null";
      case 4:
        return Below(2) ? "true" : "false";
      case 5:
        return "[" + Noise(depth + 1) + "," + Noise(depth + 1) + "]";
      case 6:
        return Below(2) ? "{}" : "[]";
      default:
        return "{" + Quoted(OneOf({"host", "log", "message", "time", "x", "kubernetes"})) + ":" +
               Noise(depth + 1) + "}";
    }
  }
  std::string Instant() {
    return OneOf({"1716200000.123457", "1716200000", "1716200000500", "\"1716200000123456\"",
                  "\"2024-05-20T10:13:20.5Z\"", "\"2024-05-20T10:13:20.123456789+02:00\"",
                  "\"never\"", "null", "12.5", "\"2024-13-20T10:13:20Z\"", "{}", "true"});
  }
  std::string Kubernetes() {
    std::string out = "{";
    const int count = Below(8);
    for (int i = 0; i < count; ++i) {
      if (i > 0) out += ",";
      if (Below(4) == 0) {
        out +=
            Quoted(OneOf({"labels", "annotations", "pod_ip", "namespace_labels"})) + ":" + Noise(1);
      } else {
        out += Quoted(OneOf({"pod_name", "namespace_name", "pod_namespace", "host", "node_name",
                             "pod_node_name", "container_name", "pod_id", "pod_uid",
                             "container_image"})) +
               ":" + (Below(5) == 0 ? Noise(2) : String());
      }
    }
    return out + "}";
  }
  std::string Member() {
    switch (Below(6)) {
      case 0:
        return Quoted(OneOf({"log", "message", "MESSAGE", "msg", "short_message"})) + ":" +
               (Below(5) == 0 ? "null" : String());
      case 1:
        return Quoted(
                   OneOf({"@timestamp", "time", "timestamp", "_SOURCE_REALTIME_TIMESTAMP", "ts"})) +
               ":" + Instant();
      case 2:
        return Quoted(OneOf({"_HOSTNAME", "hostname", "host", "node_name"})) + ":" +
               (Below(5) == 0 ? "17" : String());
      case 3:
        return Below(2) ? "\"kubernetes\":" + Kubernetes() : "\"cluster\":" + String();
      default:
        return Quoted(OneOf({"noise", "a\\\"log", "lo", "logs", "Log", "labels", "x\\u006cog"})) +
               ":" + Noise(0);
    }
  }

  std::mt19937 random_;
};

// First match in document order that is a string, or a list that begins with one, and not empty.
std::string FirstString(dom::object object, std::vector<std::string_view> keys) {
  for (const dom::key_value_pair member : object) {
    std::string_view text;
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) continue;
    dom::element value = member.value;
    dom::array array;
    if (value.get_array().get(array) == simdjson::SUCCESS && array.size() > 0) {
      value = *array.begin();  // a repeated journal field: its first value
    }
    if (value.get_string().get(text) == simdjson::SUCCESS && !text.empty()) {
      return std::string(text);
    }
  }
  return "";
}

struct Expected {
  bool has_text = false;
  std::string text, node, cluster, ns, pod, container, uid, image;
  Time time = kNoTime;
  int maps = 0;
};

Expected ByDom(const std::string& json) {
  Expected want;
  dom::parser parser;
  dom::element root;
  EXPECT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
  dom::object object;
  EXPECT_EQ(root.get_object().get(object), simdjson::SUCCESS);
  for (const char* key : {"log", "message", "MESSAGE", "msg", "short_message"}) {
    for (const dom::key_value_pair member : object) {
      std::string_view text;
      if (want.has_text || member.key != key) continue;
      if (member.value.get_string().get(text) == simdjson::SUCCESS) {
        want.has_text = true;
        want.text = text;
      }
    }
  }
  for (const char* key : {"@timestamp", "time", "timestamp", "_SOURCE_REALTIME_TIMESTAMP", "ts"}) {
    for (const dom::key_value_pair member : object) {
      if (want.time != kNoTime || member.key != key) continue;
      std::string_view text;
      if (member.value.get_string().get(text) == simdjson::SUCCESS) {
        want.time = TimeFromText(text).value_or(kNoTime);
      } else if (member.value.is_number()) {
        want.time = TimeFromText(simdjson::minify(member.value)).value_or(kNoTime);
      }
    }
  }
  want.cluster = FirstString(object, {"cluster"});
  dom::object kubernetes;
  for (const dom::key_value_pair member : object) {
    dom::object map;
    if (member.key == "kubernetes" && member.value.get_object().get(map) == simdjson::SUCCESS) {
      kubernetes = map;
      ++want.maps;
    }
  }
  if (want.maps > 0) {
    want.node = FirstString(kubernetes, {"host", "node_name", "pod_node_name"});
    want.ns = FirstString(kubernetes, {"namespace_name", "pod_namespace"});
    want.pod = FirstString(kubernetes, {"pod_name"});
    want.container = FirstString(kubernetes, {"container_name"});
    want.uid = FirstString(kubernetes, {"pod_id", "pod_uid"});
    want.image = FirstString(kubernetes, {"container_image"});
  }
  if (want.node.empty()) want.node = FirstString(object, {"_HOSTNAME"});
  if (want.node.empty()) want.node = FirstString(object, {"hostname", "host"});
  if (want.node.empty()) want.node = FirstString(object, {"node_name"});
  return want;
}

TEST(DecoderOracleTest, AgreesWithTheDom) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generate(seed);
  Decoder decoder({.format = Format::kJson});
  int with_text = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string json = generate.Record();
    SCOPED_TRACE(json);
    const Expected want = ByDom(json);
    Collector out;
    decoder.Decode(json, FromKafka(), out);
    ASSERT_EQ(out.records.size() + out.bad.size(), 1u);
    if (!want.has_text && want.maps == 0) {
      ASSERT_EQ(out.bad.size(), 1u);
      EXPECT_EQ(out.bad[0].reason, "no-text");
      continue;
    }
    ASSERT_EQ(out.records.size(), 1u);
    const Owned& got = out.records[0];
    if (want.has_text) {
      ++with_text;
      std::string text = want.text;
      if (!text.empty() && text.back() == '\n') text.pop_back();
      ASSERT_EQ(got.text, text);
    }
    ASSERT_EQ(got.node, want.node);
    ASSERT_EQ(got.cluster, want.cluster);
    ASSERT_EQ(got.ns, want.ns);
    ASSERT_EQ(got.pod, want.pod);
    ASSERT_EQ(got.container, want.container);
    ASSERT_EQ(got.pod_uid, want.uid);
    ASSERT_EQ(got.image, want.image);
    ASSERT_EQ(got.time, FormatTime(want.time != kNoTime ? want.time : FromKafka().broker_time));
    ASSERT_EQ(got.stream, want.maps > 0 ? "container" : "text");
  }
  EXPECT_GT(with_text, 5000);
}

// Whatever is cut off, changed or repeated, a payload gives at least one answer and the next
// payload is decoded as if nothing had been.
TEST(DecoderOracleTest, DamageStaysWhereItIs) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generate(seed);
  std::mt19937 random(seed + 1);
  Decoder decoder({});
  for (int round = 0; round < 20000; ++round) {
    std::string json = generate.Record();
    const size_t at = random() % json.size();
    switch (random() % 4) {
      case 0:
        json.resize(at);
        break;
      case 1:
        json[at] = static_cast<char>(random() % 256);
        break;
      case 2:
        json.erase(at, 1);
        break;
      default:
        json.insert(at, 1, "{}[]\",:\\\n\0"[random() % 10]);
        break;
    }
    SCOPED_TRACE(json);
    Collector out;
    const std::vector<char> exact(json.begin(), json.end());
    decoder.Decode({exact.data(), exact.size()}, FromKafka(), out);
    ASSERT_GE(out.records.size() + out.bad.size(), 1u);
    Collector next;
    decoder.Decode(R"({"log":"next","host":"n"})", FromKafka(), next);
    ASSERT_EQ(next.records.size(), 1u);
    ASSERT_EQ(next.records[0].text, "next");
    ASSERT_EQ(next.records[0].node, "n");
  }
}

class CountingSink final : public Sink {
 public:
  void OnRecord(const Record& record) override { bytes += record.text.size(); }
  void OnBad(BadReason, std::string_view, const Address&) override { ++bad; }
  size_t bytes = 0;
  int bad = 0;
};

TEST(DecoderOracleTest, AllocatesNothingOnceWarm) {
  const std::vector<std::string> payloads = {
      R"({"@timestamp":1716200000.123457,"time":"2024-05-20T10:13:20.123456789Z","stream":"stdout","_p":"F","log":"Back-off pulling image \"reg/app:1\"","kubernetes":{"pod_name":"shop-7d9f","namespace_name":"prod","labels":{"app":"shop"},"host":"worker-17","container_name":"shop"}})",
      R"({"@timestamp":1716200000.5,"_HOSTNAME":"worker-17","_TRANSPORT":"kernel","MESSAGE":"hung"})",
      R"({"kind":"Event","metadata":{"uid":"u"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"BackOff","message":"Back-off restarting failed container","count":3})",
      R"([{"log":"a"},{"msg":"b","err":"c","MESSAGE":[104,105]}])",
      "<3>May 20 10:13:20 worker-17 kernel: [12345.678901] text",
      "2024-05-20T10:13:20Z stdout F E0520 10:13:20.123456       1 a.go:1] x",
      "[12345.678901] Out of memory",
      "49s  Warning  FailedScheduling  pod/shop-7d9f  0/2 nodes are available",
      "plain text",
      "{broken",
  };
  Decoder decoder({});
  CountingSink sink;
  const Envelope envelope = FromKafka();
  for (const std::string& payload : payloads) decoder.Decode(payload, envelope, sink);
  const int64_t before = allocations;
  for (int round = 0; round < 100; ++round) {
    for (const std::string& payload : payloads) decoder.Decode(payload, envelope, sink);
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_GT(sink.bytes, 10000u);
  EXPECT_EQ(sink.bad, 0);
}

}  // namespace
}  // namespace tocsin::ingest
