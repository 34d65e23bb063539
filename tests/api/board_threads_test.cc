// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <condition_variable>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "api/error.h"
#include "api/query.h"
#include "api/workers.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using v1::Incident;
using v1::WatchIncidentsResponse;

// One fold, readers, and watchers that come, dawdle, break off and resume: all end up with what is
// shown.
TEST(BoardThreadsTest, ReadersAndWatchersDoNotDisturbTheFold) {
  constexpr int kSteps = 1000;
  const std::string kEnd = MakeIncident("end").name();
  FakeStore store;
  store.Put({MakeIncident("i0")});
  Board board(store, {.watch_capacity = 6, .departures_max = 50});
  FixedClock clock;
  Query query(board, store, std::make_shared<const Catalogue>(), clock);
  std::atomic<bool> done = false;

  std::thread fold([&] {
    std::mt19937 random(5);
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Incident> settled, live;
      for (int i = 0; i < 10; ++i) {
        Incident incident = MakeIncident("i" + std::to_string(i));
        incident.set_hit_count(static_cast<uint32_t>(step + 2));
        if (random() % 4 == 0) settled.push_back(incident);
        if (random() % 4 == 0) live.push_back(incident);
      }
      int64_t revision = settled.empty() ? store.revision() : store.Put(settled);
      for (Incident& incident : settled) incident.set_revision(revision);
      board.Publish(revision, settled, live);
    }
    // The last word: who holds it and has nothing more to take has seen everything.
    Incident end = MakeIncident("end");
    end.set_revision(store.Put({end}));
    board.Publish(end.revision(), {end}, {});
    done = true;
  });

  auto watcher = [&](uint32_t seed, std::map<std::string, uint32_t>& holds) {
    std::mt19937 random(seed);
    std::mutex mu;
    std::condition_variable changed;
    bool awake = false;
    int64_t revision = 0;
    std::unique_ptr<Board::Watch> watch;
    while (true) {
      if (watch == nullptr) {
        if (revision == 0) holds.clear();
        watch = board.Subscribe(revision, [&] {
          std::lock_guard lock(mu);
          awake = true;
          changed.notify_one();
        });
      }
      auto changes = watch->Take(1 + random() % 4);
      if (!changes.ok()) {
        // Too slow: resume. Too long ago: begin again.
        revision = absl::IsResourceExhausted(changes.status()) ? watch->revision() : 0;
        watch = nullptr;
        continue;
      }
      for (const auto& change : *changes) {
        if (change.type == WatchIncidentsResponse::DELETED) {
          holds.erase(change.incident->name());
        } else if (change.incident != nullptr) {
          holds[change.incident->name()] = change.incident->hit_count();
        }
        revision = change.revision;
      }
      if (changes->empty()) {
        if (holds.contains(kEnd)) return;
        std::unique_lock lock(mu);
        changed.wait(lock, [&] { return awake; });
        awake = false;
      } else if (random() % 50 == 0) {
        watch = nullptr;
      }
    }
  };
  std::vector<std::map<std::string, uint32_t>> held(6);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < held.size(); ++i) threads.emplace_back(watcher, i, std::ref(held[i]));
  threads.emplace_back([&] {
    while (!done) {
      auto listed = query.ListIncidents({});
      ASSERT_TRUE(listed.ok());
      for (const Incident& incident : listed->incidents()) {
        ASSERT_GT(incident.hit_count(), 0u);
        auto got = board.Get(incident.name());
        ASSERT_TRUE(got.ok() || absl::IsNotFound(got.status()));
      }
    }
  });
  fold.join();
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, uint32_t> want;
  ASSERT_TRUE(board
                  .Scan("",
                        [&](const Incident& incident) {
                          want[incident.name()] = incident.hit_count();
                          return true;
                        })
                  .ok());
  for (const auto& holds : held) EXPECT_EQ(holds, want);
}

TEST(BoardThreadsTest, WakeIsNotCalledOnceTheWatchIsGone) {
  FakeStore store;
  Board board(store);
  std::atomic<bool> done = false;
  std::thread fold([&] {
    for (int64_t revision = 1; !done; ++revision) board.Publish(revision, {MakeIncident("a")}, {});
  });
  for (int i = 0; i < 2000; ++i) {
    auto alive = std::make_unique<std::atomic<bool>>(true);  // freed memory if it were called later
    auto watch = board.Subscribe(0, [&flag = *alive] { flag = !flag; });
    ASSERT_TRUE(watch->Take(10).ok());
    ASSERT_TRUE(watch->Take(10).ok());
    watch = nullptr;
    alive = nullptr;
  }
  done = true;
  fold.join();
}

TEST(WorkersTest, RunEverythingAndRefuseWhatDoesNotFit) {
  std::mutex gate;
  std::atomic<int> ran = 0;
  {
    std::unique_lock closed(gate);
    Workers workers(2, 3);
    std::atomic<int> started = 0;
    for (int i = 0; i < 2; ++i) {
      workers.Post([&] {
        ++started;
        std::lock_guard wait(gate);
        ++ran;
      });
    }
    while (started < 2) std::this_thread::yield();
    int accepted = 0;
    for (int i = 0; i < 10; ++i) accepted += workers.TryPost([&] { ++ran; }) ? 1 : 0;
    EXPECT_EQ(accepted, 3);
    workers.Post([&] { ++ran; });
    closed.unlock();
  }
  EXPECT_EQ(ran, 6);
}

}  // namespace
}  // namespace tocsin::api
