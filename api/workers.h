// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tocsin::api {

// A few threads that run tasks in the order they came. gRPC's own threads must not block, and the
// fold's must not wait: both hand their work over here.
class Workers {
 public:
  Workers(int threads, size_t capacity);
  // Runs what is queued, then joins.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False, with nothing done, when `capacity` tasks wait already.
  bool TryPost(std::function<void()> task);
  // Never refuses: for callers that bound themselves, such as watchers, each of which has at most
  // one task waiting.
  void Post(std::function<void()> task);

 private:
  void Run();

  const size_t capacity_;
  std::mutex mu_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;  // guarded by mu_
  bool stopping_ = false;                    // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace tocsin::api
