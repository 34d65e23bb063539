// SPDX-License-Identifier: Apache-2.0
// The replay is text with blanks (deploy/demo/README.md): what happened, without when, and without
// what is different in every line of its kind. Here the blanks are filled in from a seeded
// generator and the line is wrapped the way the Fluent Bit input of its shape wraps it.
#include "cli/demo_story.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "cli/json.h"
#include <fmt/core.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

// splitmix64: the standard library's distributions differ from platform to platform.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : Next() % n; }
  std::string Hex(size_t digits) {
    std::string out;
    for (size_t i = 0; i < digits; ++i) out += "0123456789abcdef"[Below(16)];
    return out;
  }
  std::string Uuid() {
    return fmt::format("{}-{}-4{}-a{}-{}", Hex(8), Hex(4), Hex(3), Hex(3), Hex(12));
  }

 private:
  uint64_t state_;
};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string_view word : Split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

int64_t Integer(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A pod of noise.txt, or what stands behind `pod` in story.txt.
struct Template {
  std::string node;                // "*": any; "@label": where one of those pods runs
  std::vector<std::string> shape;  // "kmsg", "6"
  std::string text;
};

constexpr std::string_view kNodes[] = {"node-a", "node-b", "node-c"};

std::string Stamp(Time time) {
  return FormatTime(std::chrono::floor<std::chrono::microseconds>(time));
}

// The blanks of one text.
class Filler {
 public:
  Filler(Random& random, Time time, int64_t index) : random_(random), time_(time), index_(index) {}

  std::string Fill(std::string_view text) {
    std::string out;
    while (true) {
      size_t begin = text.find("${");
      size_t end = begin == text.npos ? text.npos : text.find('}', begin);
      if (end == text.npos) return out.append(text);
      out += text.substr(0, begin);
      out += Blank(text.substr(begin + 2, end - begin - 2));
      text.remove_prefix(end + 1);
    }
  }

 private:
  std::string Blank(std::string_view blank) {
    std::string_view name = blank.substr(0, blank.find_first_of(" :"));
    std::string_view rest = blank.substr(std::min(blank.size(), name.size() + 1));
    std::string stamp = Stamp(time_);  // 2024-05-20T10:13:20.123456Z
    std::string fraction = stamp.size() > 20 ? stamp.substr(20, stamp.size() - 21) : "000000";
    fraction.resize(6, '0');
    if (name == "klog") {
      return stamp.substr(5, 2) + stamp.substr(8, 2) + " " + stamp.substr(11, 8) + "." + fraction;
    }
    if (name == "rfc3339") return stamp;
    if (name == "clock")
      return stamp.substr(0, 10) + " " + stamp.substr(11, 8) + "." + fraction.substr(0, 3);
    if (name == "int") {
      std::string spaced(rest);  // ${int:1:9} where a blank must be one word
      std::replace(spaced.begin(), spaced.end(), ':', ' ');
      std::vector<std::string> range = Words(spaced);
      if (range.size() != 2) return "0";
      int64_t low = Integer(range[0]), high = Integer(range[1]);
      return std::to_string(
          low + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(high - low + 1))));
    }
    if (name == "hex") return random_.Hex(static_cast<size_t>(Integer(rest)));
    if (name == "uuid") return random_.Uuid();
    if (name == "ip") return fmt::format("10.0.{}.{}", random_.Below(8), 2 + random_.Below(250));
    if (name == "pick") {
      std::vector<std::string_view> choices = Split(rest, '|');
      return std::string(choices[random_.Below(choices.size())]);
    }
    if (name == "i") return std::to_string(index_);
    return fmt::format("${{{}}}", blank);
  }

  Random& random_;
  Time time_;
  int64_t index_;
};

// Names that are made up must be the same wherever they stand.
std::string StableUid(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return Random(hash).Uuid();
}
std::string StableHex(std::string_view name, size_t digits) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return Random(hash).Hex(digits);
}

std::string Epoch(Time time) {
  int64_t micros = ToNanos(time) / 1000;
  return fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

// What the inputs add around a line. `first` is when a repeated event came first.
class Wrapper {
 public:
  // False: the shape is not known or lacks a word.
  static bool Knows(const std::vector<std::string>& shape) {
    if (shape.empty()) return false;
    if (shape[0] == "journal") return shape.size() == 4;
    if (shape[0] == "kmsg") return shape.size() == 2;
    if (shape[0] == "pod") return shape.size() == 3 && Split(shape[1], '/').size() == 3;
    if (shape[0] == "event") return shape.size() == 5 && Split(shape[4], '/').size() == 2;
    return false;
  }

  std::string Wrap(const std::vector<std::string>& shape, std::string_view node,
                   std::string_view text, Time time, Time first, int64_t count) {
    JsonWriter json;
    json.BeginObject().Raw("@timestamp", Epoch(time));
    if (shape[0] == "journal") {
      Journal(json, shape, node, text);
    } else if (shape[0] == "kmsg") {
      Kmsg(json, shape, node, text, time);
    } else if (shape[0] == "pod") {
      Pod(json, shape, node, text, time);
    } else {
      Event(json, shape, node, text, time, first, count);
    }
    return json.EndObject().str();
  }

 private:
  static void Journal(JsonWriter& json, const std::vector<std::string>& shape,
                      std::string_view node, std::string_view text) {
    json.Text("PRIORITY", shape[3])
        .Text("_HOSTNAME", node)
        .Text("_SYSTEMD_UNIT", shape[1])
        .Text("SYSLOG_IDENTIFIER", shape[2])
        .Text("_COMM", shape[2])
        .Text("_PID", std::to_string(1000 + shape[2].size() * 137))
        .Text("_TRANSPORT", "stdout")
        .Text("_MACHINE_ID", StableHex(node, 32))
        .Text("MESSAGE", text);
  }
  void Kmsg(JsonWriter& json, const std::vector<std::string>& shape, std::string_view node,
            std::string_view text, Time time) {
    int64_t micros = ToNanos(time) / 1000 % 100'000'000'000;
    json.Number("priority", Integer(shape[1]))
        .Number("sequence", ++sequence_[std::string(node)])
        .Number("sec", micros / 1'000'000)
        .Number("usec", micros % 1'000'000)
        .Text("msg", text)
        .Text("hostname", node);
  }
  static void Pod(JsonWriter& json, const std::vector<std::string>& shape, std::string_view node,
                  std::string_view text, Time time) {
    std::vector<std::string_view> parts = Split(shape[1], '/');
    json.Text("time", Stamp(time))
        .Text("stream", text.find("ERROR") == text.npos ? "stdout" : "stderr")
        .Text("_p", "F")
        .Text("log", text)
        .BeginObject("kubernetes")
        .Text("pod_name", parts[1])
        .Text("namespace_name", parts[0])
        .Text("pod_id", StableUid(parts[1]))
        .BeginObject("labels")
        .Text("app", parts[2])
        .EndObject()
        .Text("host", node)
        .Text("pod_ip",
              fmt::format("10.0.{}.{}", parts[1].size() % 8, 2 + parts[1].size() * 7 % 250))
        .Text("container_name", parts[2])
        .Text("docker_id", StableHex(parts[1], 64))
        .Text("container_image", shape[2])
        .EndObject();
  }
  static void Event(JsonWriter& json, const std::vector<std::string>& shape, std::string_view node,
                    std::string_view text, Time time, Time first, int64_t count) {
    std::vector<std::string_view> parts = Split(shape[4], '/');
    auto second = [](Time t) { return FormatTime(std::chrono::floor<seconds>(t)); };
    bool kubelet = shape[3] == "Pod" && node != "-";
    std::string event =
        fmt::format("{}.{}", parts[1], StableHex(fmt::format("{}{}", parts[1], text), 16));
    json.Text("kind", "Event")
        .Text("apiVersion", "v1")
        .BeginObject("metadata")
        .Text("name", event)
        .Text("namespace", parts[0])
        .Text("uid", StableUid(event + second(first)))
        .Text("resourceVersion", std::to_string(177'000 + count))
        .Text("creationTimestamp", second(first))
        .EndObject()
        .BeginObject("involvedObject")
        .Text("kind", shape[3])
        .Text("namespace", parts[0])
        .Text("name", parts[1])
        .Text("uid", StableUid(parts[1]))
        .Text("apiVersion", "v1")
        .EndObject()
        .Text("reason", shape[2])
        .Text("message", text)
        .BeginObject("source")
        .Text("component", kubelet ? "kubelet" : "controllermanager");
    if (kubelet) json.Text("host", node);
    json.EndObject()
        .Text("firstTimestamp", second(first))
        .Text("lastTimestamp", second(time))
        .Number("count", count)
        .Text("type", shape[1])
        .Raw("eventTime", "null");
  }

  std::map<std::string, int64_t> sequence_;  // of /dev/kmsg, by node
};

// A line of either file, cut in two.
struct Line {
  int number;
  std::vector<std::string> head;
  std::string_view text;
};
std::vector<Line> Lines(std::string_view file) {
  std::vector<Line> lines;
  int number = 0;
  for (std::string_view line : Split(file, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    size_t bar = line.find(" | ");
    lines.push_back({number, Words(line.substr(0, bar)),
                     bar == line.npos ? std::string_view() : line.substr(bar + 3)});
  }
  return lines;
}

std::vector<std::string> From(const std::vector<std::string>& words, size_t begin) {
  return {words.begin() + static_cast<ptrdiff_t>(std::min(begin, words.size())), words.end()};
}

struct Planned {
  Time time;
  Time first;
  int64_t index = 0;
  std::string node;
  std::vector<std::string> shape;
  std::string_view text;
};

absl::Status PlanStory(std::string_view story, const DemoOptions& options,
                       std::vector<Planned>& plan) {
  for (const Line& line : Lines(story)) {
    auto bad = [&line] {
      return InvalidArgument("story.txt:{}: write WHEN NODE SHAPE | TEXT", line.number);
    };
    if (line.head.size() < 3 || line.text.empty()) return bad();
    // -5m20s*4/80s
    std::string_view when = line.head[0];
    size_t star = when.find('*'), slash = when.find('/');
    std::optional<Duration> before =
        when.empty() ? std::nullopt
                     : ParseDuration(when.substr(1, star == when.npos ? star : star - 1));
    int64_t times = 1;
    std::optional<Duration> every = Duration(0);
    if (star != when.npos) {
      if (slash == when.npos || slash < star) return bad();
      times = Integer(when.substr(star + 1, slash - star - 1));
      every = ParseDuration(when.substr(slash + 1));
    }
    std::vector<std::string> shape = From(line.head, 2);
    if (when.front() != '-' || !before || !every || times < 1 || !Wrapper::Knows(shape))
      return bad();
    for (int64_t i = 0; i < times; ++i) {
      Time first = options.end - *before;
      plan.push_back({first + *every * i, first, i, line.head[1], shape, line.text});
    }
  }
  return absl::OkStatus();
}

absl::Status PlanNoise(std::string_view noise, const DemoOptions& options, Random& random,
                       std::vector<Planned>& plan) {
  struct Pod {
    std::string node;
    std::vector<std::string> shape;
  };
  std::map<std::string, std::vector<Pod>> pods;
  std::vector<std::pair<uint64_t, Line>> choices;  // by cumulative weight
  uint64_t total = 0;
  for (Line& line : Lines(noise)) {
    auto bad = [&line] {
      return InvalidArgument("noise.txt:{}: write WEIGHT NODE SHAPE | TEXT", line.number);
    };
    if (line.head.size() < 3) return bad();
    if (line.head[0][0] == '@') {
      std::vector<std::string> shape = From(line.head, 2);
      if (!Wrapper::Knows(shape)) return bad();
      pods[line.head[0]].push_back({line.head[1], shape});
      continue;
    }
    int64_t weight = Integer(line.head[0]);
    bool of_pod = line.head[1][0] == '@';
    if (weight < 1 || line.text.empty() || (of_pod && pods.count(line.head[1]) == 0)) return bad();
    if (!of_pod && !Wrapper::Knows(From(line.head, 2)) && line.head[2] != "event") return bad();
    total += static_cast<uint64_t>(weight);
    choices.emplace_back(total, std::move(line));
  }
  if (choices.empty()) return absl::OkStatus();
  for (size_t i = 0; i < options.noise_lines; ++i) {
    uint64_t at = random.Below(total);
    auto choice = std::upper_bound(choices.begin(), choices.end(), at,
                                   [](uint64_t value, const auto& c) { return value < c.first; });
    const Line& line = choice->second;
    Time time =
        options.end -
        Duration(static_cast<int64_t>(random.Below(static_cast<uint64_t>(options.length.count()))));
    Planned planned{time, time, 0, line.head[1], From(line.head, 2), line.text};
    if (planned.node[0] == '@') {
      const std::vector<Pod>& of = pods[planned.node];
      const Pod& pod = of[random.Below(of.size())];
      planned.node = pod.node;
      planned.shape = pod.shape;
    } else if (planned.node == "*") {
      planned.node = std::string(kNodes[random.Below(std::size(kNodes))]);
    }
    plan.push_back(std::move(planned));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DemoRecord>> RenderDemo(std::string_view story, std::string_view noise,
                                                   const DemoOptions& options) {
  Random random(options.seed);
  std::vector<Planned> plan;
  RETURN_IF_ERROR(PlanStory(story, options, plan));
  RETURN_IF_ERROR(PlanNoise(noise, options, random, plan));
  std::stable_sort(plan.begin(), plan.end(),
                   [](const Planned& a, const Planned& b) { return a.time < b.time; });
  std::vector<DemoRecord> records;
  records.reserve(plan.size());
  Wrapper wrapper;
  for (Planned& planned : plan) {
    Filler filler(random, planned.time, planned.index);
    for (std::string& word : planned.shape) word = filler.Fill(word);  // names of events' objects
    std::string text = filler.Fill(planned.text);
    records.push_back({planned.time, wrapper.Wrap(planned.shape, planned.node, text, planned.time,
                                                  planned.first, planned.index + 1)});
  }
  return records;
}

}  // namespace tocsin::cli
