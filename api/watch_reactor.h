// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_set>

#include <grpcpp/support/server_callback.h>

#include "api/query.h"
#include "api/workers.h"

namespace tocsin::api {

class WatchReactor;

// All streams of WatchIncidents: a few threads for any number of them. A stream has at most one
// task waiting and at most one batch of messages in memory; while the client does not read, it
// waits in gRPC's flow control and what happens meanwhile coalesces in the board.
class WatchHub {
 public:
  struct Options {
    int threads = 2;
    size_t streams_max = 10'000;  // one more: RESOURCE_EXHAUSTED
    // A stream that had nothing to send for this long sends a BOOKMARK.
    std::chrono::milliseconds bookmark_interval{30'000};
  };
  WatchHub(Query& query, const Options& options);
  // Call after the gRPC server was shut down, which ends all streams.
  ~WatchHub();

  // Ends all streams, and every one that still comes, with UNAVAILABLE and their resume point. A
  // stream whose client does not read ends with the server's shutdown only.
  void Close();

  // The handler of WatchIncidents.
  grpc::ServerWriteReactor<v1::WatchIncidentsResponse>* Watch(
      grpc::CallbackServerContext* context, const v1::WatchIncidentsRequest* request);

 private:
  friend class WatchReactor;
  void Tick(std::stop_token stop);

  Query& query_;
  const Options options_;
  Workers workers_;
  std::mutex mu_;
  std::condition_variable_any ticked_;
  std::unordered_set<WatchReactor*> streams_;  // guarded by mu_
  std::atomic<bool> closed_ = false;
  std::jthread ticker_;
};

}  // namespace tocsin::api
