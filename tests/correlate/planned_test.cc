// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/correlate/world.h"

namespace tocsin::correlate {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

// A node that is not ready is normal for ten minutes after a cordon, unless the cordon is lifted.
std::vector<Signature> Nodes() {
  Signature not_ready = Make("not-ready");
  not_ready.kind = Signature::Kind::kState;
  not_ready.cleared_by = {"ready"};
  not_ready.expected_during = {"cordon"};
  Signature ready = Make("ready"), cordon = Make("cordon"), lifted = Make("lifted"),
            removed = Make("removed"), probe = Make("probe", EntityKind::kPod), disk = Make("disk");
  cordon.quiet = minutes(10);
  cordon.cleared_by = {"lifted"};
  removed.removal = true;
  for (Signature* tag : {&ready, &cordon, &lifted, &removed}) tag->severity = Severity::kInfo;
  probe.expected_during = {"cordon"};
  disk.quiet = minutes(5);
  return {not_ready, ready, cordon, lifted, removed, probe, disk};
}

TEST(PlannedTest, WhatEndsWithinTheWorkWakesNobody) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("not-ready", "node/n1", 100);
  world.Hit("ready", "node/n1", 500).Tally("node/n2", 2000).Settle(2000);
  EXPECT_THAT(world.Incidents(), IsEmpty());
}

TEST(PlannedTest, WhatOutlastsTheWorkOpensWithItsTrueTime) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("not-ready", "node/n1", 100);
  world.Tally("node/n2", 590).Settle(590);
  EXPECT_THAT(world.Incidents(), IsEmpty());
  world.Tally("node/n2", 610).Settle(610);
  ASSERT_EQ(world.Incidents().size(), 1u);
  EXPECT_EQ(world.Incidents()[0].open_time().seconds(), kStart + 100);
  world.Hit("ready", "node/n1", 700).Settle(700);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
}

TEST(PlannedTest, TheWindowIsTheNodesOwn) {
  World world(Nodes());
  world.Hit("cordon", "node/n2", 0).Hit("not-ready", "node/n1", 100).Settle(200);
  EXPECT_EQ(world.Incidents().size(), 1u);
}

TEST(PlannedTest, AnotherAnnouncementMakesItLonger) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("not-ready", "node/n1", 100).Hit("cordon", "node/n1", 500);
  world.Tally("node/n2", 1000).Settle(1000);
  EXPECT_THAT(world.Incidents(), IsEmpty());
  world.Tally("node/n2", 1110).Settle(1110);
  EXPECT_EQ(world.Incidents().size(), 1u);
}

TEST(PlannedTest, TheEndOfTheWorkEndsTheWindow) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("lifted", "node/n1", 60).Hit("not-ready", "node/n1", 100);
  world.Settle(200);
  EXPECT_EQ(world.Incidents().size(), 1u);
}

TEST(PlannedTest, CauseAndEffectOfOneSlotAreInAnyOrder) {
  World world(Nodes());
  world.Hit("not-ready", "node/n1", 1).Hit("cordon", "node/n1", 4).Settle(100);
  EXPECT_THAT(world.Incidents(), IsEmpty());
}

TEST(PlannedTest, TheWorkMayBeLoggedAfterItsEffect) {
  World world(Nodes());
  world.Hit("not-ready", "node/n1", 95).Hit("cordon", "node/n1", 110);
  world.Hit("cordon~ahead", "node/n1", 110);
  world.Refile(90).Hit("ready", "node/n1", 300).Tally("node/n2", 2000).Settle(2000);
  EXPECT_THAT(world.Incidents(), IsEmpty());
}

TEST(PlannedTest, WhatWasOpenBeforeGoesOn) {
  World world(Nodes());
  world.Hit("not-ready", "node/n1", 0).Hit("cordon", "node/n1", 60).Hit("not-ready", "node/n1", 90);
  world.Settle(200);
  ASSERT_EQ(world.Incidents().size(), 1u);
  EXPECT_EQ(world.Incidents()[0].hit_count(), 2);
}

TEST(PlannedTest, OccurrencesWithinTheWorkAreLeftOut) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("probe", "pod/a/b", 100, {"node/n1"});
  world.Tally("node/n2", 3000).Settle(3000);
  EXPECT_THAT(world.Incidents(), IsEmpty());
  world.Hit("probe", "pod/a/b", 3100, {"node/n1"}).Settle(3200);
  EXPECT_EQ(world.Incidents().size(), 1u);
}

TEST(RemovalTest, WhatIsOpenOnTheNodeAloneEndsWithIt) {
  World world(Nodes());
  world.Hit("not-ready", "node/n1", 0).Hit("disk", "node/n1", 100).Hit("not-ready", "node/n2", 100);
  world.Hit("removed", "node/n1", 200).Settle(300);
  std::vector<std::string> ends;
  for (const v1::Incident& incident : world.Incidents()) {
    ends.push_back(incident.root_cause().signature() + "@" + incident.root_cause().entity().name() +
                   " " + v1::Incident::State_Name(incident.state()) + " " +
                   v1::Incident::ResolveReason_Name(incident.resolve_reason()));
  }
  std::sort(ends.begin(), ends.end());
  EXPECT_THAT(ends, ElementsAre("disk@n1 RESOLVED NODE_GONE", "not-ready@n1 RESOLVED NODE_GONE",
                                "not-ready@n2 OPEN RESOLVE_REASON_UNSPECIFIED"));
}

TEST(RemovalTest, NothingIsWaitedForOnANodeThatIsGone) {
  World world(Nodes());
  world.Hit("cordon", "node/n1", 0).Hit("not-ready", "node/n1", 100).Hit("removed", "node/n1", 200);
  world.Tally("node/n2", 2000).Settle(2000);
  EXPECT_THAT(world.Incidents(), IsEmpty());
}

TEST(RemovalTest, ANodeThatIsSeenAfterwardsWasNotGone) {
  World world(Nodes());
  world.Hit("removed", "node/n1", 100).Hit("not-ready", "node/n1", 200).Settle(300);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
}

}  // namespace
}  // namespace tocsin::correlate
