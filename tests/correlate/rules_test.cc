// SPDX-License-Identifier: Apache-2.0
#include "correlate/rules.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/correlate/world.h"

namespace tocsin::correlate {
namespace {

using std::chrono::minutes;
using testing::IsEmpty;
using testing::SizeIs;

Signature Info(std::string id, EntityKind entity = EntityKind::kNode) {
  Signature signature = Make(std::move(id), entity);
  signature.severity = Severity::kInfo;
  return signature;
}

// --- occurrences ---

TEST(OccurrenceTest, ACopyByAnotherWayIsTheSame) {
  World world({Make("arp")});
  world.Line("arp", "node/n1", 1.0, 7, 1)
      .Line("arp", "node/n1", 3.5, 7, 2)
      .Line("arp", "node/n1", 4, 7, 3);
  ASSERT_THAT(world.Settle(60).Incidents(), SizeIs(1));
  EXPECT_EQ(world.Incidents()[0].hit_count(), 1u);
  EXPECT_EQ(world.Incidents()[0].line_count(), 3u);
}

TEST(OccurrenceTest, EqualLinesOfOneWayAreAsMany) {
  World world({Make("arp")});
  world.Line("arp", "node/n1", 1, 7, 1, {}, 125).Line("arp", "node/n1", 2, 7, 2, {}, 125);
  world.Settle(60);
  EXPECT_EQ(world.Incidents()[0].hit_count(), 125u);
  EXPECT_EQ(world.Incidents()[0].line_count(), 250u);
}

TEST(OccurrenceTest, AcrossTheEndOfASlotToo) {
  World world({Make("arp")});
  world.Line("arp", "node/n1", 9.9, 7, 1).Line("arp", "node/n1", 10.1, 7, 2);
  EXPECT_EQ(world.Settle(60).Incidents()[0].hit_count(), 1u);
}

TEST(OccurrenceTest, LaterElsewhereOrOtherwiseSaidIsAnother) {
  World world({Make("arp", EntityKind::kCluster)});
  world.Line("arp", "cluster/c1", 0, 7, 1, {"node/n1"})
      .Line("arp", "cluster/c1", 6, 7, 2, {"node/n1"})
      .Line("arp", "cluster/c1", 1, 7, 2, {"node/n2"})
      .Line("arp", "cluster/c1", 1, 8, 2, {"node/n1"});
  EXPECT_EQ(world.Settle(60).Incidents()[0].hit_count(), 4u);
}

TEST(OccurrenceTest, LinesWithOneKeyAreOneHappening) {
  Signature oom = Make("oom");
  oom.occurrence_key = {"pid"};
  World world({oom});
  // Without a pid, with pid 11 twice, with pid 12.
  world.Line("oom", "node/n1", 0.1, 0, 1)
      .Line("oom", "node/n1", 0.2, 11, 1)
      .Line("oom", "node/n1", 0.3, 11, 1);
  world.Line("oom", "node/n1", 0.4, 12, 1);
  EXPECT_EQ(world.Settle(60).Incidents()[0].hit_count(), 2u);
}

TEST(OccurrenceTest, MoreLinesThanMarksKeepTheirShare) {
  World world({Make("arp")});
  for (int i = 0; i < 500; ++i) {
    world.Line("arp", "node/n1", i / 100.0, 7, 1).Line("arp", "node/n1", i / 100.0 + 0.001, 7, 2);
  }
  EXPECT_EQ(world.Settle(60).Incidents()[0].hit_count(), 500u);
}

TEST(OccurrenceTest, MarksMergeInAnyOrder) {
  std::mt19937_64 rng(20240520);
  for (int round = 0; round < 50; ++round) {
    std::vector<state::v1::Row> rows(200);
    for (auto& row : rows) {
      state::v1::Mark mark;
      mark.set_time(static_cast<int64_t>(rng() % 90));
      mark.set_key(rng() % 3);
      mark.set_path(static_cast<uint32_t>(rng() % 2));
      mark.set_count(1);
      AddMark(mark, *row.mutable_marks());
      AddDistinct(rng() % 400, *row.mutable_distinct());
      row.set_bytes(1);
    }
    auto merged = [&](size_t parts) {
      std::shuffle(rows.begin(), rows.end(), rng);
      std::vector<state::v1::Row> sums(parts);
      for (size_t i = 0; i < rows.size(); ++i) MergeRow(rows[i], sums[i % parts]);
      for (size_t i = 1; i < parts; ++i) MergeRow(sums[i], sums[0]);
      return sums[0].SerializeAsString();
    };
    std::string once = merged(1);
    EXPECT_EQ(merged(2), once);
    EXPECT_EQ(merged(7), once);
  }
}

// --- thresholds ---

TEST(ThresholdTest, DifferentValuesCountAndNotHits) {
  Signature dns = Make("dns");
  dns.threshold_count = 3;
  dns.threshold_distinct = "host";
  World world({dns});
  auto hit = [&](int at, uint64_t host) {
    world.Hit("dns", "node/n1", at, {}, 5);
    AddDistinct(host, *world.Last().mutable_distinct());
  };
  hit(0, 1);
  hit(10, 1);
  hit(20, 2);
  EXPECT_THAT(world.Settle(30).Incidents(), IsEmpty());
  hit(65, 3);  // the first 1 has left the window, the second has not
  EXPECT_THAT(world.Settle(90).Incidents(), SizeIs(1));
}

TEST(ThresholdTest, AShareOfSomethingElse) {
  Signature failed = Make("failed", EntityKind::kService), all = Info("all", EntityKind::kService);
  failed.ratio_of = "all";
  failed.ratio_over = 0.1;
  World world({failed, all});
  world.Hit("failed", "service/s", 0, {}, 100);
  EXPECT_THAT(world.Settle(10).Incidents(), IsEmpty()) << "nothing to compare with";
  world.Hit("all", "service/s", 100, {}, 1000).Hit("failed", "service/s", 101, {}, 99);
  EXPECT_THAT(world.Settle(120).Incidents(), IsEmpty());
  world.Hit("failed", "service/s", 121);
  EXPECT_THAT(world.Settle(140).Incidents(), SizeIs(1));
}

TEST(ThresholdTest, AnOccurrenceMustGoOnForThatLong) {
  Signature attach = Make("attach", EntityKind::kVolume);
  attach.threshold_within = minutes(3);
  attach.threshold_for = minutes(2);
  World brief({attach}), broken({attach}), lasting({attach});
  brief.Hit("attach", "volume/v", 0).Hit("attach", "volume/v", 110);
  EXPECT_THAT(brief.Settle(1000).Incidents(), IsEmpty());
  broken.Hit("attach", "volume/v", 0).Hit("attach", "volume/v", 200).Hit("attach", "volume/v", 310);
  EXPECT_THAT(broken.Settle(1000).Incidents(), IsEmpty());
  lasting.Hit("attach", "volume/v", 0).Hit("attach", "volume/v", 60).Hit("attach", "volume/v", 125);
  ASSERT_THAT(lasting.Settle(1000).Incidents(), SizeIs(1));
  EXPECT_EQ(lasting.Incidents()[0].open_time().seconds(), kStart);
  EXPECT_EQ(lasting.Incidents()[0].hit_count(), 3u);
}

TEST(ThresholdTest, AStateMustNotBeUnsaidForThatLong) {
  Signature not_ready = Make("not-ready"), ready = Info("ready");
  not_ready.kind = Signature::Kind::kState;
  not_ready.threshold_for = minutes(2);
  not_ready.cleared_by = {"ready"};
  World brief({not_ready, ready}), lasting({not_ready, ready}), silent({not_ready, ready});
  brief.Hit("not-ready", "node/n1", 0)
      .Hit("ready", "node/n1", 60)
      .Tally("node/n1", 300, 1, {"node/n1"});
  EXPECT_THAT(brief.Settle(1000).Incidents(), IsEmpty());
  lasting.Hit("not-ready", "node/n1", 0, {"node/n1"}).Tally("node/n1", 130, 1, {"node/n1"});
  ASSERT_THAT(lasting.Settle(1000).Incidents(), SizeIs(1));
  EXPECT_EQ(lasting.Incidents()[0].open_time().seconds(), kStart);
  silent.Hit("not-ready", "node/n1", 0, {"node/n1"}).Tally("node/n2", 300, 1, {"node/n2"});
  EXPECT_THAT(silent.Settle(1000).Incidents(), IsEmpty()) << "it may have been unsaid";
}

// --- neighbours ---

std::vector<Signature> Neighbours() {
  Signature limit = Make("limit"), arp = Info("arp");
  limit.requires_near = Near{{"arp"}, EntityKind::kNode, minutes(1)};
  return {limit, arp};
}

TEST(NearTest, AloneItDoesNotCount) {
  World world(Neighbours());
  world.Hit("limit", "node/n1", 0, {"node/n1"}).Hit("arp", "node/n2", 5, {"node/n2"});
  world.Hit("arp", "node/n1", 75, {"node/n1"});
  EXPECT_THAT(world.Settle(1000).Incidents(), IsEmpty());
}

TEST(NearTest, BeforeOrAfterItDoes) {
  for (int neighbour : {-50, 3, 50}) {
    World world(Neighbours());
    world.Hit("limit", "node/n1", 100, {"node/n1"}, 2)
        .Hit("arp", "node/n1", 100 + neighbour, {"node/n1"});
    ASSERT_THAT(world.Settle(1000).Incidents(), SizeIs(1)) << neighbour;
    EXPECT_EQ(world.Incidents()[0].hit_count(), 2u);
    EXPECT_EQ(world.Incidents()[0].open_time().seconds(), kStart + 100);
  }
}

// --- derived ---

std::vector<Signature> Loop() {
  Signature loop = Make("loop", EntityKind::kWorkload);
  loop.match.clear();
  loop.sequence = {"evicted", "placed", "evicted"};
  loop.threshold_within = minutes(30);
  return {loop, Info("evicted", EntityKind::kPod), Info("placed", EntityKind::kPod)};
}

TEST(SequenceTest, InOrderWithinTheWindowAtOneEntity) {
  World world(Loop());
  world.Hit("evicted", "pod/p/a", 0, {"workload/p/w"})
      .Hit("placed", "pod/p/b", 60, {"workload/p/w"})
      .Hit("evicted", "pod/p/b", 120, {"workload/p/w"});
  ASSERT_THAT(world.Settle(1000).Incidents(), SizeIs(1));
  const v1::Incident incident = world.Incidents()[0];
  EXPECT_EQ(incident.root_cause().signature(), "loop");
  EXPECT_EQ(incident.root_cause().entity().name(), "p/w");
  EXPECT_EQ(incident.open_time().seconds(), kStart);
  EXPECT_EQ(incident.last_hit_time().seconds(), kStart + 120);
}

TEST(SequenceTest, NotInAnotherOrderLaterOrElsewhere) {
  World order(Loop()), late(Loop()), elsewhere(Loop());
  order.Hit("evicted", "pod/p/a", 0, {"workload/p/w"})
      .Hit("evicted", "pod/p/b", 60, {"workload/p/w"})
      .Hit("placed", "pod/p/b", 120, {"workload/p/w"});
  EXPECT_THAT(order.Settle(9000).Incidents(), IsEmpty());
  late.Hit("evicted", "pod/p/a", 0, {"workload/p/w"})
      .Hit("placed", "pod/p/b", 60, {"workload/p/w"})
      .Hit("evicted", "pod/p/b", 1801, {"workload/p/w"});
  EXPECT_THAT(late.Settle(9000).Incidents(), IsEmpty());
  elsewhere.Hit("evicted", "pod/p/a", 0, {"workload/p/w"})
      .Hit("placed", "pod/p/b", 60, {"workload/p/v"})
      .Hit("evicted", "pod/p/b", 120, {"workload/p/w"});
  EXPECT_THAT(elsewhere.Settle(9000).Incidents(), IsEmpty());
}

std::vector<Signature> Missing() {
  Signature stuck = Make("stuck", EntityKind::kPod);
  stuck.match.clear();
  stuck.absent = Absent{"pulling", "pulled", minutes(10)};
  stuck.cleared_by = {"pulled"};
  return {stuck, Info("pulling", EntityKind::kPod), Info("pulled", EntityKind::kPod)};
}

TEST(AbsentTest, OnlyWhereTheNodeWasHeardAfterwards) {
  World came(Missing()), missing(Missing()), silent(Missing());
  came.Hit("pulling", "pod/p/a", 0, {"node/n1"}).Hit("pulled", "pod/p/a", 500, {"node/n1"});
  came.Tally("node/n1", 900, 1, {"node/n1"});
  EXPECT_THAT(came.Settle(2000).Incidents(), IsEmpty());
  missing.Hit("pulling", "pod/p/a", 0, {"node/n1"}).Tally("node/n1", 615, 1, {"node/n1"});
  ASSERT_THAT(missing.Settle(2000).Incidents(), SizeIs(1));
  EXPECT_EQ(missing.Incidents()[0].open_time().seconds(), kStart + 600);
  missing.Hit("pulled", "pod/p/a", 700, {"node/n1"}).Settle(2000);
  EXPECT_EQ(missing.Incidents()[0].state(), v1::Incident::RESOLVED);
  silent.Hit("pulling", "pod/p/a", 0, {"node/n1"}).Tally("node/n2", 900, 1, {"node/n2"});
  EXPECT_THAT(silent.Settle(2000).Incidents(), IsEmpty());
}

TEST(MeasureTest, OverTheLimitInEverySlot) {
  Signature flood = Make("flood", EntityKind::kContainer);
  flood.match.clear();
  flood.measure = Measure{.of_containers = true, .over = 1000};
  flood.threshold_within = 2 * kSlotLength;
  flood.threshold_for = seconds(50);
  World steady({flood}), broken({flood});
  for (int at = 0; at < 70; at += 10) {
    // In two parts: what counts is what the slot adds up to.
    steady.Tally("container/p/a/c", at, 6000).Tally("container/p/a/c", at, 4000);
    broken.Tally("container/p/a/c", at, at == 40 ? 9999 : 10'000);
  }
  ASSERT_THAT(steady.Settle(1000).Incidents(), SizeIs(1));
  EXPECT_EQ(steady.Incidents()[0].open_time().seconds(), kStart);
  EXPECT_THAT(broken.Settle(1000).Incidents(), IsEmpty());
}

std::vector<Signature> Silent() {
  Signature silent = Make("silent");
  silent.kind = Signature::Kind::kState;
  silent.match.clear();
  silent.measure = Measure{.silent = minutes(5)};
  silent.cleared_by = {"removed"};
  return {silent, Info("removed")};
}

void Talk(World& world, const std::string& node, int from, int to) {
  for (int at = from; at < to; at += 60) world.Tally("node/" + node, at, 1, {"node/" + node});
}

TEST(SilenceTest, OneNodeWhileTheOthersGoOn) {
  World world(Silent());
  Talk(world, "n1", 0, 600);
  for (const char* other : {"n2", "n3"}) Talk(world, other, 0, 1200);
  ASSERT_THAT(world.Settle(1200).Incidents(), SizeIs(1));
  EXPECT_EQ(world.Incidents()[0].root_cause().entity().name(), "n1");
  EXPECT_EQ(world.Incidents()[0].open_time().seconds(), kStart + 540);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  world.Tally("node/n1", 1500, 1, {"node/n1"}).Settle(1600);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
  EXPECT_EQ(world.Incidents()[0].resolve_time().seconds(), kStart + 1500);
}

TEST(SilenceTest, NotWhenAllAreSilentTheNodeWasRemovedJustCameOrTheInputWasCut) {
  World all(Silent()), removed(Silent()), brief(Silent()), cut(Silent()), unlike(Silent());
  for (const char* node : {"n1", "n2", "n3"}) Talk(all, node, 0, 600);
  Talk(all, "n4", 0, 1200);
  EXPECT_THAT(all.Settle(1200).Incidents(), IsEmpty()) << "that is the shipper";
  for (World* world : {&removed, &cut}) {
    Talk(*world, "n1", 0, 600);
    Talk(*world, "n2", 0, 1200);
  }
  removed.Hit("removed", "node/n1", 580);
  EXPECT_THAT(removed.Settle(1200).Incidents(), IsEmpty());
  cut.Cut();
  EXPECT_THAT(cut.Settle(1200).Incidents(), IsEmpty());
  Talk(brief, "n1", 0, 200);
  Talk(brief, "n2", 0, 1200);
  EXPECT_THAT(brief.Settle(1200).Incidents(), IsEmpty());
  Talk(unlike, "n1", 0, 600);
  Talk(unlike, "n2", 1200, 2400);  // two files of two days
  EXPECT_THAT(unlike.Settle(2400).Incidents(), IsEmpty());
}

TEST(GroupTest, ClausesOfOneMessageAreOneIncident) {
  Signature cpu = Make("cpu", EntityKind::kPod), memory = Make("memory", EntityKind::kPod);
  cpu.group = memory.group = "clauses";
  World world({cpu, memory});
  world.Hit("memory", "pod/p/a", 0).Hit("cpu", "pod/p/a", 0).Hit("cpu", "pod/p/b", 0);
  world.Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(2));
  std::vector<std::string> sizes;
  for (const v1::Incident& incident : world.Incidents()) {
    sizes.push_back(std::to_string(incident.problems_size()));
    EXPECT_EQ(incident.root_cause().signature(), "cpu");
    EXPECT_EQ(incident.root_status(), v1::Incident::OBSERVED);
    for (const v1::Problem& problem : incident.problems())
      EXPECT_THAT(problem.caused_by(), IsEmpty());
  }
  EXPECT_THAT(sizes, testing::UnorderedElementsAre("1", "2"));
}

}  // namespace
}  // namespace tocsin::correlate
