// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer, so that every test run and every compiler exercises it:
//   decode_fuzz_smoke [SEED [ROUNDS]]
// Mutates and splices known shapes. The same seed gives the same inputs; a failure aborts, and its
// input is printed.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string current;

void PrintInput(int) {
  std::fputs("the input, in C's escapes: \"", stderr);
  for (const char c : current) std::fprintf(stderr, "\\x%02x", static_cast<uint8_t>(c));
  std::fputs("\"\n", stderr);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

const std::vector<std::string>& Shapes() {
  static const std::vector<std::string> shapes = {
      R"({"@timestamp":1716200000.123457,"time":"2024-05-20T10:13:20.123456789Z","stream":"stderr","_p":"F","log":"E0520 10:13:20.123456       1 a.go:147] x\n","kubernetes":{"pod_name":"a-1","namespace_name":"kube-system","labels":{"a":"b"},"ownerReferences":[{"kind":"ReplicaSet","name":"a"}],"host":"n","container_name":"a","docker_id":"4bb"}})",
      R"({"@timestamp":1716200000.5,"_HOSTNAME":["n","m"],"_TRANSPORT":"kernel","_SYSTEMD_UNIT":"kubelet.service","SYSLOG_IDENTIFIER":"kernel","MESSAGE":[104,105,255]})",
      R"({"kind":"Event","metadata":{"uid":"u","creationTimestamp":"2024-07-31T18:26:51Z"},"involvedObject":{"kind":"Pod","namespace":"d","name":"p","fieldPath":"spec.containers{w}"},"reason":"FailedMount","message":"m","source":{"component":"kubelet","host":"n"},"count":16,"series":{"count":3,"lastObservedTime":"2024-05-20T10:14:00.5Z"},"type":"Warning","eventTime":null})",
      R"([{"log":"a"},{"message":"\u00e9\ud83d\ude00","err":"e"},17,{"body":{"stringValue":"b"}}])",
      "{\"log\":\"a\"}\n{\"log\":\"b\"}\n",
      R"({"log":"{\"log\":\"text\\n\",\"stream\":\"stdout\",\"time\":\"2021-02-01T01:40:03.53412Z\"}","kubernetes":{"pod":{"name":"p","uid":"u"},"node":{"name":"n"}}})",
      R"({"log":{"file":{"path":"/var/log/containers/x.log"}},"event":{"original":"o"},"host":{"name":"h"}})",
      "2016-10-06T00:17:09.669794202Z stdout P:x log content 1",
      "I1025 00:15:15.525108       1 httplog.go:79] GET /api/v1/",
      "time=\"2024-05-20T10:13:20.1Z\" level=error msg=\"a\" error=\"b\"",
      "6,339,5140900,-,caller=T1;NET: Registered\n SUBSYSTEM=acpi",
      "[12345.678901][ T1234] msg",
      "[Mon May 20 10:13:20 2024] msg",
      "kern  :err   : [12345.678901] msg",
      "2024-05-20T10:13:20,123456+02:00 msg",
      "49 <165>1 2024-05-20T10:13:20.003Z n containerd 1234 ID47 [ex@32473 iut=\"3\\\"\"] "
      "\xEF\xBB\xBFt",
      "<3>May  2 10:13:20.5 n kernel: [12345.678901] text",
      "2024-05-20T10:13:20.123456+02:00 n kubelet[1]: x",
      "prod  5m3s (x4 over 10m)  Warning  BackOff  pod/a-7d9f  Back-off",
      "  Warning  FailedMount  49s (x12 over 3m)  kubelet, n  MountVolume",
      "Name:  a\nNode: n/1",
      "2024/05/20 10:13:20 [error] x",
  };
  return shapes;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string Next() {
    std::string input = Pick();
    const int steps = Below(6);
    for (int i = 0; i < steps; ++i) Step(&input);
    input.insert(0, 1, static_cast<char>(Below(4) == 0 ? Below(256) : 0));  // often kAuto
    input.insert(1, 1, static_cast<char>(Below(256)));
    return input;
  }

 private:
  int Below(size_t limit) { return static_cast<int>(random_() % limit); }
  const std::string& Pick() { return Shapes()[static_cast<size_t>(Below(Shapes().size()))]; }
  void Step(std::string* input) {
    const size_t at = static_cast<size_t>(Below(input->size() + 1));
    switch (Below(7)) {
      case 0:
        input->resize(at);
        break;
      case 1:
        if (at < input->size()) (*input)[at] = static_cast<char>(Below(256));
        break;
      case 2:
        input->erase(at, static_cast<size_t>(1 + Below(8)));
        break;
      case 3:
        input->insert(at, 1, "{}[]\",:\\ \n\t<>;-09T"[Below(18)]);
        break;
      case 4: {
        const std::string& other = Pick();
        const size_t from = static_cast<size_t>(Below(other.size()));
        input->insert(at, other, from, static_cast<size_t>(Below(64)));
        break;
      }
      case 5:
        input->insert(at, static_cast<size_t>(1 + Below(3000)), "[{\"9 x"[Below(6)]);
        break;
      default:
        input->insert(at, input->substr(at / 2, static_cast<size_t>(Below(200))));
        break;
    }
  }

  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 20000;
  std::signal(SIGABRT, PrintInput);
  Mutator mutator(seed);
  for (int i = 0; i < rounds; ++i) {
    current = mutator.Next();
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
  }
  return 0;
}
