// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "api/query.h"

namespace tocsin::api {

// The gRPC server: tocsin.v1, health and reflection on one port. Thread-safe.
class Server {
 public:
  struct Options {
    // "host:port", "[::1]:port" or "unix:/path". Port 0: any free one.
    std::string listen = "127.0.0.1:7700";
    // Plaintext on an address that other machines can reach.
    bool insecure = false;
    // Threads that answer unary calls, and how many calls may wait for one of them.
    int worker_threads = 4;
    size_t waiting_calls_max = 256;
    // Streams of WatchIncidents hold no thread; these serve them all.
    int watch_threads = 2;
    size_t watchers_max = 10'000;
    // A stream that had nothing to send for this long sends a BOOKMARK.
    std::chrono::milliseconds bookmark_interval{30'000};
    int request_max_bytes = 4 << 20;
    // What health says until SetServing is called.
    bool serving = true;
  };

  // Listens and answers from now on. `query` outlives the server. FAILED_PRECONDITION: plaintext
  // off loopback without `insecure`. INVALID_ARGUMENT: not an address. UNAVAILABLE: the port cannot
  // be had.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, Query& query);
  // Shutdown() at once.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:7700", with the real port.
  const std::string& address() const;

  // What grpc.health.v1 answers for every service and for "". Requests are answered either way: a
  // full disk does not stop reading. `reason` is for people, and kept until the next call.
  void SetServing(bool serving, std::string_view reason);
  std::string reason() const;

  // Refuses new calls, ends watches with their resume point, waits until `deadline` for calls that
  // are running, then cancels them. Returns when none is left. Twice does nothing.
  void Shutdown(std::chrono::system_clock::time_point deadline);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::api
