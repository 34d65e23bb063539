// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/node.pb.h"
#include "tocsin/v1/silence.pb.h"

namespace tocsin::cli {

// A connection to a tocsin server over plaintext gRPC. Every call but Watch has ten seconds. A
// server that cannot be reached is kUnavailable with a sentence that names its address; other
// errors are the server's own.
class Client {
 public:
  explicit Client(std::string address);  // "host:port"; connects when first used
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Follows the pages until `limit` items (0: all of them). `total` receives the server's count.
  absl::StatusOr<std::vector<v1::Incident>> ListIncidents(const v1::ListIncidentsRequest& request,
                                                          size_t limit, int64_t& total);
  absl::StatusOr<v1::Incident> GetIncident(const std::string& name);
  absl::StatusOr<v1::Incident> Acknowledge(const std::string& name, const std::string& who,
                                           const std::string& note);
  absl::StatusOr<v1::Incident> Resolve(const std::string& name, const std::string& who,
                                       const std::string& note);
  absl::StatusOr<v1::Incident> Reopen(const std::string& name, const std::string& who,
                                      const std::string& note);
  // All of them, those of the last week too if `expired`.
  absl::StatusOr<std::vector<v1::Silence>> ListSilences(bool expired);
  absl::StatusOr<v1::Silence> CreateSilence(const v1::CreateSilenceRequest& request);
  absl::StatusOr<v1::Silence> ExpireSilence(const std::string& name);
  absl::StatusOr<std::vector<v1::Node>> ListNodes(const v1::ListNodesRequest& request, size_t limit,
                                                  int64_t& total);
  absl::StatusOr<v1::Node> GetNode(const std::string& name);

  // Hands over each change until `visit` returns false (OK), the server ends the stream or the time
  // is up (kDeadlineExceeded; `seconds` 0: never). `visit` runs in the calling thread.
  absl::Status Watch(const v1::WatchIncidentsRequest& request, double seconds,
                     const std::function<bool(const v1::WatchIncidentsResponse&)>& visit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The user's name, for commands that say who did it; empty if the system does not tell.
std::string DefaultWho();

}  // namespace tocsin::cli
