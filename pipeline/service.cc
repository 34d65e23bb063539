// SPDX-License-Identifier: Apache-2.0
//
// Wires the rooms together, in the order of the data: broker, lanes, channel, fold, store, board,
// query layer, gRPC and HTTP. What is constructed first is destroyed last.
#include "pipeline/service.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <spdlog/spdlog.h>

#include "api/board.h"
#include "api/http_server.h"
#include "api/query.h"
#include "api/server.h"
#include "base/channel.h"
#include "base/status.h"
#include "ingest/dead_letter.h"
#include "ingest/embedded_kafka.h"
#include "matcher/pattern_set.h"
#include "pipeline/fold.h"
#include "pipeline/kafka_lanes.h"
#include "pipeline/metrics.h"
#include "store/store.h"

namespace tocsin::pipeline {
namespace {

constexpr Duration kHealthEvery = seconds(1);
constexpr Duration kUnreachableAfter = seconds(3);
constexpr int kEmbeddedPartitions = 4;

class RunningService final : public Service {
 public:
  RunningService(const ServeOptions& options, std::shared_ptr<const Catalogue> catalogue)
      : options_(options), catalogue_(std::move(catalogue)), channel_(options.channel_bytes) {}

  ~RunningService() override { (void)Stop().ok(); }

  absl::Status Start() {
    ASSIGN_OR_RETURN(patterns_,
                     matcher::PatternSet::Compile(
                         *catalogue_, matcher::PatternCache(options_.data_dir + "/cache")));
    ASSIGN_OR_RETURN(store_, store::Store::Open({.dir = options_.data_dir + "/state",
                                                 .retention = options_.retention}));
    ASSIGN_OR_RETURN(dead_letters_,
                     ingest::DeadLetterFile::Open({.dir = options_.data_dir + "/dead-letters"}));
    board_ = std::make_unique<api::Board>(*store_);
    fold_ = std::make_unique<Fold>(Fold::Options(), *catalogue_, *store_, *board_, pace_);
    fold_->Serve(commands_, silences_);
    RETURN_IF_ERROR(fold_->Restore());
    query_ =
        std::make_unique<api::Query>(*board_, *store_, catalogue_, clock_, &commands_, &silences_);
    ASSIGN_OR_RETURN(server_, api::Server::Start({.listen = options_.grpc_listen,
                                                  .insecure = options_.insecure,
                                                  .serving = false},
                                                 *query_));
    api::HttpServer::Options http;
    http.listen = options_.http_listen;
    http.insecure = options_.insecure;
    http.not_ready = [this] { return server_->reason(); };
    http.metrics = [this] { return FormatMetrics(fold_->stats(), LanesStats(), TOCSIN_VERSION); };
    ASSIGN_OR_RETURN(http_, api::HttpServer::Start(http, *query_));
    brokers_ = options_.kafka_brokers;
    if (options_.embedded_kafka) {
      ASSIGN_OR_RETURN(embedded_, ingest::EmbeddedKafka::Create());
      brokers_ = embedded_->bootstrap();
      for (const std::string& topic : options_.kafka_topics) {
        RETURN_IF_ERROR(embedded_->CreateTopic(topic, kEmbeddedPartitions));
      }
    }
    fold_thread_ = std::jthread([this](std::stop_token stop) {
      absl::Status status = fold_->Run(channel_, std::move(stop));
      if (!status.ok()) spdlog::error("fold: {}", Message(status));
    });
    ASSIGN_OR_RETURN(auto lanes,
                     KafkaLanes::Start(LanesOptions(), *patterns_, *store_, channel_, pace_));
    {
      std::lock_guard lock(lanes_mu_);
      lanes_ = std::move(lanes);
    }
    health_thread_ = std::jthread([this](std::stop_token stop) { WatchHealth(std::move(stop)); });
    return absl::OkStatus();
  }

  const std::string& grpc_address() const override { return server_->address(); }
  const std::string& http_address() const override { return http_->address(); }
  const std::string& kafka_brokers() const override { return brokers_; }

  absl::Status Stop() override {
    if (stopped_) return absl::OkStatus();
    stopped_ = true;
    health_thread_ = {};  // requests stop and joins
    if (server_) server_->SetServing(false, "stopping");
    if (lanes_) lanes_->Stop();  // hands over what it has while the fold still receives
    commands_.Close();
    fold_thread_ = {};
    const auto deadline = std::chrono::system_clock::now() + seconds(2);
    if (http_) http_->Shutdown(deadline);
    if (server_) server_->Shutdown(deadline);
    return absl::OkStatus();
  }

 private:
  // For /metrics, which is asked while the lanes still start.
  KafkaLanes::Stats LanesStats() const {
    std::lock_guard lock(lanes_mu_);
    return lanes_ == nullptr ? KafkaLanes::Stats() : lanes_->stats();
  }

  KafkaLanes::Options LanesOptions() const {
    KafkaLanes::Options options;
    options.kafka.brokers = brokers_;
    options.kafka.topics = options_.kafka_topics;
    options.kafka.group = options_.kafka_group;
    options.kafka.store_id = store_->id();
    options.kafka.properties = options_.kafka_properties;
    options.lane.decode.cluster = options_.cluster;
    options.lane.decode.trust.namespaces = options_.trusted_namespaces;
    // Over Kafka a container's line that nobody vouches for is a container's line.
    options.lane.decode.trust.anonymous_containers_are_text = false;
    options.lane.dead_letters = dead_letters_.get();
    int cores = static_cast<int>(std::thread::hardware_concurrency());
    options.lanes = options_.lanes > 0 ? options_.lanes : std::max(1, cores / 2);
    // An embedded broker is a new Kafka cluster each time: old positions can not hold for it.
    bool reset = options_.reset_positions || options_.embedded_kafka;
    options.reset = reset ? ingest::Reset::kPositions : ingest::Reset::kNo;
    return options;
  }

  // Says in health what keeps us from hearing, and in the log when it changes.
  void WatchHealth(std::stop_token stop) {
    std::string shown = "starting";
    Time last_reached = clock_.Now();
    std::mutex mu;
    std::condition_variable_any wake;
    std::unique_lock lock(mu);
    do {
      KafkaLanes::Stats lanes = lanes_->stats();
      std::string problem = lanes.problem;
      if (lanes.reachable) last_reached = clock_.Now();
      // Connections come and go; only what lasts is worth a word.
      if (problem.empty() && clock_.Now() - last_reached > kUnreachableAfter) {
        problem = "the broker cannot be reached" +
                  (lanes.last_error.empty() ? "" : ": " + lanes.last_error);
      }
      if (fold_->stats().store_failing) problem = "the store refuses writes";
      if (problem != shown) {
        if (problem.empty()) {
          spdlog::info("listening to {} partitions of {}", lanes.partitions, brokers_);
        } else {
          spdlog::warn("not listening: {}", problem);
        }
        shown = problem;
        server_->SetServing(problem.empty(), problem);
      }
    } while (!wake.wait_for(lock, stop, kHealthEvery, [&] { return stop.stop_requested(); }));
  }

  const ServeOptions options_;
  const std::shared_ptr<const Catalogue> catalogue_;
  const SystemClock clock_;
  Pace pace_;
  MemoryChannel channel_;
  std::unique_ptr<const matcher::PatternSet> patterns_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ingest::DeadLetterFile> dead_letters_;
  CommandQueue commands_;
  api::Silences silences_;
  std::unique_ptr<api::Board> board_;
  std::unique_ptr<Fold> fold_;
  std::unique_ptr<api::Query> query_;
  std::unique_ptr<api::Server> server_;
  std::unique_ptr<ingest::EmbeddedKafka> embedded_;
  std::string brokers_;
  mutable std::mutex lanes_mu_;
  std::unique_ptr<KafkaLanes> lanes_;  // set once, under lanes_mu_
  std::jthread fold_thread_;
  std::jthread health_thread_;
  std::unique_ptr<api::HttpServer> http_;  // asks fold, lanes and server
  bool stopped_ = false;
};

}  // namespace

absl::Status ServeOptions::Validate() const {
  if (data_dir.empty()) return InvalidArgument("data_dir is empty; write a directory, e.g. ./data");
  if (kafka_topics.empty()) {
    return InvalidArgument("kafka_topics is empty; write at least one topic, e.g. node-logs");
  }
  if (lanes < 0 || lanes > 256) {
    return InvalidArgument("lanes is {}; write 0 (half the cores) or 1 to 256", lanes);
  }
  if (channel_bytes < (1 << 20)) {
    return InvalidArgument("channel_bytes is {}; write at least 1 MiB", channel_bytes);
  }
  if (retention < std::chrono::hours(1)) {
    return InvalidArgument("retention is {}; write at least 1h", FormatDuration(retention));
  }
  std::vector<std::string> sorted = roles;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != std::vector<std::string>{"api", "fold", "match"}) {
    return InvalidArgument(
        "roles: this version runs all of match, fold and api in one process and cannot split them; "
        "write match,fold,api");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Service>> Service::Start(
    const ServeOptions& options, std::shared_ptr<const Catalogue> catalogue) {
  RETURN_IF_ERROR(options.Validate());
  auto service = std::make_unique<RunningService>(options, std::move(catalogue));
  RETURN_IF_ERROR(service->Start());
  return service;
}

}  // namespace tocsin::pipeline
