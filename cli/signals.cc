// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <cstdlib>
#include <pthread.h>

namespace tocsin::cli {

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGUSR2);  // our own: ends the thread
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { Run(); });
}

StopSignals::~StopSignals() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
}

void StopSignals::Wait() {
  std::unique_lock lock(mu_);
  came_.wait(lock, [this] { return requested(); });
}

void StopSignals::Run() {
  while (true) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == SIGUSR2) {
      if (ending_) return;
      continue;
    }
    if (requested()) std::_Exit(130);
    source_.request_stop();
    std::lock_guard lock(mu_);
    came_.notify_all();
  }
}

}  // namespace tocsin::cli
