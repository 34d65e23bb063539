// SPDX-License-Identifier: Apache-2.0
//
// What comes and goes, and what keeps coming back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/correlate/world.h"

namespace tocsin::correlate {
namespace {

using std::chrono::minutes;
using testing::SizeIs;

constexpr int kHour = 3600;
constexpr int kDay = 24 * kHour;

std::vector<Signature> Node() {
  Signature bad = Make("bad"), good = Make("good"), lines = Make("lines");
  bad.kind = Signature::Kind::kState;
  bad.cleared_by = {"good"};
  good.severity = Severity::kInfo;
  lines.quiet = minutes(5);
  return {bad, good, lines};
}

// Bad and good again, `times` times, every ten minutes.
void Swings(World& world, int times) {
  for (int i = 0; i < times; ++i) {
    world.Hit("bad", "node/n1", i * 600).Hit("good", "node/n1", i * 600 + 120);
  }
}

v1::Incident Only(const World& world) {
  std::vector<v1::Incident> incidents = world.Incidents();
  EXPECT_THAT(incidents, SizeIs(1));
  return incidents.empty() ? v1::Incident() : incidents[0];
}

TEST(FlappingTest, TwoReturnsAreNoFlapping) {
  World world(Node());
  Swings(world, 3);
  world.Settle(1500);
  EXPECT_FALSE(Only(world).flapping());
  EXPECT_EQ(Only(world).state(), v1::Incident::RESOLVED);
  EXPECT_EQ(Only(world).reopen_count(), 2u);
}

TEST(FlappingTest, TheThirdReturnInAnHourStaysOpenUntilAnHourIsStable) {
  World world(Node());
  Swings(world, 4);  // well since 1920
  world.Heard("n1", 1920 + kHour - 1).Settle(1920 + kHour - 1);
  EXPECT_TRUE(Only(world).flapping());
  EXPECT_EQ(Only(world).state(), v1::Incident::OPEN);
  EXPECT_EQ(Only(world).reopen_count(), 3u);
  world.Heard("n1", 1920 + kHour).Settle(1920 + kHour);
  EXPECT_FALSE(Only(world).flapping());
  EXPECT_EQ(Only(world).state(), v1::Incident::RESOLVED);
  EXPECT_EQ(Only(world).resolve_reason(), v1::Incident::CLEAR_SIGNATURE);
  EXPECT_EQ(Only(world).resolve_time().seconds(), kStart + 1920 + kHour);
}

TEST(FlappingTest, WhatComesAndGoesMeanwhileReopensNothing) {
  World world(Node());
  Swings(world, 12);  // well since 6720
  world.Hit("bad", "node/n1", 6720 + 2400).Hit("good", "node/n1", 6720 + 2500).Settle(9300);
  EXPECT_EQ(Only(world).reopen_count(), 3u);
  EXPECT_TRUE(Only(world).flapping()) << "forty minutes of calm are no hour";
  world.Heard("n1", 9220 + kHour).Settle(9220 + kHour);
  EXPECT_EQ(Only(world).resolve_time().seconds(), kStart + 9220 + kHour);
}

TEST(FlappingTest, WhatIsSteadilyBadForAnHourFlapsNoMore) {
  World world(Node());
  Swings(world, 4);
  world.Hit("bad", "node/n1", 2400).Hit("bad", "node/n1", 2400 + kHour + 60).Settle(7000);
  EXPECT_FALSE(Only(world).flapping());
  EXPECT_EQ(Only(world).state(), v1::Incident::OPEN);
  world.Hit("good", "node/n1", 7000).Settle(7100);
  EXPECT_EQ(Only(world).state(), v1::Incident::RESOLVED) << "nothing is left to wait for";
}

TEST(FlappingTest, ThreeReturnsInMoreThanAnHourAreNoFlapping) {
  World world(Node());
  for (int i = 0; i < 4; ++i) {
    world.Hit("bad", "node/n1", i * 1900).Hit("good", "node/n1", i * 1900 + 200);
  }
  world.Settle(3 * 1900 + 300);
  EXPECT_EQ(Only(world).reopen_count(), 3u);
  EXPECT_FALSE(Only(world).flapping());
}

TEST(FlappingTest, WhatFlapsBehindAThresholdIsToldAllTheSame) {
  std::vector<Signature> signatures = Node();
  signatures[0].threshold_count = 2;
  signatures[0].threshold_within = minutes(2);
  World world(signatures);
  Swings(world, 4);
  world.Settle(2000);
  EXPECT_THAT(world.Incidents(), SizeIs(0)) << "one hit at a time";
  for (int i = 10; i < 14; ++i) {
    world.Hit("bad", "node/n1", i * 600, {}, 2).Hit("good", "node/n1", i * 600 + 120);
  }
  world.Settle(13 * 600 + 200);
  EXPECT_TRUE(Only(world).flapping());
}

TEST(FlappingTest, WhatEndedIsNotCountedTowardsTheNextTime) {
  std::vector<Signature> signatures = Node();
  signatures[0].threshold_count = 3;
  signatures[0].threshold_within = minutes(30);
  World world(signatures);
  world.Hit("bad", "node/n1", 0, {}, 3).Hit("good", "node/n1", 60);
  world.Hit("bad", "node/n1", 120, {}, 2).Settle(200);
  EXPECT_EQ(Only(world).state(), v1::Incident::RESOLVED);
  world.Hit("bad", "node/n1", 240).Settle(300);
  EXPECT_EQ(Only(world).state(), v1::Incident::OPEN);
}

TEST(FlappingTest, OccurrencesFlapToo) {
  World world(Node());
  for (int i = 0; i < 4; ++i) world.Hit("lines", "node/n1", i * 900);
  world.Heard("n1", 2700 + kHour + 299).Settle(2700 + kHour + 299);
  EXPECT_TRUE(Only(world).flapping());
  world.Heard("n1", 2700 + kHour + 300).Settle(2700 + kHour + 300);
  EXPECT_EQ(Only(world).state(), v1::Incident::RESOLVED);
  EXPECT_EQ(Only(world).resolve_reason(), v1::Incident::QUIET_PERIOD);
}

TEST(FlappingTest, WhetherACalmHourWasNoticedDoesNotShow) {
  auto end = [](bool noticed) {
    World world(Node());
    Swings(world, 4);
    world.Heard("n1", kDay).Settle(noticed ? 3 * kHour : 2000);
    world.Hit("bad", "node/n1", 4 * kHour).Settle(4 * kHour + 60);
    std::string all;
    for (const v1::Incident& incident : world.Incidents()) all += incident.DebugString();
    return all;
  };
  EXPECT_EQ(end(true), end(false));
}

TEST(ChronicTest, TheThirdTimeInSevenDaysAtOneWorkload) {
  World world({Make("oom", EntityKind::kPod)});
  auto kill = [&](const std::string& pod, const std::string& workload, int at) {
    world.Hit("oom", "pod/shop/" + pod, at, {"node/n1", "workload/shop/" + workload});
    world.Heard("n1", at + kHour).Settle(at + kHour);
  };
  kill("cart-a", "cart", 0);
  kill("cart-b", "cart", kDay);
  kill("web-a", "web", 2 * kDay);
  kill("cart-c", "cart", 3 * kDay);
  kill("cart-d", "cart", 9 * kDay);  // with those of the third day and before it: two in seven days
  std::vector<bool> chronic;
  for (const v1::Incident& incident : world.Incidents()) chronic.push_back(incident.chronic());
  EXPECT_THAT(chronic, testing::ElementsAre(false, false, false, true, false));
}

TEST(ChronicTest, ManyPodsAtOnceAreOneTime) {
  World world({Make("oom", EntityKind::kPod)});
  for (const char* pod : {"a", "b", "c", "d"}) {
    world.Hit("oom", std::string("pod/shop/cart-") + pod, 10, {"workload/shop/cart"});
  }
  world.Settle(60);
  EXPECT_FALSE(Only(world).chronic());
}

}  // namespace
}  // namespace tocsin::correlate
