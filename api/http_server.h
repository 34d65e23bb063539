// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "api/query.h"

namespace tocsin::api {

// The HTTP server: every unary method as JSON (connect.h), watches as server-sent events, and the
// pages of operators (http_routes.h). One thread serves all connections and never waits; calls run
// on a few workers, steps of watches on one more. Thread-safe.
class HttpServer {
 public:
  struct Options {
    // "host:port" or "[::1]:port". Port 0: any free one.
    std::string listen = "127.0.0.1:7780";
    // Plaintext on an address that other machines can reach.
    bool insecure = false;
    // Threads that answer calls, and how many calls may wait for one; one more: 429.
    int worker_threads = 2;
    size_t waiting_calls_max = 256;
    // Further connections get 503 for everything but /healthz, /readyz and /metrics; 64 more are
    // closed at once.
    size_t connections_max = 10'000;
    size_t watchers_max = 8'000;            // one more: 429
    size_t header_max_bytes = 16 << 10;     // more: 431
    size_t body_max_bytes = 4 << 20;        // more: 413
    size_t buffers_max_bytes = 128u << 20;  // bodies and answers of all connections; full: 503
    // For a request's header, counted from when the one before was answered; then for its body.
    std::chrono::milliseconds read_timeout{30'000};
    // A client that does not take an answer, or a part of a stream, within this is dropped.
    std::chrono::milliseconds write_timeout{60'000};
    // A stream that had nothing to send for this long sends a BOOKMARK.
    std::chrono::milliseconds bookmark_interval{30'000};
    // For /readyz and /metrics: see HttpRoutes.
    std::function<std::string()> not_ready;
    std::function<std::string()> metrics;
  };

  // Listens and answers from now on. `query` outlives the server. Errors as those of
  // Server::Start; INVALID_ARGUMENT for a unix socket, too.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const Options& options, Query& query);
  // Shutdown() at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "127.0.0.1:7780", with the real port.
  const std::string& address() const;

  // Takes no more connections, ends streams with their resume point, lets calls that run be
  // answered until `deadline`, then closes what is left. Twice does nothing.
  void Shutdown(std::chrono::system_clock::time_point deadline);

  struct Impl;  // known to http_server.cc only

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::api
