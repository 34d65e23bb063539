// SPDX-License-Identifier: Apache-2.0
#include "base/channel.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

Batch OfSize(size_t bytes, int64_t mark = 0) {
  Batch batch;
  batch.bytes = bytes;
  batch.positions.emplace_back().set_next_hit(mark);
  return batch;
}

TEST(ChannelTest, AFullChannelBlocksTheSenderUntilThereIsRoom) {
  MemoryChannel channel(100);
  ASSERT_TRUE(channel.Send(OfSize(80), {}));
  std::atomic<bool> sent = false;
  std::jthread sender([&](std::stop_token stop) { sent = channel.Send(OfSize(80), stop); });
  EXPECT_EQ(channel.bytes(), 80u);
  ASSERT_TRUE(channel.Receive(seconds(10), {}).has_value());
  ASSERT_TRUE(channel.Receive(seconds(10), {}).has_value());
  sender.join();
  EXPECT_TRUE(sent);
  EXPECT_EQ(channel.bytes(), 0u);
}

TEST(ChannelTest, OneBatchIsLetInHoweverLarge) {
  MemoryChannel channel(10);
  EXPECT_TRUE(channel.Send(OfSize(1'000'000), {}));
}

TEST(ChannelTest, StopEndsABlockedSenderAndAnIdleReceiver) {
  MemoryChannel channel(1);
  ASSERT_TRUE(channel.Send(OfSize(1), {}));
  bool sent = true;
  std::jthread sender([&](std::stop_token stop) { sent = channel.Send(OfSize(1), stop); });
  sender.request_stop();
  sender.join();
  EXPECT_FALSE(sent);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(channel.Receive(seconds(10), stop.get_token()).has_value())
      << "what is there is handed out";
  EXPECT_FALSE(channel.Receive(seconds(10), stop.get_token()).has_value());
}

TEST(ChannelTest, ManySendersOneReceiverLoseNothingAndKeepEachOrder) {
  constexpr int kSenders = 4, kEach = 2000;
  MemoryChannel channel(500);
  std::vector<std::jthread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&channel, s] {
      for (int i = 0; i < kEach; ++i) {
        Batch batch = OfSize(100, i);
        batch.positions[0].set_partition(s);
        ASSERT_TRUE(channel.Send(std::move(batch), {}));
      }
    });
  }
  std::vector<int64_t> next(kSenders, 0);
  for (int i = 0; i < kSenders * kEach; ++i) {
    std::optional<Batch> batch = channel.Receive(seconds(30), {});
    ASSERT_TRUE(batch.has_value());
    int64_t& want = next[static_cast<size_t>(batch->positions[0].partition())];
    ASSERT_EQ(batch->positions[0].next_hit(), want++);
  }
}

}  // namespace
}  // namespace tocsin
