// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/signature.h"
#include "base/time.h"

namespace tocsin::pipeline {

// Everything `tocsin serve` can be told. deploy/config.example.yaml shows the same with the same
// defaults; a test keeps the two equal.
struct ServeOptions {
  std::string data_dir = "/var/lib/tocsin";
  std::string signatures_dir;  // empty: the catalogue that was installed with the binary
  std::string overrides;       // file of what this site changes of it; empty: nothing
  std::string cluster;         // for records that name none
  std::string grpc_listen = "127.0.0.1:7700";
  std::string http_listen = "127.0.0.1:7780";
  std::string kafka_brokers = "127.0.0.1:9092";
  std::vector<std::string> kafka_topics = {"logs"};
  std::string kafka_group = "tocsin";
  std::map<std::string, std::string> kafka_properties;  // handed to librdkafka as they are
  bool embedded_kafka = false;      // an in-process broker instead, for trying things out
  bool reset_positions = false;     // read the topics from their beginning again
  bool insecure = false;            // plaintext off loopback
  int lanes = 0;                    // 0: half the cores, at least one
  size_t channel_bytes = 64 << 20;  // between lanes and fold; full: lanes stop polling
  Duration retention = std::chrono::hours(30 * 24);
  std::vector<std::string> trusted_namespaces = {"kube-system"};
  // What this process does. One process does all of it so far, in whatever order it is named.
  std::vector<std::string> roles = {"match", "fold", "api"};

  // What is wrong with them, and what to write instead.
  absl::Status Validate() const;
};

// The running service: lanes, fold, store, gRPC and HTTP servers. Start returns when queries are
// answered; Kafka may still be out of reach, which is retried and shown in health.
class Service {
 public:
  static absl::StatusOr<std::unique_ptr<Service>> Start(const ServeOptions& options,
                                                        std::shared_ptr<const Catalogue> catalogue);
  virtual ~Service() = default;

  virtual const std::string& grpc_address() const = 0;   // "127.0.0.1:7700", the real port
  virtual const std::string& http_address() const = 0;   // "127.0.0.1:7780", the real port
  virtual const std::string& kafka_brokers() const = 0;  // of the embedded broker, if there is one
  // Stops consuming, lets the fold commit what is in flight, closes the servers and the store.
  virtual absl::Status Stop() = 0;
};

}  // namespace tocsin::pipeline
