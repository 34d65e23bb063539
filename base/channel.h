// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/row.h"

namespace tocsin {

// The way from lanes to fold. Many senders, one receiver. Batches of one sender arrive in the order
// they were sent; batches of different senders in any order, which the fold must not notice.
// In memory it is MemoryChannel; a Kafka topic can stand in its place (DESIGN section J's shape).
class Channel {
 public:
  virtual ~Channel() = default;

  // Hands over a batch. Blocks while the channel is full, so that lanes stop polling and Kafka
  // holds the backlog. Returns false, dropping the batch, only when `stop` was requested: its
  // positions were not stored either, so nothing is lost.
  virtual bool Send(Batch batch, std::stop_token stop) = 0;

  // The next batch, or nullopt after `timeout` or when `stop` is requested and the channel is
  // empty.
  virtual std::optional<Batch> Receive(Duration timeout, std::stop_token stop) = 0;
};

// Holds at most `capacity_bytes` of batches, counted by Batch::bytes; one batch is always let in.
class MemoryChannel final : public Channel {
 public:
  explicit MemoryChannel(size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  bool Send(Batch batch, std::stop_token stop) override;
  std::optional<Batch> Receive(Duration timeout, std::stop_token stop) override;

  size_t bytes() const;

 private:
  const size_t capacity_bytes_;
  mutable std::mutex mu_;
  std::condition_variable_any not_full_, not_empty_;
  std::deque<Batch> batches_;  // guarded by mu_
  size_t bytes_ = 0;           // guarded by mu_
};

}  // namespace tocsin
