// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>

namespace tocsin::cli {

// Ctrl-C and SIGTERM as something to wait for. Make one before any other thread exists: the signals
// are blocked in this thread and so in all that it starts, and only a thread of this object
// receives them. The first signal is a request; the second ends the process at once with exit code
// 130.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();  // ends the thread; the signals stay blocked
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void Wait();  // until the first signal
  bool requested() const { return token().stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  void Run();

  sigset_t signals_;
  std::stop_source source_;
  std::mutex mu_;
  std::condition_variable came_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace tocsin::cli
