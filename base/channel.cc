// SPDX-License-Identifier: Apache-2.0
#include "base/channel.h"

namespace tocsin {

bool MemoryChannel::Send(Batch batch, std::stop_token stop) {
  std::unique_lock lock(mu_);
  size_t bytes = batch.bytes;
  if (!not_full_.wait(lock, stop,
                      [&] { return batches_.empty() || bytes_ + bytes <= capacity_bytes_; })) {
    return false;
  }
  bytes_ += bytes;
  batches_.push_back(std::move(batch));
  not_empty_.notify_one();
  return true;
}

std::optional<Batch> MemoryChannel::Receive(Duration timeout, std::stop_token stop) {
  std::unique_lock lock(mu_);
  not_empty_.wait_for(lock, stop, timeout, [&] { return !batches_.empty(); });
  if (batches_.empty()) return std::nullopt;
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  bytes_ -= batch.bytes;
  not_full_.notify_all();
  return batch;
}

size_t MemoryChannel::bytes() const {
  std::lock_guard lock(mu_);
  return bytes_;
}

}  // namespace tocsin
