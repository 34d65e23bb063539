// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka.h"

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "ingest/embedded_kafka.h"

namespace tocsin::ingest {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kPatience = seconds(30);  // how long a test waits for what must come

// A message that outlives its Poll.
struct Kept {
  std::string topic;
  int32_t partition;
  int64_t offset;
  Time broker_time;
  std::string cluster, node, payload;
};

// What a consumer said so far.
struct Log {
  std::vector<Kept> messages;
  std::map<PartitionId, int64_t> ends;
  std::vector<Gap> gaps;
  uint64_t redelivered = 0;
};

class KafkaTest : public testing::Test {
 protected:
  void SetUp() override {
    auto kafka = EmbeddedKafka::Create();
    ASSERT_TRUE(kafka.ok()) << kafka.status();
    kafka_ = std::move(*kafka);
    auto producer = KafkaProducer::Create({.brokers = kafka_->bootstrap()});
    ASSERT_TRUE(producer.ok()) << producer.status();
    producer_ = std::move(*producer);
  }

  KafkaOptions Options(std::vector<std::string> topics = {"logs"}) const {
    KafkaOptions options;
    options.brokers = kafka_->bootstrap();
    options.topics = std::move(topics);
    options.store_id = "store-a";
    options.fetch_wait = milliseconds(5);
    options.health_interval = milliseconds(20);
    options.reconnect_max = milliseconds(100);
    options.properties = {{"fetch.error.backoff.ms", "10"}};
    return options;
  }
  void Topic(const std::string& name, int partitions) {
    ASSERT_TRUE(kafka_->CreateTopic(name, partitions).ok());
  }
  void Produce(const std::string& topic, int32_t partition, int count, size_t size = 0) {
    for (int i = 0; i < count; ++i) {
      std::string payload = std::to_string(i);
      payload.resize(std::max(size, payload.size()), '.');
      ASSERT_TRUE(
          producer_->Produce({.topic = topic, .partition = partition, .payload = payload}).ok());
    }
    const absl::Status flushed = producer_->Flush(kPatience);
    ASSERT_TRUE(flushed.ok()) << flushed;
  }
  Layout Describe(const KafkaOptions& options) {
    auto admin = KafkaAdmin::Create(options);
    EXPECT_TRUE(admin.ok()) << admin.status();
    auto layout = (*admin)->Describe(kPatience);
    EXPECT_TRUE(layout.ok()) << layout.status();
    return layout.ok() ? *layout : Layout{};
  }
  static std::unique_ptr<KafkaConsumer> Consume(const KafkaOptions& options,
                                                const std::vector<StartAt>& starts) {
    auto consumer = KafkaConsumer::Create(options, starts);
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    return std::move(*consumer);
  }
  // Polls until `done(log)`; false if that did not come about.
  template <typename Done>
  static bool PollUntil(KafkaConsumer& consumer, Log& log, Done done) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!done(log)) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      const auto polled = consumer.Poll(milliseconds(20));
      if (!polled.ok()) {
        ADD_FAILURE() << polled.status();
        return false;
      }
      for (const Message& m : polled->messages) {
        log.messages.push_back({std::string(m.topic), m.partition, m.offset, m.broker_time,
                                std::string(m.cluster), std::string(m.node),
                                std::string(m.payload)});
        log.ends.erase({std::string(m.topic), m.partition});
      }
      for (const PartitionEnd& end : polled->ends) {
        log.ends[{std::string(end.topic), end.partition}] = end.offset;
      }
      log.gaps.insert(log.gaps.end(), polled->gaps.begin(), polled->gaps.end());
      log.redelivered += polled->redelivered;
    }
    return true;
  }
  static std::vector<int64_t> Offsets(const Log& log) {
    std::vector<int64_t> offsets;
    for (const Kept& message : log.messages) offsets.push_back(message.offset);
    return offsets;
  }
  static state::v1::Position Position(const std::string& topic, int32_t partition, int64_t offset) {
    state::v1::Position position;
    position.set_source(topic);
    position.set_partition(partition);
    position.set_next_tally(offset);
    position.set_next_hit(offset);
    return position;
  }

  std::unique_ptr<EmbeddedKafka> kafka_;
  std::unique_ptr<KafkaProducer> producer_;
};

TEST_F(KafkaTest, BringsPayloadsHeadersAndTimes) {
  Topic("logs", 1);
  const Time time = *ParseTime("2024-05-20T10:13:20.123Z");
  const std::string binary("\0\xff\n", 3);
  ASSERT_TRUE(producer_
                  ->Produce({.topic = "logs",
                             .partition = 0,
                             .key = "key",
                             .payload = binary,
                             .time = time,
                             .headers = {{"node", ""}, {"host", "n1"}, {"cluster", "c1"}}})
                  .ok());
  ASSERT_TRUE(producer_->Produce({.topic = "logs", .partition = 0, .key = "gone"}).ok());
  ASSERT_TRUE(producer_->Produce({.topic = "logs", .partition = 0, .payload = ""}).ok());
  ASSERT_TRUE(producer_->Flush(kPatience).ok());
  EXPECT_EQ(producer_->delivered(), 3u);

  const auto consumer = Consume(Options(), {{{"logs", 0}, 0}});
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 1; }));
  ASSERT_EQ(Offsets(log), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(log.messages[0].topic, "logs");
  EXPECT_EQ(log.messages[0].partition, 0);
  EXPECT_EQ(log.messages[0].payload, binary);
  EXPECT_EQ(log.messages[0].broker_time, time);
  EXPECT_EQ(log.messages[0].cluster, "c1");
  EXPECT_EQ(log.messages[0].node, "n1");  // the empty "node" header says nothing
  EXPECT_EQ(log.messages[1].payload, "");
  EXPECT_EQ(log.messages[1].node, "");
  EXPECT_NE(log.messages[1].broker_time, kNoTime);
  EXPECT_EQ(log.messages[2].payload, "");
  EXPECT_EQ(log.ends.begin()->second, 3);
}

TEST_F(KafkaTest, ABatchEndsAtItsCaps) {
  Topic("logs", 1);
  Produce("logs", 0, 100, 100);
  for (const bool by_count : {true, false}) {
    SCOPED_TRACE(by_count ? "count" : "bytes");
    KafkaOptions options = Options();
    if (by_count) {
      options.batch_records_max = 7;
    } else {
      options.batch_bytes_max = 650;  // soft by one message: 7
    }
    const auto consumer = Consume(options, {{{"logs", 0}, 0}});
    std::vector<int64_t> offsets;
    size_t largest = 0;
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (offsets.size() < 100 && std::chrono::steady_clock::now() < give_up) {
      const auto polled = consumer->Poll(milliseconds(100));
      ASSERT_TRUE(polled.ok()) << polled.status();
      EXPECT_EQ(polled->bytes, polled->messages.size() * 100);
      largest = std::max(largest, polled->messages.size());
      for (const Message& message : polled->messages) offsets.push_back(message.offset);
    }
    ASSERT_EQ(offsets.size(), 100u);
    for (size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], static_cast<int64_t>(i));
    EXPECT_EQ(largest, 7u);
  }
}

TEST_F(KafkaTest, ResumesAtThePositionInEveryPartition) {
  Topic("logs", 3);
  for (int32_t partition = 0; partition < 3; ++partition) Produce("logs", partition, 10);
  const Layout layout = Describe(Options());
  const std::vector positions = {Position("logs", 0, 4), Position("logs", 2, 10)};
  const auto plan = PlanStart(layout, positions, "store-a");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->gaps, IsEmpty());
  const auto consumer = Consume(Options(), plan->starts);
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 3; }));
  std::map<int32_t, std::vector<int64_t>> by_partition;
  for (const Kept& m : log.messages) by_partition[m.partition].push_back(m.offset);
  EXPECT_THAT(by_partition[0], ElementsAre(4, 5, 6, 7, 8, 9));
  EXPECT_EQ(by_partition[1].size(), 10u);
  EXPECT_THAT(by_partition[2], IsEmpty());
  EXPECT_EQ(log.redelivered, 0u);

  // The end is said again only after something new.
  log = {};
  Produce("logs", 2, 1);
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return !l.ends.empty(); }));
  EXPECT_THAT(Offsets(log), ElementsAre(10));
  EXPECT_EQ(log.ends, (std::map<PartitionId, int64_t>{{{"logs", 2}, 11}}));
}

TEST_F(KafkaTest, DescribesTopicsAndTheGroupsOffsets) {
  Topic("logs", 2);
  Produce("logs", 1, 5);
  const KafkaOptions options = Options({"logs", "later"});
  auto admin = KafkaAdmin::Create(options);
  ASSERT_TRUE(admin.ok()) << admin.status();
  auto layout = (*admin)->Describe(kPatience);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_FALSE(layout->cluster_id.empty());
  EXPECT_EQ(layout->group, "tocsin");
  EXPECT_THAT(layout->missing_topics, ElementsAre("later"));
  ASSERT_EQ(layout->partitions.size(), 2u);
  EXPECT_EQ(layout->partitions[0].high, 0);
  EXPECT_EQ(layout->partitions[1].id, (PartitionId{"logs", 1}));
  EXPECT_EQ(layout->partitions[1].low, 0);
  EXPECT_EQ(layout->partitions[1].high, 5);
  EXPECT_FALSE(layout->partitions[1].committed.has_value());

  std::vector positions = {Position("logs", 1, 3), Position("/var/log/x", -1, 7)};
  positions[0].set_next_hit(4);
  const absl::Status committed = (*admin)->CommitHint(positions, kPatience);
  ASSERT_TRUE(committed.ok()) << committed;
  layout = (*admin)->Describe(kPatience);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_FALSE(layout->partitions[0].committed.has_value());
  EXPECT_EQ(layout->partitions[1].committed, 3);
  EXPECT_EQ(layout->partitions[1].committed_store, "store-a");
}

TEST_F(KafkaTest, ASecondStoreInTheSameGroupIsRefused) {
  Topic("logs", 1);
  KafkaOptions mine = Options();
  auto admin = KafkaAdmin::Create(mine);
  ASSERT_TRUE(admin.ok());
  ASSERT_TRUE((*admin)->CommitHint(std::vector{Position("logs", 0, 0)}, kPatience).ok());

  EXPECT_TRUE(PlanStart(Describe(mine), {}, "store-a").ok());
  const auto refused = PlanStart(Describe(mine), {}, "store-b");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(tocsin::Message(refused.status()), HasSubstr("store-a"));
  mine.group = "another";
  EXPECT_TRUE(PlanStart(Describe(mine), {}, "store-b").ok());
}

TEST_F(KafkaTest, ATopicThatComesLaterIsReadFromItsStart) {
  Topic("logs", 1);
  const KafkaOptions options = Options({"logs", "later"});
  const auto consumer = Consume(options, {{{"logs", 0}, 0}});
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 1; }));
  Topic("later", 2);
  Produce("later", 1, 3);
  const Layout layout = Describe(options);
  EXPECT_THAT(layout.missing_topics, IsEmpty());
  const auto plan = PlanStart(layout, std::vector{Position("logs", 0, 0)}, "store-a");
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<StartAt> fresh(plan->starts.begin(), plan->starts.end() - 1);
  EXPECT_EQ(consumer->Assign(plan->starts).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(consumer->Assign(fresh).ok());
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 3; }));
  EXPECT_THAT(Offsets(log), ElementsAre(0, 1, 2));
  EXPECT_EQ(log.messages[0].topic, "later");
}

TEST_F(KafkaTest, AHeldPartitionGoesOnWhereItStopped) {
  Topic("logs", 2);
  Produce("logs", 0, 50);
  KafkaOptions options = Options();
  options.batch_records_max = 10;
  const auto consumer = Consume(options, {{{"logs", 0}, 0}, {{"logs", 1}, 0}});
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.messages.size() >= 10; }));
  ASSERT_TRUE(consumer->Hold({"logs", 0}).ok());
  ASSERT_TRUE(consumer->Hold({"logs", 0}).ok());
  const size_t before = log.messages.size();
  ASSERT_LT(before, 50u);
  Produce("logs", 1, 5);  // the other one runs on
  ASSERT_TRUE(PollUntil(*consumer, log, [&](const Log& l) {
    return l.messages.size() == before + 5 && l.ends.contains({"logs", 1});
  }));
  ASSERT_TRUE(consumer->Release({"logs", 0}).ok());
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 2; }));
  std::vector<int64_t> offsets;
  for (const Kept& m : log.messages) {
    if (m.partition == 0) offsets.push_back(m.offset);
  }
  ASSERT_EQ(offsets.size(), 50u);
  for (size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], static_cast<int64_t>(i));
  EXPECT_EQ(consumer->Hold({"logs", 9}).code(), absl::StatusCode::kNotFound);
}

TEST_F(KafkaTest, ABrokerThatComesBackIsReadOnWithoutLoss) {
  Topic("logs", 1);
  Produce("logs", 0, 10);
  const auto consumer = Consume(Options(), {{{"logs", 0}, 0}});
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [&](const Log& l) {
    return l.ends.size() == 1 && consumer->health().reachable;
  }));
  EXPECT_EQ(consumer->health().brokers_up, 1);

  kafka_->SetDown(true);
  ASSERT_TRUE(PollUntil(*consumer, log, [&](const Log&) { return !consumer->health().reachable; }));
  EXPECT_EQ(consumer->health().brokers_up, 0);
  EXPECT_FALSE(consumer->health().last_error.empty());
  EXPECT_NE(consumer->health().since, kNoTime);
  auto admin = KafkaAdmin::Create(Options());
  ASSERT_TRUE(admin.ok());
  EXPECT_EQ((*admin)->Describe(milliseconds(100)).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*admin)->CommitHint(std::vector{Position("logs", 0, 1)}, milliseconds(50)).code(),
            absl::StatusCode::kUnavailable);

  kafka_->SetDown(false);
  Produce("logs", 0, 10);
  ASSERT_TRUE(PollUntil(*consumer, log, [&](const Log& l) {
    return l.messages.size() == 20 && l.ends.size() == 1 && consumer->health().reachable;
  }));
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(log.messages[i].offset, static_cast<int64_t>(i));
  EXPECT_EQ(log.redelivered, 0u);
  EXPECT_TRUE((*admin)->Describe(kPatience).ok());
}

// Retention of the mock keeps about 5 MB: what we did not read in time is gone.
TEST_F(KafkaTest, RetentionThatOvertakesUsIsAGapAndNotAnEnd) {
  Topic("logs", 1);
  KafkaOptions options = Options();
  Produce("logs", 0, 1);
  const auto consumer = Consume(options, {{{"logs", 0}, 0}});
  Log log;
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 1; }));
  ASSERT_TRUE(consumer->Hold({"logs", 0}).ok());
  for (int i = 0; i < 20; ++i) Produce("logs", 0, 10, 50'000);
  const Layout layout = Describe(options);
  const int64_t low = layout.partitions.at(0).low;
  ASSERT_GT(low, 1);
  ASSERT_EQ(layout.partitions.at(0).high, 201);
  ASSERT_TRUE(consumer->Release({"logs", 0}).ok());
  log = {};
  ASSERT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.ends.size() == 1; }));
  EXPECT_THAT(log.gaps, ElementsAre(Gap{{"logs", 0}, 1, low}));
  ASSERT_FALSE(log.messages.empty());
  EXPECT_EQ(log.messages.front().offset, low);
  EXPECT_EQ(log.messages.back().offset, 200);
  EXPECT_EQ(static_cast<int64_t>(log.messages.size()), 201 - low);
}

TEST_F(KafkaTest, ALogThatEndsBeforeOurPositionStopsUs) {
  Topic("logs", 1);
  Produce("logs", 0, 5);
  KafkaOptions options = Options();
  options.truncation_grace = Duration::zero();
  const auto consumer = Consume(options, {{{"logs", 0}, 100}});
  absl::Status status;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (status.ok() && std::chrono::steady_clock::now() < give_up) {
    const auto polled = consumer->Poll(milliseconds(20));
    status = polled.status();
    if (polled.ok()) {
      EXPECT_THAT(polled->messages, IsEmpty());
    }
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(tocsin::Message(status), HasSubstr("--reset-positions"));
  EXPECT_FALSE(consumer->Poll(Duration::zero()).ok());  // and stays so
}

TEST_F(KafkaTest, HealthIsReadWhileAnotherThreadPolls) {
  Topic("logs", 2);
  const auto consumer = Consume(Options(), {{{"logs", 0}, 0}, {{"logs", 1}, 0}});
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        (void)consumer->health();
        std::this_thread::yield();
      }
    });
  }
  threads.emplace_back([&] { Produce("logs", 0, 500); });
  threads.emplace_back([&] { Produce("logs", 1, 500); });
  Log log;
  EXPECT_TRUE(PollUntil(*consumer, log, [](const Log& l) { return l.messages.size() == 1000; }));
  stop = true;
}

TEST(KafkaOptionsTest, RefusesWhatCannotWork) {
  const auto options = [] {
    KafkaOptions valid;
    valid.brokers = "127.0.0.1:1";
    valid.topics = {"logs"};
    return valid;
  };
  struct Case {
    const char* name;
    std::function<void(KafkaOptions&)> spoil;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"no brokers", [](auto& o) { o.brokers = ""; }, "--kafka-brokers"},
      {"no topics", [](auto& o) { o.topics = {}; }, "--kafka-topics"},
      {"empty topic", [](auto& o) { o.topics = {""}; }, "empty"},
      {"pattern", [](auto& o) { o.topics = {"^logs.*"}; }, "pattern"},
      {"topic twice",
       [](auto& o) {
         o.topics = {"a", "a"};
       },
       "twice"},
      {"no group", [](auto& o) { o.group = ""; }, "group"},
      {"no records", [](auto& o) { o.batch_records_max = 0; }, "batch_records_max"},
      {"no bytes", [](auto& o) { o.batch_bytes_max = 0; }, "batch_bytes_max"},
      {"tiny queue", [](auto& o) { o.queued_bytes_max = 1; }, "queued_bytes_max"},
      {"unknown property",
       [](auto& o) {
         o.properties = {{"no.such", "1"}};
       },
       "no.such"},
      {"bad value",
       [](auto& o) {
         o.properties = {{"fetch.wait.max.ms", "x"}};
       },
       "fetch.wait"},
      {"our property",
       [](auto& o) {
         o.properties = {{"auto.offset.reset", "latest"}};
       },
       "own"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    KafkaOptions spoilt = options();
    c.spoil(spoilt);
    const auto consumer = KafkaConsumer::Create(spoilt, {});
    EXPECT_EQ(consumer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(tocsin::Message(consumer.status()), HasSubstr(c.says));
    EXPECT_FALSE(KafkaAdmin::Create(spoilt).ok());
  }
  const std::vector<StartAt> twice = {{{"logs", 0}, 1}, {{"logs", 0}, 2}};
  EXPECT_EQ(KafkaConsumer::Create(options(), twice).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::vector<StartAt> negative = {{{"logs", 0}, -1}};
  EXPECT_EQ(KafkaConsumer::Create(options(), negative).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(KafkaProducer::Create({}).ok());
}

}  // namespace
}  // namespace tocsin::ingest
