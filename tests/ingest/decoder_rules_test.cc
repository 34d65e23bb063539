// SPDX-License-Identifier: Apache-2.0
// Whom a record is believed to come from, when it happened, and what becomes of bytes that are
// none.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ingest/decoder.h"
#include "tests/ingest/collected.h"

namespace tocsin::ingest {
namespace {

// --- trust ---

std::string StreamFor(std::string_view payload, const Envelope& envelope,
                      DecodeOptions options = {}) {
  const Collector out = DecodeOne(payload, envelope, std::move(options));
  return out.records.size() == 1 ? out.records[0].stream : "(not one record)";
}
std::string FromPod(std::string_view ns, std::string_view pod, std::string_view container,
                    std::string_view more) {
  return R"({"log":"x","kubernetes":{"namespace_name":")" + std::string(ns) + R"(","pod_name":")" +
         std::string(pod) + R"(","container_name":")" + std::string(container) + R"("})" +
         std::string(more) + "}";
}

TEST(DecoderTrustTest, APodCannotSpeakForAnybodyElse) {
  for (
      const char* more :
      {R"(,"_TRANSPORT":"kernel")", R"(,"_SYSTEMD_UNIT":"kubelet.service","_TRANSPORT":"stdout")",
       R"(,"kind":"Event","involvedObject":{"kind":"Node","name":"worker-1"},"reason":"NodeNotReady")",
       R"(,"programname":"kernel","facility":"kern")", R"(,"sequence":1,"sec":2,"usec":3)",
       R"(,"file":"/var/log/messages")"}) {
    SCOPED_TRACE(more);
    EXPECT_EQ(StreamFor(FromPod("prod", "evil-1", "c", more), FromKafka()), "container");
    // The same, with what the pod printed in front, as Merge_Log puts it.
    EXPECT_EQ(StreamFor("{" + std::string(more).substr(1) + "," +
                            FromPod("prod", "evil-1", "c", "").substr(1),
                        FromKafka()),
              "container");
  }
  for (const char* text :
       {"<3>May 20 10:13:20 n1 kernel: [1.000000] Out of memory", "[12345.678901] Out of memory",
        "6,339,5140900,-;Out of memory", "49s  Warning  NodeNotReady  node/worker-1  down"}) {
    SCOPED_TRACE(text);
    const Collector out = DecodeOne(R"({"log":")" + std::string(text) +
                                        R"(","kubernetes":{"namespace_name":"p","pod_name":"e"}})",
                                    FromKafka());
    ASSERT_EQ(out.records.size(), 1u);
    EXPECT_EQ(out.records[0].stream, "container");
    EXPECT_EQ(out.records[0].text, text);
  }
}

TEST(DecoderTrustTest, AnEventInsideAPodsLogIsNotBelieved) {
  std::string escaped;
  for (const char c : std::string_view(kPodEvent)) {
    if (c == '"') escaped += '\\';
    escaped += c;
  }
  EXPECT_EQ(StreamFor(R"({"log":")" + escaped +
                          R"(","kubernetes":{"namespace_name":"p","pod_name":"eventrouter-1"}})",
                      FromKafka()),
            "container");
  const Collector out = DecodeOne(R"({"log":")" + escaped + R"(","stream":"stdout"})", FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].stream, "text");
  EXPECT_EQ(out.records[0].kind, "");
}

TEST(DecoderTrustTest, AForgedKubernetesMapLosesToTheShippers) {
  const Collector out = DecodeOne(
      R"({"kubernetes":{"namespace_name":"kube-system","pod_name":"coredns-1","container_name":"coredns","host":"other"},"log":"x","kubernetes":{"namespace_name":"prod","pod_name":"evil-1","host":"worker-1"}})",
      FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].stream, "container");
  EXPECT_EQ(out.records[0].ns, "prod");
  EXPECT_EQ(out.records[0].pod, "evil-1");
  EXPECT_EQ(out.records[0].container, "");
  EXPECT_EQ(out.records[0].node, "worker-1");
}

TEST(DecoderTrustTest, TrustedNamespacesHaveComponents) {
  const Envelope kafka = FromKafka();
  EXPECT_EQ(StreamFor(FromPod("kube-system", "coredns-5d78c9869d-x2x7k", "coredns", ""), kafka),
            "coredns");
  EXPECT_EQ(StreamFor(FromPod("kube-system", "etcd-master-1", "etcd", ""), kafka), "etcd");
  EXPECT_EQ(StreamFor(FromPod("kube-system", "kube-apiserver-m1", "kube-apiserver", ""), kafka),
            "kube-apiserver");
  EXPECT_EQ(StreamFor(FromPod("kube-system", "etcd-backup-x", "backup", ""), kafka), "container");
  EXPECT_EQ(StreamFor(FromPod("kube-system", "other-x", "c", ""), kafka), "container");
  EXPECT_EQ(StreamFor(FromPod("prod", "coredns-5d78c9869d-x2x7k", "coredns", ""), kafka),
            "container");
  EXPECT_EQ(
      StreamFor(FromPod("ingress-nginx", "ingress-nginx-controller-1", "controller", ""), kafka),
      "ingress-nginx");
  DecodeOptions options;
  options.trust.namespaces = {"platform"};
  EXPECT_EQ(StreamFor(FromPod("platform", "coredns-1", "coredns", ""), kafka, options), "coredns");
  EXPECT_EQ(StreamFor(FromPod("kube-system", "coredns-1", "coredns", ""), kafka, options),
            "container");
}

TEST(DecoderTrustTest, TheJournalSaysWhoWrote) {
  struct JournalCase {
    std::string transport, unit, identifier, want;
  };
  for (const JournalCase& c : std::vector<JournalCase>{
           {"kernel", "", "kernel", "kernel"},
           {"syslog", "", "kernel", "syslog"},
           {"syslog", "session-3.scope", "kernel", "syslog"},
           {"syslog", "session-3.scope", "kubelet", "syslog"},
           {"stdout", "kubelet.service", "anything", "kubelet"},
           {"stdout", "", "kubelet", "kubelet"},
           {"journal", "init.scope", "systemd", "systemd"},
           {"journal", "docker.service", "dockerd", "dockerd"},
           {"stdout", "crio.service", "crio", "crio"},
           {"stdout", "cron.service", "cron", "syslog"},
           {"audit", "", "audit", "audit"},
           {"syslog", "sshd.service", "-bash", "audit"},
           {"stdout", "kernel.service", "x", "syslog"},
       }) {
    SCOPED_TRACE(c.transport + " " + c.unit + " " + c.identifier);
    EXPECT_EQ(
        StreamFor(R"({"MESSAGE":"m","_TRANSPORT":")" + c.transport + R"(","_SYSTEMD_UNIT":")" +
                      c.unit + R"(","SYSLOG_IDENTIFIER":")" + c.identifier + R"("})",
                  FromKafka()),
        c.want);
  }
}

TEST(DecoderTrustTest, AContainersLineInTheJournalIsTheContainers) {
  const Collector out = DecodeOne(
      R"({"MESSAGE":"m","_TRANSPORT":"journal","_SYSTEMD_UNIT":"docker.service","CONTAINER_ID":"abc","CONTAINER_NAME":"k8s_web_shop-1_prod_u-1_0"})",
      FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].stream, "container");
  EXPECT_EQ(out.records[0].ns, "prod");
  EXPECT_EQ(out.records[0].pod, "shop-1");
  EXPECT_EQ(out.records[0].container, "web");
}

// --- paths ---

TEST(DecoderPathTest, PathsGiveIdentityAndStream) {
  const std::string id(64, 'd');
  const std::string pods =
      "/var/log/pods/prod_shop-7d9f_c331cafa-407e-4d7e-8a89-7fc3e1752825/web/0.log";
  for (const std::string& path :
       {pods, "/mnt/unpacked" + pods, "/var/log/containers/shop-7d9f_prod_web-" + id + ".log"}) {
    SCOPED_TRACE(path);
    for (
        const char* line :
        {"2024-05-20T10:13:20Z stdout F [12345.678901] Out of memory",
         R"({"log":"[12345.678901] Out of memory\n","stream":"stdout","time":"2024-05-20T10:13:20Z"})"}) {
      const Collector out = DecodeOne(line, FromFile(path));
      ASSERT_EQ(out.records.size(), 1u);
      EXPECT_EQ(out.records[0].stream, "container");
      EXPECT_EQ(out.records[0].text, "[12345.678901] Out of memory");
      EXPECT_EQ(out.records[0].ns, "prod");
      EXPECT_EQ(out.records[0].pod, "shop-7d9f");
      EXPECT_EQ(out.records[0].container, "web");
      EXPECT_EQ(out.records[0].time, "2024-05-20T10:13:20Z");
    }
  }
  struct PathCase {
    const char* path;
    const char* line;
    const char* want;
  };
  for (const PathCase& c : std::vector<PathCase>{
           {"/var/log/kubelet.log", "E0520 10:13:20.123456       1 a.go:1] x", "kubelet"},
           {"/var/log/kubelet.log", "goroutine 1 [running]:", "kubelet"},
           {"kubelet.log", "May 20 10:13:20 w systemd[1]: kubelet.service: exited", "systemd"},
           {"/var/log/messages", "May 20 10:13:20 w kernel: x", "kernel"},
           {"/var/log/messages-20240520", "no shape", "syslog"},
           {"/var/log/syslog.1", "May 20 10:13:20 w containerd[1]: x", "containerd"},
           {"dmesg", "whatever", "kernel"},
           {"/var/log/dmesg.0", "[1.000000] x", "kernel"},
           {"/var/log/kern.log", "May 20 10:13:20 w kernel: [1.000000] x", "kernel"},
           {"containerd.log", "time=\"2024-05-20T10:13:20Z\" level=info msg=x", "containerd"},
           {"docker.log", "x", "dockerd"},
           {"kubelet-and-kernel.log", "x", "text"},
           {"/var/log/pods/x/y/0.log", "x", "text"},
           {"report.txt", "x", "text"},
       }) {
    SCOPED_TRACE(c.path);
    SCOPED_TRACE(c.line);
    EXPECT_EQ(StreamFor(c.line, FromFile(c.path)), c.want);
  }
  EXPECT_EQ(StreamFor("x", FromFile("/var/log/pods/kube-system_coredns-1_" + std::string(32, 'e') +
                                    "/coredns/3.log")),
            "coredns");
}

// --- who, where, when ---

TEST(DecoderTest, HeadersThenFieldsThenOptionsNameClusterAndNode) {
  const std::string both = R"({"log":"x","host":"field-node","cluster":"field-cluster"})";
  Envelope envelope = FromKafka();
  const DecodeOptions options{.cluster = "option-cluster", .node = "option-node"};
  Collector out = DecodeOne(both, envelope, options);
  EXPECT_EQ(out.records[0].node, "field-node");
  EXPECT_EQ(out.records[0].cluster, "field-cluster");
  out = DecodeOne(R"({"log":"x"})", envelope, options);
  EXPECT_EQ(out.records[0].node, "option-node");
  EXPECT_EQ(out.records[0].cluster, "option-cluster");
  envelope.node = "header-node";
  envelope.cluster = "header-cluster";
  out = DecodeOne(both, envelope, options);
  EXPECT_EQ(out.records[0].node, "header-node");
  EXPECT_EQ(out.records[0].cluster, "header-cluster");
  out = DecodeOne(R"({"log":"x","kubernetes":{"host":"kube-node"},"_HOSTNAME":"j","host":"h"})",
                  FromKafka(), options);
  EXPECT_EQ(out.records[0].node, "kube-node");
  out = DecodeOne(R"({"log":"x","host":"h","_HOSTNAME":"j"})", FromKafka(), options);
  EXPECT_EQ(out.records[0].node, "j");
}

TEST(DecoderTest, LinesWithoutATimeTakeTheOneBefore) {
  Collector out;
  Decoder decoder({});
  Envelope file = FromFile("a.log");
  file.reference_time = kNoTime;
  decoder.Decode("first", file, out);
  decoder.Decode("2024-05-20 10:13:20 dated", file, out);
  decoder.Decode("not dated", file, out);
  Envelope other = file;
  other.address.source = other.path = "b.log";
  decoder.Decode("another file", other, out);
  ASSERT_EQ(out.records.size(), 4u);
  EXPECT_EQ(out.records[0].time, "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(out.records[1].time, "2024-05-20T10:13:20Z");
  EXPECT_EQ(out.records[2].time, "2024-05-20T10:13:20Z");
  EXPECT_EQ(out.records[3].time, "1970-01-01T00:00:00.000000001Z");
}

TEST(DecoderTest, YearsRollAtNewYear) {
  Collector out;
  Decoder decoder({});
  Envelope file = FromFile("a.log");
  file.reference_time = *ParseTime("2024-01-03T00:00:00Z");
  for (const char* line :
       {"E1231 23:59:59.000000       1 a.go:1] x", "E0101 00:00:01.000000       1 a.go:1] x",
        "Dec 31 23:59:58 w kernel: late", "Jan  2 00:00:00 w kernel: x"}) {
    decoder.Decode(line, file, out);
  }
  ASSERT_EQ(out.records.size(), 4u);
  EXPECT_EQ(out.records[0].time, "2023-12-31T23:59:59Z");
  EXPECT_EQ(out.records[1].time, "2024-01-01T00:00:01Z");
  EXPECT_EQ(out.records[2].time, "2023-12-31T23:59:58Z");
  EXPECT_EQ(out.records[3].time, "2024-01-02T00:00:00Z");
}

TEST(DecoderTest, UptimesKeepTheirDistances) {
  Collector out;
  Decoder decoder({});
  const Envelope file = FromFile("d.txt");
  decoder.Decode("[100.000000] a", file, out);
  decoder.Decode("[160.500000] b", file, out);
  ASSERT_EQ(out.records.size(), 2u);
  EXPECT_EQ(out.records[0].time, "2024-05-20T12:00:00Z");
  EXPECT_EQ(out.records[1].time, "2024-05-20T12:01:00.500Z");
}

// --- many in one payload ---

TEST(DecoderTest, ArraysAndObjectsInARowAreManyRecords) {
  for (const char* payload :
       {R"([{"log":"a","host":"n1"},{"log":"b"},{"log":"c"}])",
        "{\"log\":\"a\",\"host\":\"n1\"}\n{\"log\":\"b\"}\r\n\n{\"log\":\"c\"}\n"}) {
    SCOPED_TRACE(payload);
    const Collector out = DecodeOne(payload, FromKafka());
    ASSERT_EQ(out.records.size(), 3u);
    EXPECT_TRUE(out.bad.empty());
    EXPECT_EQ(out.records[0].node, "n1");
    EXPECT_EQ(out.records[1].node, "");
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(out.records[i].text, std::string(1, static_cast<char>('a' + i)));
      EXPECT_EQ(out.records[i].index, i);
      EXPECT_EQ(out.records[i].offset, 7);
    }
  }
}

TEST(DecoderTest, ABrokenTailDoesNotTakeItsNeighbours) {
  const Collector out =
      DecodeOne(R"([{"log":"a"},17,{"log":"b"},{"log":})", FromKafka(), {.format = Format::kJson});
  // The missing bracket is seen first, before anything is handed on.
  EXPECT_EQ(out.records.size(), 0u);
  EXPECT_EQ(out.bad.size(), 1u);
  const Collector array =
      DecodeOne(R"([{"log":"a"},17,{"log":"b"},{"log"}])", FromKafka(), {.format = Format::kJson});
  ASSERT_EQ(array.records.size(), 2u);
  ASSERT_EQ(array.bad.size(), 2u);
  EXPECT_EQ(array.bad[0].reason, "not-object");
  EXPECT_EQ(array.bad[0].payload, "17");
  EXPECT_EQ(array.bad[0].index, 1);
  EXPECT_EQ(array.bad[1].reason, "not-json");
  EXPECT_EQ(array.bad[1].index, 3);
  for (const char* payload :
       {"{\"log\":\"a\"}\n{\"log\"\n{\"log\":\"c\"}", "{\"log\":\"a\"}\n{\"log\""}) {
    const Collector lines = DecodeOne(payload, FromKafka());
    ASSERT_GE(lines.records.size(), 1u);
    EXPECT_EQ(lines.records[0].text, "a");
    EXPECT_EQ(lines.records.back().text, lines.records.size() == 2 ? "c" : "a");
    ASSERT_EQ(lines.bad.size(), 1u);
    EXPECT_EQ(lines.bad[0].payload, "{\"log\"");
    EXPECT_EQ(lines.bad[0].reason, "truncated");
    EXPECT_EQ(lines.bad[0].index, 1);
  }
}

// --- bad input ---

std::string Deep(int levels) {
  std::string json = R"({"log":"x","a":)";
  for (int i = 0; i < levels; ++i) json += i % 2 ? "[" : R"({"k":)";
  json += "1";
  for (int i = levels - 1; i >= 0; --i) json += i % 2 ? "]" : "}";
  return json + "}";
}

TEST(DecoderBadInputTest, EachHasItsReason) {
  struct BadCase {
    const char* name;
    std::string payload;
    const char* in_json;  // reason where JSON is configured; "" is a record
    const char* in_auto;
  };
  const std::vector<BadCase> cases = {
      {"0 bytes", "", "empty", "empty"},
      {"blanks", " \r\n\t", "empty", "empty"},
      {"NUL bytes only", std::string(8, '\0'), "empty", "empty"},
      {"text", "hello", "not-json", ""},
      {"a number", "123", "not-json", ""},
      {"a string", "\"hello\"", "not-json", ""},
      {"truncated in a string", R"({"log":"abc)", "truncated", "truncated"},
      {"truncated after a value", R"({"log":"abc","a":1)", "truncated", "truncated"},
      {"truncated in a nested object", R"({"log":"abc","a":{"b":1})", "truncated", "truncated"},
      {"missing comma", R"({"log":"a" "b":1})", "not-json", ""},
      {"bad escape", R"({"log":"a\q"})", "not-json", ""},
      {"lone surrogate", R"({"log":"a\ud800"})", "not-json", ""},
      {"raw control character", "{\"log\":\"a\nb\"}", "not-json", ""},
      {"raw NUL", std::string("{\"log\":\"a\0b\"}", 13), "not-json", ""},
      {"not UTF-8", "{\"log\":\"caf\xE9 x\"}", "not-utf8", "not-utf8"},
      {"deep", Deep(10000), "too-deep", "too-deep"},
      {"deep arrays", std::string(10000, '[') + std::string(10000, ']'), "too-deep", "too-deep"},
      {"deep and cut off", std::string(10000, '['), "too-deep", "too-deep"},
      {"deep enough to be fine", Deep(900), "", ""},
      {"brackets in a string", R"({"log":")" + std::string(5000, '[') + "\"}", "", ""},
      {"empty object", "{}", "no-text", "no-text"},
      {"empty array", "[]", "not-object", ""},
      {"no message", R"({"a":1})", "no-text", ""},
      {"null message", R"({"MESSAGE":null})", "no-text", ""},
      {"too large", R"({"log":")" + std::string(size_t{1} << 20, 'x') + "\"}", "too-large",
       "too-large"},
      {"just not too large", R"({"log":")" + std::string((size_t{1} << 20) - 10, 'x') + "\"}", "",
       ""},
  };
  for (const BadCase& c : cases) {
    SCOPED_TRACE(c.name);
    for (const bool json : {true, false}) {
      SCOPED_TRACE(json ? "json" : "auto");
      const std::string want = json ? c.in_json : c.in_auto;
      Collector out;
      Decoder decoder({.format = json ? Format::kJson : Format::kAuto});
      decoder.Decode(R"({"log":"before"})", FromKafka(), out);
      const std::vector<char> exact(c.payload.begin(), c.payload.end());
      decoder.Decode({exact.data(), exact.size()}, FromKafka(), out);
      decoder.Decode(R"({"log":"after"})", FromKafka(), out);
      ASSERT_EQ(out.records.size(), want.empty() ? 3u : 2u);
      EXPECT_EQ(out.records.front().text, "before");
      EXPECT_EQ(out.records.back().text, "after");
      ASSERT_EQ(out.bad.size(), want.empty() ? 0u : 1u);
      if (want.empty()) continue;
      EXPECT_EQ(out.bad[0].reason, want);
      EXPECT_EQ(out.bad[0].payload, c.payload);
      EXPECT_EQ(out.bad[0].offset, 7);
    }
  }
}

TEST(DecoderBadInputTest, TextFormatsTakeAnyBytes) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  for (int f = 0; f < kFormatCount; ++f) {
    const Format format = static_cast<Format>(f);
    if (format == Format::kJson || format == Format::kDocker) continue;
    SCOPED_TRACE(FormatName(format));
    const Collector out = DecodeOne("x" + all, FromFile("f"), {.format = format});
    ASSERT_EQ(out.records.size(), 1u);
    EXPECT_EQ(out.records[0].text, "x" + all);
  }
}

TEST(DecoderTest, NamesOfFormatsAndReasonsAreDistinct) {
  for (int i = 0; i < kFormatCount; ++i) {
    EXPECT_EQ(FormatFromName(FormatName(static_cast<Format>(i))), static_cast<Format>(i));
  }
  EXPECT_EQ(FormatFromName("xml"), std::nullopt);
  for (int i = 0; i < kBadReasonCount; ++i) {
    EXPECT_FALSE(BadReasonName(static_cast<BadReason>(i)).empty());
  }
}

}  // namespace
}  // namespace tocsin::ingest
