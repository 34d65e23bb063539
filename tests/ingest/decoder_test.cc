// SPDX-License-Identifier: Apache-2.0
// Every shape in which a record may arrive, as a table: payload in, record out.
#include "ingest/decoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/ingest/collected.h"

namespace tocsin::ingest {
namespace {

// Only what a case sets is compared, but stream, text, node and time always are.
struct Case {
  const char* name;
  std::string payload;
  std::string stream;
  std::string text;
  std::string node = "";
  std::string time = "2024-05-20T12:00:00Z";  // the broker's
  std::string ns = "";
  std::string pod = "";
  std::string container = "";
};

void Check(const Case& c, const Envelope& envelope, const DecodeOptions& options = {}) {
  SCOPED_TRACE(c.name);
  SCOPED_TRACE(c.payload);
  const Collector out = DecodeOne(c.payload, envelope, options);
  ASSERT_TRUE(out.bad.empty()) << out.bad[0].reason;
  ASSERT_EQ(out.records.size(), 1u);
  const Owned& r = out.records[0];
  EXPECT_EQ(r.stream, c.stream);
  EXPECT_EQ(r.text, c.text);
  EXPECT_EQ(r.node, c.node);
  EXPECT_EQ(r.time, c.time);
  EXPECT_EQ(r.ns, c.ns);
  EXPECT_EQ(r.pod, c.pod);
  EXPECT_EQ(r.container, c.container);
}

TEST(DecoderTest, ReadsEveryJsonEnvelopeFromKafka) {
  const std::string id(64, 'a');
  const std::
      vector<Case>
          cases =
              {
                  {"fluent bit, tail with the cri parser",
                   R"({"@timestamp":1716200000.123457,"time":"2024-05-20T10:13:20.123456789Z","stream":"stderr","_p":"F","log":"E0520 10:13:20.123456       1 reflector.go:147] watch failed"})",
                   "text", "E0520 10:13:20.123456       1 reflector.go:147] watch failed", "",
                   "2024-05-20T10:13:20.123457Z"},
                  {"fluent bit, whole seconds", R"({"@timestamp":1716200000.0,"log":"hello"})",
                   "text", "hello", "", "2024-05-20T10:13:20Z"},
                  {"fluent bit, iso8601",
                   R"({"@timestamp":"2024-05-20T10:13:20.123456Z","log":"hello\n"})", "text",
                   "hello", "", "2024-05-20T10:13:20.123456Z"},
                  {"fluent bit, iso8601_ns",
                   R"({"@timestamp":"2024-05-20T10:13:20.123456789Z","log":"hello"})", "text",
                   "hello", "", "2024-05-20T10:13:20.123456789Z"},
                  {"fluent bit, classic cri parser",
                   R"({"@timestamp":1716200000.5,"time":"2024-05-20T10:13:20.5Z","stream":"stdout","logtag":"F","message":"hi"})",
                   "text", "hi", "", "2024-05-20T10:13:20.500Z"},
                  {"fluent bit, duplicate time keys: the first wins",
                   R"({"time":1549730754.446000,"log":"a","time":"2019-02-09T16:45:56.35978169Z","log":"b"})",
                   "text", "a", "", "2019-02-09T16:45:54.446Z"},
                  {"fluent bit, kubernetes filter",
                   R"({"@timestamp":1716200000.123457,"time":"2024-05-20T10:13:20.123456789Z","stream":"stdout","_p":"F","log":"Back-off pulling image \"reg/app:1\"","kubernetes":{"pod_name":"shop-7d9f","namespace_name":"prod","pod_id":"c331cafa-407e-4d7e-8a89-7fc3e1752825","labels":{"app":"shop","host":"liar"},"annotations":{"k":"v"},"ownerReferences":[{"kind":"ReplicaSet","name":"shop-7d"}],"host":"worker-17","pod_ip":"10.2.3.4","container_name":"shop","docker_id":")" +
                       id + R"(","container_image":"reg/app:1"}})",
                   "container", "Back-off pulling image \"reg/app:1\"", "worker-17",
                   "2024-05-20T10:13:20.123457Z", "prod", "shop-7d9f", "shop"},
                  {"fluent bit, merged log that was dropped",
                   R"({"@timestamp":1716200000.5,"level":"error","msg":"cannot connect","err":"timeout","kubernetes":{"pod_name":"a-1","namespace_name":"prod","host":"n1","container_name":"a"}})",
                   "container", "cannot connect err=\"timeout\"", "n1", "2024-05-20T10:13:20.500Z",
                   "prod", "a-1", "a"},
                  {"gelf",
                   R"({"version":"1.1","host":"n1","short_message":"disk full","timestamp":1716200000.123,"level":3,"_k":"v"})",
                   "text", "disk full", "n1", "2024-05-20T10:13:20.123Z"},
                  {"systemd input, the kernel",
                   R"({"@timestamp":1716200000.5,"PRIORITY":"3","_HOSTNAME":"worker-17","_TRANSPORT":"kernel","SYSLOG_FACILITY":"0","SYSLOG_IDENTIFIER":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"98694000446","MESSAGE":"neighbour: arp_cache: neighbor table overflow!","_BOOT_ID":"124c"})",
                   "kernel", "neighbour: arp_cache: neighbor table overflow!", "worker-17",
                   "2024-05-20T10:13:20.500Z"},
                  {"systemd input, kubelet, repeated field",
                   R"({"@timestamp":1716200001.25,"_HOSTNAME":["worker-17","other"],"_SYSTEMD_UNIT":"kubelet.service","SYSLOG_IDENTIFIER":"kubelet","_TRANSPORT":"stdout","MESSAGE":"E0520 10:13:21.2 1234 kuberuntime_image.go:55] \"Failed to pull image\""})",
                   "kubelet",
                   "E0520 10:13:21.2 1234 kuberuntime_image.go:55] \"Failed to pull image\"",
                   "worker-17", "2024-05-20T10:13:21.250Z"},
                  {"systemd input, Lowercase and Strip_Underscores",
                   R"({"@timestamp":1716200001.25,"hostname":"worker-17","systemd_unit":"containerd.service","syslog_identifier":"containerd","transport":"stdout","message":"time=\"x\""})",
                   "containerd", "time=\"x\"", "worker-17", "2024-05-20T10:13:21.250Z"},
                  {"kmsg input",
                   R"({"@timestamp":1463421823.732233,"priority":3,"sequence":1814,"sec":11706,"usec":732233,"msg":"Out of memory: Killed process 1012 (heapster) total-vm:327128kB"})",
                   "kernel", "Out of memory: Killed process 1012 (heapster) total-vm:327128kB", "",
                   "2016-05-16T18:03:43.732233Z"},
                  {"format raw of a kernel line",
                   "[Mon May 20 10:13:20 2024] neighbour: table overflow", "kernel",
                   "neighbour: table overflow", "", "2024-05-20T10:13:20Z"},
                  {"format raw of a cri line",
                   "2024-05-20T10:13:20.5Z stderr F E0520 10:13:20.123456       1 a.go:1] x",
                   "text", "E0520 10:13:20.123456       1 a.go:1] x", "",
                   "2024-05-20T10:13:20.500Z"},
                  {"tail without a parser on a container's file",
                   R"({"log":"2024-05-20T10:13:20.5Z stdout F ready","kubernetes":{"pod_name":"p","namespace_name":"n","container_name":"c"}})",
                   "container", "ready", "", "2024-05-20T10:13:20.500Z", "n", "p", "c"},
                  {"tail without a parser on a docker file",
                   R"({"log":"{\"log\":\"it's \\u003cup\\u003e\\n\",\"stream\":\"stdout\",\"time\":\"2024-05-20T10:13:20.5Z\"}","kubernetes":{"pod_name":"p","namespace_name":"n","container_name":"c"}})",
                   "container", "it's <up>", "", "2024-05-20T10:13:20.500Z", "n", "p", "c"},
                  {"vector, kubernetes_logs",
                   R"({"file":"/var/log/pods/kube-system_x_93bd/x/1.log","kubernetes":{"container_image":"i","container_name":"storage-provisioner","pod_name":"x","pod_namespace":"kube-system","pod_node_name":"minikube","pod_owner":"ReplicaSet/x-1","pod_uid":"93bd","container_id":"containerd://abc"},"message":"F1015 11:01:46.499073       1 main.go:39] error","source_type":"kubernetes_logs","stream":"stderr","timestamp":"2020-10-15T11:01:46.499555308Z"})",
                   "container", "F1015 11:01:46.499073       1 main.go:39] error", "minikube",
                   "2020-10-15T11:01:46.499555308Z", "kube-system", "x", "storage-provisioner"},
                  {"vector, journald",
                   R"({"host":"worker-2","message":"oom","timestamp":"2024-05-20T10:13:20Z","source_type":"journald","_TRANSPORT":"kernel","__REALTIME_TIMESTAMP":"1716200000000000","PRIORITY":"3"})",
                   "kernel", "oom", "worker-2", "2024-05-20T10:13:20Z"},
                  {"filebeat",
                   R"({"@timestamp":"2024-05-20T10:13:20.123Z","@metadata":{"beat":"filebeat"},"message":"m","stream":"stderr","log":{"file":{"path":"/var/log/containers/x.log"},"offset":1234},"kubernetes":{"node":{"name":"worker-17"},"namespace":"prod","pod":{"name":"shop-7d9f","uid":"u1"},"container":{"name":"shop"},"labels":{}},"container":{"id":"cid","runtime":"containerd"},"host":{"name":"collector"},"ecs":{"version":"8.0.0"}})",
                   "container", "m", "worker-17", "2024-05-20T10:13:20.123Z", "prod", "shop-7d9f",
                   "shop"},
                  {"filebeat without the kubernetes processor", R"({"@timestamp":"2024-05-20T10:13:20.123Z","message":"May 20 10:13:20 other kernel: [12.345678] boom","log":{"file":{"path":"/var/log/messages"}},"host":{"name":"worker-3"}})",
                   "kernel", "boom", "worker-3", "2024-05-20T10:13:20.123Z"},
                  {"elastic, event.original",
                   R"({"@timestamp":"2024-05-20T10:13:20Z","event":{"original":"raw"}})", "text",
                   "raw", "", "2024-05-20T10:13:20Z"},
                  {"rsyslog by template",
                   R"({"@timestamp":"2024-05-20T10:13:20+02:00","host":"worker-17","severity":"err","facility":"kern","tag":"kernel:","programname":"kernel","message":" [12345.678901] EXT4-fs error","pri":"3"})",
                   "kernel", "EXT4-fs error", "worker-17", "2024-05-20T08:13:20Z"},
                  {"rsyslog, a process that calls itself kernel",
                   R"({"@timestamp":"2024-05-20T10:13:20Z","host":"w","facility":"user","programname":"kernel","message":"Out of memory"})",
                   "syslog", "Out of memory", "w", "2024-05-20T10:13:20Z"},
                  {"rsyslog's file format",
                   "2024-05-20T10:13:20.123456+02:00 worker-17 kernel: [12345.678901] hung",
                   "kernel", "hung", "worker-17", "2024-05-20T08:13:20.123456Z"},
                  {"syslog-ng",
                   R"({"PROGRAM":"kernel","PRIORITY":"err","PID":"","MESSAGE":"hung","ISODATE":"2024-05-20T10:13:20+02:00","HOST":"worker-17","FACILITY":"kern"})",
                   "kernel", "hung", "worker-17", "2024-05-20T08:13:20Z"},
                  {"zap",
                   R"({"level":"error","ts":1716200000.5,"caller":"a/b.go:1","msg":"boom","error":"why"})",
                   "text", "boom err=\"why\"", "", "2024-05-20T10:13:20.500Z"},
                  {"klog json in milliseconds",
                   R"({"ts":1716200000500.25,"v":4,"msg":"Pod status updated"})", "text",
                   "Pod status updated", "", "2024-05-20T10:13:20.500250Z"},
                  {"logrus", R"({"level":"info","msg":"x","time":"2024-05-20T10:13:20Z"})", "text",
                   "x", "", "2024-05-20T10:13:20Z"},
                  {"a message of control characters, NUL and U+FFFD",
                   R"({"log":"a\u0000b\ufffd\u001b[31m"})", "text",
                   std::string("a\0b\xEF\xBF\xBD\x1B[31m", 11)},
                  {"nothing is a message, nothing was promised", R"({"status":502,"upstream":"x"})",
                   "text", R"({"status":502,"upstream":"x"})"},
              };
  for (const Case& c : cases) Check(c, FromKafka());
}

TEST(DecoderTest, FillsIdentityFromMetadata) {
  const std::string id(64, 'b');
  const Collector out = DecodeOne(
      R"({"log":"x","kubernetes":{"pod_name":"shop-7d9f","namespace_name":"prod","pod_id":"u-1","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"shop-7d"},{"kind":"X","name":"y"}],"docker_id":")" +
          id + R"(","container_image":"reg/app:1"}})",
      FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  const Owned& r = out.records[0];
  EXPECT_EQ(r.pod_uid, "u-1");
  EXPECT_EQ(r.owner_kind, "ReplicaSet");
  EXPECT_EQ(r.owner_name, "shop-7d");
  EXPECT_EQ(r.container_id, id);
  EXPECT_EQ(r.image, "reg/app:1");
}

TEST(DecoderTest, ReadsEveryPrintedLine) {
  const std::string id(64, 'c');
  const std::string prior = "2024-05-20T12:00:00Z";  // the file's modification time
  const std::vector<Case> cases = {
      {"cri", "2016-10-06T00:17:09.669794203Z stderr F log content 2", "text", "log content 2", "",
       "2016-10-06T00:17:09.669794203Z"},
      {"cri, partial, zone, tags", "2016-10-06T02:17:09.669794202+02:00 stdout P:x log content 1",
       "text", "log content 1", "", "2016-10-06T00:17:09.669794202Z"},
      {"cri, empty", "2016-10-06T00:17:09Z stdout F ", "text", "", "", "2016-10-06T00:17:09Z"},
      {"docker json-file",
       R"({"log":"text\n","stream":"stdout","attrs":{"tag":"x"},"time":"2021-02-01T01:40:03.53412Z"})",
       "text", "text", "", "2021-02-01T01:40:03.534120Z"},
      {"klog, the file's year", "I0120 00:15:15.525108       1 httplog.go:79] GET /api/v1/", "text",
       "I0120 00:15:15.525108       1 httplog.go:79] GET /api/v1/", "",
       "2024-01-20T00:15:15.525108Z"},
      {"klog, after the file: the year before", "E1025 00:15:15.525108       1 c.go:116] \"x\"",
       "text", "E1025 00:15:15.525108       1 c.go:116] \"x\"", "", "2023-10-25T00:15:15.525108Z"},
      {"logfmt", R"(time="2024-05-20T10:13:20.1Z" level=error msg="a b" error="c")", "text",
       R"(time="2024-05-20T10:13:20.1Z" level=error msg="a b" error="c")", "",
       "2024-05-20T10:13:20.100Z"},
      {"kmsg", "6,339,5140900,-;NET: Registered protocol family 10", "kernel",
       "NET: Registered protocol family 10", "", prior},
      {"kmsg with continuation and new fields",
       "7,160,424069,-,caller=T1;pci_root PNP0A03:00: host bridge\n SUBSYSTEM=acpi", "kernel",
       "pci_root PNP0A03:00: host bridge\n SUBSYSTEM=acpi", "", prior},
      {"dmesg", "[12345.678901] Out of memory", "kernel", "Out of memory", "", prior},
      {"dmesg, padded", "[    0.000000] Linux version", "kernel", "Linux version", "", prior},
      {"dmesg, caller", "[12345.678901][ T1234] msg", "kernel", "msg", "", prior},
      {"dmesg, processor", "[12345.678901][    C0] msg", "kernel", "msg", "", prior},
      {"dmesg -T", "[Mon May 20 10:13:20 2024] msg", "kernel", "msg", "", "2024-05-20T10:13:20Z"},
      {"dmesg -T, early in the month", "[Thu May  2 10:13:20 2024] msg", "kernel", "msg", "",
       "2024-05-02T10:13:20Z"},
      {"dmesg -r", "<3>[12345.678901] msg", "kernel", "msg", "", prior},
      {"dmesg -x", "kern  :err   : [12345.678901] msg", "kernel", "msg", "", prior},
      {"dmesg -x -T", "kern  :warn  : [Mon May 20 10:13:20 2024] msg", "kernel", "msg", "",
       "2024-05-20T10:13:20Z"},
      {"dmesg --time-format iso", "2024-05-20T10:13:20,123456+02:00 msg", "kernel", "msg", "",
       "2024-05-20T08:13:20.123456Z"},
      {"apache dates its lines like dmesg -T", "[Mon May 20 10:13:20 2024] [error] [client ::1] x",
       "text", "[Mon May 20 10:13:20 2024] [error] [client ::1] x", "", prior},
      {"rfc 3164", "<3>May 20 10:13:20 worker-17 kernel: [12345.678901] text", "kernel", "text",
       "worker-17", "2024-05-20T10:13:20Z"},
      {"rfc 3164 without priority", "May  2 10:13:20 worker-17 kubelet[1234]: E0502 x", "kubelet",
       "E0502 x", "worker-17", "2024-05-02T10:13:20Z"},
      {"rfc 3164 without host", "Dec 31 23:59:59 systemd[1]: Started x.", "systemd", "Started x.",
       "", "2023-12-31T23:59:59Z"},
      {"rfc 3164 without tag", "May 20 10:13:20 worker-17 no tag here", "syslog", "no tag here",
       "worker-17", "2024-05-20T10:13:20Z"},
      {"rfc 3164, another program", "May 20 10:13:20 worker-17 sshd[1]: Accepted", "syslog",
       "Accepted", "worker-17", "2024-05-20T10:13:20Z"},
      {"rfc 3164, a shell that quotes the kernel",
       "May 20 10:13:20 w -bash: user=root grep 'Out of memory: Killed process 1'", "audit",
       "user=root grep 'Out of memory: Killed process 1'", "w", "2024-05-20T10:13:20Z"},
      {"rfc 3164, a process that calls itself kernel",
       "<13>May 20 10:13:20 w kernel: Out of memory", "syslog", "Out of memory", "w",
       "2024-05-20T10:13:20Z"},
      {"rfc 5424",
       "<165>1 2024-05-20T10:13:20.003Z worker-17 containerd 1234 ID47 [ex@32473 iut=\"3\" "
       "q=\"a\\\"]b\"] \xEF\xBB\xBFtext",
       "containerd", "text", "worker-17", "2024-05-20T10:13:20.003Z"},
      {"rfc 5424, nil values", "<165>1 - - - - - - text", "syslog", "text", "", prior},
      {"rfc 5424, octet count", "49 <6>1 2024-05-20T10:13:20Z w kernel - - - [1.000000] hi",
       "kernel", "hi", "w", "2024-05-20T10:13:20Z"},
      {"journalctl, short-iso", "2024-05-20T10:13:20+0200 worker-17 dockerd[88]: x", "dockerd", "x",
       "worker-17", "2024-05-20T08:13:20Z"},
      {"an application's dated line", "2024-05-20T10:13:20.123Z ERROR main: failed", "text",
       "2024-05-20T10:13:20.123Z ERROR main: failed", "", "2024-05-20T10:13:20.123Z"},
      {"etcd's old format", "2024-05-20 10:13:20.534120 W | etcdserver: slow", "text",
       "2024-05-20 10:13:20.534120 W | etcdserver: slow", "", "2024-05-20T10:13:20.534120Z"},
      {"nginx", "2024/05/20 10:13:20 [error] 31#31: *1 upstream timed out", "text",
       "2024/05/20 10:13:20 [error] 31#31: *1 upstream timed out", "", "2024-05-20T10:13:20Z"},
      {"anything", "panic: runtime error", "text", "panic: runtime error", "", prior},
      {"what is no JSON", "{key: value}", "text", "{key: value}", "", prior},
      {"what begins as JSON", "{\"key\": nonsense", "text", "{\"key\": nonsense", "", prior},
      {"any bytes", "caf\xE9 \xFF\xFE", "text", "caf\xE9 \xFF\xFE", "", prior},
      {"NUL bytes", std::string("a\0b", 3), "text", std::string("a\0b", 3), "", prior},
      {"journalctl -o json",
       R"({"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1716200000123456","_HOSTNAME":"w","_SYSTEMD_UNIT":"kubelet.service","_TRANSPORT":"stdout","MESSAGE":"m"})",
       "kubelet", "m", "w", "2024-05-20T10:13:20.123456Z"},
      {"journalctl -o json, bytes",
       R"({"__REALTIME_TIMESTAMP":"1716200000123456","_HOSTNAME":"w","_TRANSPORT":"kernel","MESSAGE":[104,105,255,10]})",
       "kernel", "hi\xFF", "w", "2024-05-20T10:13:20.123456Z"},
  };
  for (const Case& c : cases) Check(c, FromFile("/tmp/mailed.txt"));
}

TEST(DecoderTest, ReadsTablesOfEvents) {
  struct EventCase {
    std::string line, text, kind, name, ns, node;
    int64_t count;
    bool warning;
  };
  const std::vector<EventCase> cases = {
      {"49s         Warning   FailedScheduling   pod/shop-7d9f   0/2 nodes are available: 2 "
       "Insufficient cpu.",
       "FailedScheduling 0/2 nodes are available: 2 Insufficient cpu.", "Pod", "shop-7d9f", "", "",
       1, true},
      {"prod        5m3s (x4 over 10m)   Warning   BackOff   pod/shop-7d9f   Back-off restarting",
       "BackOff Back-off restarting", "Pod", "shop-7d9f", "prod", "", 4, true},
      {"default     <unknown>   Normal    NodeNotReady   node/worker-17   Node worker-17 status is "
       "now: NodeNotReady",
       "NodeNotReady Node worker-17 status is now: NodeNotReady", "Node", "worker-17", "",
       "worker-17", 1, false},
      {"  Warning  FailedScheduling  49s  default-scheduler  0/2 nodes are available",
       "FailedScheduling 0/2 nodes are available", "", "", "", "", 1, true},
      {"  Warning  FailedMount       49s (x12 over 3m)  kubelet, worker-2  MountVolume.SetUp "
       "failed",
       "FailedMount MountVolume.SetUp failed", "", "", "", "worker-2", 12, true},
  };
  for (const Format format : {Format::kAuto, Format::kEvent}) {
    for (const EventCase& c : cases) {
      SCOPED_TRACE(c.line);
      const Collector out = DecodeOne(c.line, FromFile("events.txt"), {.format = format});
      ASSERT_EQ(out.records.size(), 1u);
      const Owned& r = out.records[0];
      EXPECT_EQ(r.stream, "event");
      EXPECT_EQ(r.text, c.text);
      EXPECT_EQ(r.kind, c.kind);
      EXPECT_EQ(r.name, c.name);
      EXPECT_EQ(r.ns, c.ns);
      EXPECT_EQ(r.node, c.node);
      EXPECT_EQ(r.count, c.count);
      EXPECT_EQ(r.warning, c.warning);
    }
  }
}

TEST(DecoderTest, RowsOfDescribeBelongToTheObjectAbove) {
  Collector out;
  Decoder decoder({});
  for (const char* line :
       {"Name:             shop-7d9f", "Namespace:        prod",
        "Node:             worker-17/10.0.0.17",
        "Events:", "  Type     Reason   Age   From     Message",
        "  Warning  BackOff  3m2s (x9 over 5m)  kubelet  Back-off restarting failed container",
        "Name:               worker-18", "Roles:              <none>",
        "  Warning  EvictionThresholdMet  10s  kubelet  Attempting to reclaim memory"}) {
    decoder.Decode(line, FromFile("describe.txt"), out);
  }
  ASSERT_EQ(out.records.size(), 9u);
  EXPECT_EQ(out.records[5].pod, "shop-7d9f");
  EXPECT_EQ(out.records[5].ns, "prod");
  EXPECT_EQ(out.records[5].node, "worker-17");
  EXPECT_EQ(out.records[5].count, 9);
  EXPECT_EQ(out.records[8].node, "worker-18");
  EXPECT_EQ(out.records[8].kind, "Node");
  EXPECT_EQ(out.records[8].pod, "");
}

TEST(DecoderTest, ReadsEventObjects) {
  const Collector out = DecodeOne(kPodEvent, FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  const Owned& r = out.records[0];
  EXPECT_EQ(r.stream, "event");
  EXPECT_EQ(r.text, "FailedMount MountVolume.SetUp failed");
  EXPECT_EQ(r.uid, "b7cb03e8");
  EXPECT_EQ(r.count, 16);
  EXPECT_EQ(r.reason, "FailedMount");
  EXPECT_EQ(r.kind, "Pod");
  EXPECT_EQ(r.name, "shop-1");
  EXPECT_TRUE(r.warning);
  EXPECT_EQ(r.ns, "default");
  EXPECT_EQ(r.pod, "shop-1");
  EXPECT_EQ(r.pod_uid, "d5cd8257");
  EXPECT_EQ(r.container, "web");
  EXPECT_EQ(r.node, "minikube");  // the kubelet's, not the collector's
  EXPECT_EQ(r.time, "2024-07-31T18:47:15Z");
}

TEST(DecoderTest, EventsOfOthersHaveNoNode) {
  Envelope envelope = FromKafka();
  envelope.node = "collector-node";
  const Collector out = DecodeOne(
      R"({"kind":"Event","metadata":{"uid":"u","creationTimestamp":"2024-05-20T10:13:20Z"},"involvedObject":{"kind":"Pod","namespace":"prod","name":"shop-1"},"reason":"FailedScheduling","message":"0/2 nodes","source":{"component":"default-scheduler","host":"master-1"},"firstTimestamp":null,"lastTimestamp":null,"eventTime":"2024-05-20T10:13:21.123456Z","series":{"count":3,"lastObservedTime":"2024-05-20T10:14:00.5Z"},"type":"Warning","reportingComponent":"default-scheduler","reportingInstance":"default-scheduler-master-1"})",
      envelope);
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].stream, "event");
  EXPECT_EQ(out.records[0].node, "");
  EXPECT_EQ(out.records[0].count, 3);
  EXPECT_EQ(out.records[0].time, "2024-05-20T10:14:00.500Z");
}

TEST(DecoderTest, EventsAboutANodeAreThatNodes) {
  const Collector out = DecodeOne(
      R"({"kind":"Event","metadata":{"uid":"u","namespace":"default"},"regarding":{"kind":"Node","name":"worker-17"},"reason":"NodeNotReady","note":"Node worker-17 status is now: NodeNotReady","deprecatedSource":{"component":"node-controller"},"deprecatedCount":2,"deprecatedLastTimestamp":"2024-05-20T10:13:20Z","type":"Normal"})",
      FromKafka());
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].stream, "event");
  EXPECT_EQ(out.records[0].text, "NodeNotReady Node worker-17 status is now: NodeNotReady");
  EXPECT_EQ(out.records[0].node, "worker-17");
  EXPECT_EQ(out.records[0].ns, "");
  EXPECT_EQ(out.records[0].count, 2);
  EXPECT_EQ(out.records[0].time, "2024-05-20T10:13:20Z");
}

}  // namespace
}  // namespace tocsin::ingest
