// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <mutex>
#include <vector>

#include "api/commands.h"

namespace tocsin::pipeline {

// Commands on their way from the handlers to the fold. At its capacity it refuses with
// RESOURCE_EXHAUSTED; a handler waits at most `patience`, then answers UNAVAILABLE.
class CommandQueue final : public api::Commands {
 public:
  static constexpr size_t kCapacity = 256;
  struct Pending {
    api::Command command;
    std::promise<absl::StatusOr<api::Outcome>> done;  // set exactly once
  };

  explicit CommandQueue(Duration patience = seconds(10)) : patience_(patience) {}

  absl::StatusOr<api::Outcome> Execute(const api::Command& command) override;
  // What has come since, in order. The fold's thread.
  std::vector<Pending> Take();
  // From now on nothing is taken: whoever waits is told so.
  void Close();
  // While the disk refuses writes nobody has to wait to hear of it.
  void Refuse(bool refuse);

 private:
  const Duration patience_;
  std::mutex mu_;
  std::vector<Pending> waiting_;  // guarded by mu_
  bool closed_ = false;           // guarded by mu_
  bool refusing_ = false;         // guarded by mu_
};

}  // namespace tocsin::pipeline
