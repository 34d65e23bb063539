// SPDX-License-Identifier: Apache-2.0
#include "pipeline/command_queue.h"

#include <utility>

#include "api/error.h"
#include "base/status.h"

namespace tocsin::pipeline {
namespace {

absl::Status Stopping() {
  return api::WithReason(Unavailable("the server is stopping: ask again"), "SERVER_STOPS");
}

absl::Status Failing() {
  return api::WithReason(
      Unavailable("the store takes no writes at the moment: nothing was changed, ask again later"),
      "STORE_UNAVAILABLE");
}

}  // namespace

absl::StatusOr<api::Outcome> CommandQueue::Execute(const api::Command& command) {
  std::future<absl::StatusOr<api::Outcome>> outcome;
  {
    std::lock_guard lock(mu_);
    if (closed_) return Stopping();
    if (refusing_) return Failing();
    if (waiting_.size() >= kCapacity) {
      return api::WithReason(
          Error(absl::StatusCode::kResourceExhausted, "{} commands wait: try again", kCapacity),
          "TOO_MANY_REQUESTS");
    }
    Pending& pending = waiting_.emplace_back();
    pending.command = command;
    outcome = pending.done.get_future();
  }
  if (outcome.wait_for(patience_) != std::future_status::ready) {
    return api::WithReason(
        Unavailable("the store has not taken the change yet; with the same request_id it is safe "
                    "to ask again"),
        "STORE_UNAVAILABLE");
  }
  return outcome.get();
}

std::vector<CommandQueue::Pending> CommandQueue::Take() {
  std::lock_guard lock(mu_);
  return std::exchange(waiting_, {});
}

void CommandQueue::Refuse(bool refuse) {
  std::vector<Pending> left;
  {
    std::lock_guard lock(mu_);
    refusing_ = refuse;
    if (refuse) left = std::exchange(waiting_, {});
  }
  for (Pending& pending : left) pending.done.set_value(Failing());
}

void CommandQueue::Close() {
  std::vector<Pending> left;
  {
    std::lock_guard lock(mu_);
    closed_ = true;
    left = std::exchange(waiting_, {});
  }
  for (Pending& pending : left) pending.done.set_value(Stopping());
}

}  // namespace tocsin::pipeline
