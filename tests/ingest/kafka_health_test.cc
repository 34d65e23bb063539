// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka_health.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tocsin::ingest {
namespace {

// Statistics as librdkafka prints them, down to what is read: two brokers, a bootstrap address that
// is no broker, and one assigned partition led by `leader`.
std::string Statistics(const std::string& state_1, const std::string& state_2,
                       const std::string& leader, const std::string& desired = "true") {
  return R"({"name":"tocsin","brokers":{"a:9092/bootstrap":{"nodeid":-1,"state":"DOWN"},)"
         R"("a:9092/1":{"nodeid":1,"state":")" +
         state_1 + R"("},"b:9092/2":{"nodeid":2,"state":")" + state_2 +
         R"("}},"topics":{"logs":{"partitions":{"0":{"leader":)" + leader + R"(,"desired":)" +
         desired + R"(},"-1":{"leader":-1,"desired":false}}}}})";
}

struct Case {
  const char* name;
  std::string json;
  bool want_reachable;
  int want_up;
};

TEST(HealthTrackerTest, ReachableMeansThatTheLeadersOfOurPartitionsAre) {
  const std::vector<Case> cases = {
      {"all up", Statistics("UP", "UP", "1"), true, 2},
      {"up, metadata under way", Statistics("UPDATE", "DOWN", "1"), true, 1},
      {"another one down", Statistics("UP", "DOWN", "1"), true, 1},
      {"the leader down", Statistics("DOWN", "UP", "1"), false, 1},
      {"the leader connecting", Statistics("CONNECT", "UP", "1"), false, 1},
      {"no leader", Statistics("UP", "UP", "-1"), false, 2},
      {"a leader nobody knows", Statistics("UP", "UP", "3"), false, 2},
      {"nothing assigned", Statistics("DOWN", "UP", "1", "false"), true, 1},
      {"nothing assigned, all down", Statistics("DOWN", "INIT", "1", "false"), false, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    HealthTracker tracker;
    tracker.OnStatistics(c.json);
    const KafkaHealth health = tracker.Get();
    EXPECT_EQ(health.reachable, c.want_reachable);
    EXPECT_EQ(health.brokers_up, c.want_up);
    EXPECT_EQ(health.brokers, 2);
    EXPECT_NE(health.since, kNoTime);
    EXPECT_TRUE(health.last_error.empty());
  }
}

TEST(HealthTrackerTest, IgnoresStatisticsItCannotRead) {
  HealthTracker tracker;
  tracker.OnStatistics(Statistics("UP", "UP", "1"));
  const std::string whole = Statistics("DOWN", "DOWN", "1");
  for (size_t size = 0; size < whole.size(); ++size) tracker.OnStatistics(whole.substr(0, size));
  for (const char* json : {"[]", "{}", R"({"brokers":[]})", "\xff"}) tracker.OnStatistics(json);
  EXPECT_TRUE(tracker.Get().reachable);
  tracker.OnStatistics(whole);
  EXPECT_FALSE(tracker.Get().reachable);
}

TEST(HealthTrackerTest, SinceMovesOnlyWithTheState) {
  HealthTracker tracker;
  EXPECT_FALSE(tracker.Get().reachable);  // nothing known yet
  tracker.OnStatistics(Statistics("UP", "UP", "1"));
  const Time since = tracker.Get().since;
  tracker.OnStatistics(Statistics("UP", "UP", "1"));
  tracker.OnError("b:9092/2: timed out", false);
  EXPECT_EQ(tracker.Get().since, since);
  EXPECT_TRUE(tracker.Get().reachable);
  tracker.OnError("2/2 brokers are down", true);
  EXPECT_FALSE(tracker.Get().reachable);
  EXPECT_EQ(tracker.Get().brokers_up, 0);
  tracker.OnStatistics(Statistics("UP", "UP", "1"));
  EXPECT_TRUE(tracker.Get().reachable);
  EXPECT_EQ(tracker.Get().last_error, "2/2 brokers are down");  // still worth reading
}

TEST(HealthTrackerTest, ManyThreadsWriteAndRead) {
  HealthTracker tracker;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          if (t == 0) tracker.OnStatistics(Statistics("UP", i % 2 == 0 ? "UP" : "DOWN", "1"));
          if (t == 1) tracker.OnError("error " + std::to_string(i), false);
          const KafkaHealth health = tracker.Get();
          ASSERT_LE(health.brokers_up, health.brokers);
        }
      });
    }
  }
  EXPECT_EQ(tracker.Get().last_error, "error 499");
  EXPECT_TRUE(tracker.Get().reachable);
}

}  // namespace
}  // namespace tocsin::ingest
