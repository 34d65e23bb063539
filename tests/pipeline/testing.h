// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/board.h"
#include "base/row.h"
#include "base/status.h"
#include "correlate/fold.h"
#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"
#include "pipeline/fold.h"
#include "pipeline/lane.h"
#include "pipeline/pace.h"
#include "store/store.h"

// What the pipeline's tests share: a small catalogue in which everything happens, a generated
// cluster that shakes it, and a process that can be killed.
namespace tocsin::pipeline {

inline constexpr int64_t kStart = 1'700'000'000;  // seconds; begins a slot
inline constexpr std::string_view kTopic = "logs";
inline Time At(double seconds_after_start) {
  return TimeFromNanos(kStart * 1'000'000'000 +
                       static_cast<int64_t>(seconds_after_start * 1000) * 1'000'000);
}

class TempDir {
 public:
  TempDir() {
    std::string path = testing::TempDir() + "/tocsin-pipeline-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where generated input begins: TOCSIN_TEST_SEED repeats a failure.
inline uint64_t BaseSeed(uint64_t otherwise) {
  const char* text = std::getenv("TOCSIN_TEST_SEED");
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

inline constexpr const char* kCatalogue = R"yaml(
- id: arp
  streams: [kernel]
  match: ['neighbor table overflow']
  clears: {quiet: 2m}
  causes: [{id: dns, same: node, before: 5m, after: 1m}, {id: not-ready, same: node, before: 3m, after: 1m}]
- id: dns
  streams: [container]
  entity: pod
  match: ['UnknownHostException: (?<host>\S+)']
  threshold: {count: 2, within: 1m}
  clears: {quiet: 3m}
- id: pool-full
  streams: [kernel]
  kind: state
  severity: critical
  match: ['thin pool full']
  clears: {by: [pool-ok]}
  causes: [{id: sandbox, same: node, before: 10m, after: 1m}]
- id: pool-ok
  severity: info
  streams: [kernel]
  match: ['thin pool resumed']
- id: sandbox
  streams: [event]
  entity: pod
  match: ['^FailedCreatePodSandBox ']
  threshold: {count: 2, within: 10m}
  clears: {quiet: 5m}
- id: not-ready
  streams: [kubelet]
  kind: state
  match: ['Node became not ready']
  clears: {by: [ready]}
  expected_during: [cordoned]
  causes: [{id: dns, same: node, before: 10m, after: 30s}]
- id: ready
  severity: info
  streams: [kubelet]
  match: ['Node became ready']
- id: cordoned
  severity: info
  streams: [kubelet]
  match: ['Node was cordoned']
  clears: {quiet: 4m}
- id: removed
  severity: info
  removal: true
  streams: [kubelet]
  match: ['Node was removed']
- id: registry
  streams: [kubelet]
  entity: registry
  match: ['lookup (?<registry>\S+): no such host']
  clears: {quiet: 4m}
  causes: [{id: pull, same: registry, before: 5m, after: 1m}]
- id: pull
  streams: [kubelet]
  entity: image
  match: ['Failed to pull image "(?<image>[^"]+)"']
  clears: {quiet: 3m}
- id: storm
  streams: [kernel]
  match: ['storm of interrupts']
  threshold: {count: 4, within: 2m}
  clears: {quiet: 1m, by: [calm]}
  causes: [{id: arp, same: node, before: 2m, after: 2m}]
- id: calm
  severity: info
  streams: [kernel]
  match: ['all is calm']
- id: limit
  streams: [kernel]
  match: ['rate limited']
  requires_near: {id: arp, same: node, within: 1m}
  clears: {quiet: 2m}
  causes: [{id: dns, same: node, before: 5m, after: 1m}]
- id: loop
  entity: node
  sequence: [not-ready, ready, not-ready]
  threshold: {count: 1, within: 30m}
  clears: {quiet: 30m}
- id: stuck
  entity: node
  absent: {after: not-ready, id: ready, within: 5m}
  clears: {quiet: 10m}
  causes: [{id: dns, same: node, before: 5m, after: 1m}]
- id: gone
  kind: state
  severity: warning
  measure: {tally: node, silent: 4m}
  causes: [{id: dns, same: node, before: 10m, after: 1m}]
- id: chatty
  measure: {tally: container, over: 2B/s, for: 10s}
  clears: {quiet: 2m}
- id: many-hosts
  streams: [container]
  entity: cluster
  match: ['UnknownHostException: (?<host>\S+)']
  threshold: {count: 2, within: 10m, distinct: pod}
  clears: {quiet: 3m}
- id: lasting
  streams: [kernel]
  match: ['storm of interrupts']
  occurrence: {key: [node], within: 5s}
  threshold: {count: 2, within: 3m, for: 1m}
  clears: {quiet: 3m}
- id: stays-full
  streams: [kernel]
  kind: state
  match: ['thin pool full']
  threshold: {for: 3m}
  clears: {by: [pool-ok]}
)yaml";

struct World {
  std::unique_ptr<const Catalogue> catalogue;
  std::unique_ptr<const matcher::PatternSet> patterns;

  static const World& Get() {
    static const World& world = *new World;
    return world;
  }

 private:
  World() {
    auto loaded = matcher::LoadCatalogueFromText({{"test.yaml", kCatalogue}});
    TOCSIN_CHECK(loaded.ok());
    catalogue = *std::move(loaded);
    auto compiled = matcher::PatternSet::Compile(*catalogue);
    TOCSIN_CHECK(compiled.ok());
    patterns = *std::move(compiled);
  }
};

struct Produced {
  int partition = 0;
  int64_t offset = 0;
  Time broker;
  std::string payload;
};
// Messages of each partition, offsets from 0 without holes.
using Log = std::vector<std::vector<Produced>>;

// The wire as Fluent Bit writes it.
inline std::string Stamp(Time time) {
  int64_t micros = ToNanos(time) / 1000;
  return fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}
inline std::string Kernel(Time time, std::string_view node, std::string_view text) {
  return fmt::format(R"({{"@timestamp":{},"_TRANSPORT":"kernel","_HOSTNAME":"{}","MESSAGE":"{}"}})",
                     Stamp(time), node, text);
}
inline std::string Kubelet(Time time, std::string_view node, std::string_view text) {
  return fmt::format(
      R"({{"@timestamp":{},"_TRANSPORT":"stdout","_SYSTEMD_UNIT":"kubelet.service","_HOSTNAME":"{}","MESSAGE":"{}"}})",
      Stamp(time), node, text);
}
inline std::string Pod(Time time, std::string_view node, std::string_view pod,
                       std::string_view text) {
  return fmt::format(
      R"({{"@timestamp":{},"log":"{}","kubernetes":{{"pod_name":"{}","namespace_name":"prod","host":"{}","container_name":"app"}}}})",
      Stamp(time), text, pod, node);
}
inline std::string PodEvent(Time time, std::string_view node, std::string_view pod,
                            std::string_view uid, int count) {
  return fmt::format(
      R"({{"@timestamp":{},"kind":"Event","apiVersion":"v1","metadata":{{"name":"e","namespace":"prod","uid":"{}"}},"involvedObject":{{"kind":"Pod","namespace":"prod","name":"{}"}},"reason":"FailedCreatePodSandBox","message":"cannot create","source":{{"component":"kubelet","host":"{}"}},"count":{},"type":"Warning","reportingComponent":"kubelet"}})",
      Stamp(time), uid, pod, node, count);
}

// A few hours of a small cluster in which things go wrong in bursts, with everything that wires do
// to records: they arrive out of order, late, from the future, twice, broken.
inline Log MakeLog(uint64_t seed, int partitions, int messages) {
  std::mt19937_64 rng(seed);
  auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<uint64_t>(n)); };
  auto chance = [&](int percent) { return pick(100) < percent; };
  struct Item {
    double broker;
    std::string payload;
  };
  std::vector<std::vector<Item>> items(static_cast<size_t>(partitions));
  const double span = 9000;
  double burst = 0;
  int burst_node = 0;
  std::map<std::string, int> counts;  // of events, by uid
  for (int i = 0; i < messages; ++i) {
    if (i % 12 == 0) {
      burst = static_cast<double>(pick(static_cast<int>(span)));
      burst_node = pick(4);
    }
    bool in_burst = chance(80);
    double broker =
        in_burst ? burst + pick(400) : static_cast<double>(pick(static_cast<int>(span)));
    broker += pick(1000) / 1000.0;
    int node_number = in_burst && chance(85) ? burst_node : pick(4);
    std::string node = fmt::format("node-{}", node_number);
    std::string pod = fmt::format("web-7d9f8c6b5d-x2x{}{}", node_number, pick(2));
    double event = broker - (chance(70) ? pick(8000) : pick(60'000)) / 1000.0;
    if (chance(3)) event -= 600 + pick(9000);
    if (chance(2)) event = broker + pick(3600);
    Time time = At(event);
    std::string payload;
    switch (pick(16)) {
      case 0:
      case 1:
        payload = Kernel(time, node, "neighbour: arp_cache: neighbor table overflow!");
        break;
      case 2:
      case 3:
        payload = Pod(time, node, pod, "java.net.UnknownHostException: db");
        break;
      case 4:
        payload = Kernel(time, node, "device-mapper: thin pool full");
        break;
      case 5:
        payload = Kernel(time, node, "device-mapper: thin pool resumed");
        break;
      case 6:
      case 7: {
        std::string uid = "uid-" + pod;
        int count = chance(80) ? ++counts[uid] : 1 + pick(6);
        payload = PodEvent(time, node, pod, uid, count);
        break;
      }
      case 8:
        payload = Kubelet(time, node, "Node became not ready");
        break;
      case 9:
        payload = Kubelet(time, node,
                          chance(75)   ? "Node became ready"
                          : chance(70) ? "Node was cordoned"
                                       : "Node was removed");
        break;
      case 10:
        payload = Kubelet(time, node, "dial tcp: lookup reg.example.com: no such host");
        break;
      case 11:
        payload =
            Kubelet(time, node,
                    fmt::format(R"(Failed to pull image \"reg.example.com/app:{}\")", 1 + pick(2)));
        break;
      case 12:
      case 13:
        payload = Kernel(time, node,
                         chance(85)   ? "storm of interrupts"
                         : chance(70) ? "rate limited"
                                      : "all is calm");
        break;
      case 14:
        payload = Pod(time, node, pod, "GET /healthz 200");
        break;
      default: {
        static constexpr std::string_view kBad[] = {"", "{\"log\":\"cut", "[1,2]", "\xff\xfe{",
                                                    "{\"log\":{\"a\":"};
        payload = chance(50) ? std::string(kBad[pick(5)]) : Pod(time, node, pod, "tick");
      }
    }
    auto& partition = items[static_cast<size_t>(pick(partitions))];
    partition.push_back({broker, payload});
    if (chance(4)) partition.push_back({broker + pick(20), payload});  // sent twice
  }
  Log log(static_cast<size_t>(partitions));
  for (size_t p = 0; p < items.size(); ++p) {
    std::sort(items[p].begin(), items[p].end(), [](const Item& a, const Item& b) {
      return std::tie(a.broker, a.payload) < std::tie(b.broker, b.payload);
    });
    for (Item& item : items[p]) {
      log[p].push_back({static_cast<int>(p), static_cast<int64_t>(log[p].size()),
                        At(item.broker - pick(3000) / 1000.0), std::move(item.payload)});
    }
    // The closing messages: every node is heard of long after everything.
    for (int node = 0; node < 4; ++node) {
      Time time = At(span + 4000);
      log[p].push_back({static_cast<int>(p), static_cast<int64_t>(log[p].size()), time,
                        Kernel(time, fmt::format("node-{}", node), "all is well")});
    }
    Time time = At(span + 4100);
    log[p].push_back({static_cast<int>(p), static_cast<int64_t>(log[p].size()), time,
                      Kernel(time, "node-0", "the end")});
  }
  return log;
}

// One life of a process between two kills: lanes, fold and board over the store of `dir`. What is
// read and what is folded are the test's to decide.
class Process {
 public:
  // `lane_of`: for each partition.
  Process(const std::string& dir, const Log& log, std::vector<size_t> lane_of)
      : log_(log), lane_of_(std::move(lane_of)), next_(log.size(), 0) {
    store::Options options;
    options.dir = dir;
    options.block_cache_bytes = 1 << 20;
    options.retention = std::chrono::hours(24 * 365);
    auto opened = store::Store::Open(options);
    TOCSIN_CHECK(opened.ok());
    store_ = *std::move(opened);
    board_ = std::make_unique<api::Board>(*store_);
    Fold::Options fold_options;
    fold_options.live_every = Duration::zero();
    fold_options.live_share = 1;
    fold_ = std::make_unique<Fold>(fold_options, *World::Get().catalogue, *store_, *board_, pace_);
    absl::Status restored = fold_->Restore();
    TOCSIN_CHECK(restored.ok());
    size_t lanes = 1 + *std::max_element(lane_of_.begin(), lane_of_.end());
    for (size_t i = 0; i < lanes; ++i) {
      lanes_.push_back(std::make_unique<Lane>(*World::Get().patterns, Lane::Options{}));
    }
    channels_.resize(lanes);
    auto positions = store_->Positions();
    TOCSIN_CHECK(positions.ok());
    std::vector<bool> known(log.size(), false);
    for (const state::v1::Position& position : *positions) {
      auto p = static_cast<size_t>(position.partition());
      known[p] = true;
      next_[p] = position.next_tally();
      lanes_[lane_of_[p]]->Restore(position);
    }
    // As the service does: what will be read is announced before anything is.
    Batch announce;
    for (size_t p = 0; p < log.size(); ++p) {
      if (known[p]) continue;
      state::v1::Position position;
      position.set_source(std::string(kTopic));
      position.set_partition(static_cast<int32_t>(p));
      announce.positions.push_back(std::move(position));
    }
    fold_->Add(std::move(announce));
  }

  bool AtEnd(size_t partition) const {
    return next_[partition] == static_cast<int64_t>(log_[partition].size());
  }
  void Read(size_t partition) {
    const Produced& produced = log_[partition][static_cast<size_t>(next_[partition]++)];
    ingest::Message message;
    message.topic = kTopic;
    message.partition = produced.partition;
    message.offset = produced.offset;
    message.broker_time = produced.broker;
    message.cluster = "c1";
    message.payload = produced.payload;
    lanes_[lane_of_[partition]]->Take(message);
  }
  void Flush(size_t lane, bool tallies) {
    Batch batch = lanes_[lane]->Flush(tallies);
    if (!batch.empty()) channels_[lane].push_back(std::move(batch));
  }
  // Returns false if nothing waits.
  bool Add(size_t lane) {
    if (channels_[lane].empty()) return false;
    if (on_add) on_add(channels_[lane].front());
    fold_->Add(std::move(channels_[lane].front()));
    channels_[lane].pop_front();
    return true;
  }
  void Commit() {
    absl::Status status = fold_->Commit({});
    EXPECT_TRUE(status.ok()) << status;
  }
  // Reads and folds all that is left.
  void Finish() {
    for (size_t p = 0; p < log_.size(); ++p) {
      while (!AtEnd(p)) Read(p);
    }
    for (size_t lane = 0; lane < lanes_.size(); ++lane) {
      Flush(lane, true);
      while (Add(lane)) {
      }
    }
    for (int i = 0; i < 3; ++i) Commit();
  }

  size_t lanes() const { return lanes_.size(); }
  Fold& fold() { return *fold_; }
  api::Board& board() { return *board_; }
  store::Store& store() { return *store_; }

  std::function<void(const Batch&)> on_add;

 private:
  const Log& log_;
  const std::vector<size_t> lane_of_;
  std::vector<int64_t> next_;
  Pace pace_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<api::Board> board_;
  std::unique_ptr<Fold> fold_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::deque<Batch>> channels_;
};

// An incident as text, without what tells commits apart.
inline std::string Shown(v1::Incident incident) {
  incident.clear_revision();
  incident.clear_etag();
  incident.clear_catalogue_version();
  return incident.DebugString();
}

// Everything settled: incidents and nodes.
inline std::map<std::string, std::string> Settled(const store::Store& store) {
  std::map<std::string, std::string> content;
  absl::Status status = store.ScanIncidents("", [&](const v1::Incident& incident) {
    content[incident.name()] = Shown(incident);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  status = store.ScanNodes("", "", [&](const v1::Node& node) {
    content[node.name()] = node.DebugString();
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return content;
}

// What differs, one line a difference; "" if nothing does.
inline std::string Difference(const std::map<std::string, std::string>& expected,
                              const std::map<std::string, std::string>& actual) {
  std::string out;
  for (const auto& [name, text] : expected) {
    auto it = actual.find(name);
    if (it == actual.end()) {
      out += fmt::format("missing {}:\n{}\n", name, text);
    } else if (it->second != text) {
      std::vector<std::string> a, b;
      auto split = [](const std::string& all, std::vector<std::string>& lines) {
        for (size_t at = 0, end = 0; at < all.size(); at = end + 1) {
          end = std::min(all.find('\n', at), all.size());
          lines.push_back(all.substr(at, end - at));
        }
      };
      split(text, a);
      split(it->second, b);
      if (std::getenv("TOCSIN_TEST_VERBOSE") != nullptr) {
        out += text + "\n---------\n" + it->second;
        continue;
      }
      size_t first = 0;
      while (first < a.size() && first < b.size() && a[first] == b[first]) ++first;
      out += fmt::format("{} differs from line {} on:\n", name, first + 1);
      for (size_t i = first; i < std::min(a.size(), first + 8); ++i) out += "- " + a[i] + "\n";
      for (size_t i = first; i < std::min(b.size(), first + 8); ++i) out += "+ " + b[i] + "\n";
    }
  }
  for (const auto& [name, text] : actual) {
    if (!expected.contains(name)) out += fmt::format("unexpected {}:\n{}\n", name, text);
  }
  return out;
}

}  // namespace tocsin::pipeline
