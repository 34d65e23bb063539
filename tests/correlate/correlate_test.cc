// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/row.h"
#include "correlate/fold.h"
#include "correlate/incidents.h"
#include "correlate/problems.h"
#include "correlate/render.h"
#include "tests/correlate/world.h"

namespace tocsin::correlate {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(CorrelateTest, EqualLinesAreOneIncidentWithACount) {
  World world({Make("arp")});
  world.Hit("arp", "node/n1", 0, {}, 125).Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(1));
  const v1::Incident incident = world.Incidents()[0];
  EXPECT_EQ(incident.hit_count(), 125u);
  EXPECT_EQ(incident.state(), v1::Incident::OPEN);
  EXPECT_EQ(incident.title(), "Title of arp");
  EXPECT_EQ(incident.root_cause().node(), "n1");
  EXPECT_THAT(incident.nodes(), ElementsAre("n1"));
  EXPECT_EQ(incident.root_status(), v1::Incident::OBSERVED);
}

TEST(CorrelateTest, ThresholdCountsWithinItsWindowOnly) {
  Signature signature = Make("probe");
  signature.threshold_count = 3;
  signature.threshold_within = minutes(1);
  {
    World world({signature});
    world.Hit("probe", "node/n1", 0).Hit("probe", "node/n1", 50).Hit("probe", "node/n1", 100);
    EXPECT_THAT(world.Settle(200).Incidents(), IsEmpty());
  }
  {
    World world({signature});
    world.Hit("probe", "node/n1", 0).Hit("probe", "node/n1", 20).Hit("probe", "node/n1", 40);
    world.Settle(200);
    ASSERT_THAT(world.Incidents(), SizeIs(1));
    EXPECT_EQ(world.Incidents()[0].hit_count(), 3u);
    EXPECT_EQ(world.Incidents()[0].open_time().seconds(), kStart)
        << "onset at the window's first hit";
  }
}

TEST(CorrelateTest, SeverityIsTheWorstActiveOnesAndTheTitleTheRoots) {
  Signature root = Make("root"), effect = Make("effect");
  root.severity = Severity::kWarning;
  root.causes = {To("effect", EntityKind::kNode)};
  effect.severity = Severity::kCritical;
  effect.quiet = minutes(2);
  World world({root, effect});
  world.Hit("root", "node/n1", 0).Hit("effect", "node/n1", 30).Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(1));
  EXPECT_EQ(world.Incidents()[0].severity(), v1::CRITICAL);
  EXPECT_EQ(world.Incidents()[0].title(), "Title of root");
  world.Heard("n1", 200).Settle(200);  // the effect is over, the root is not
  EXPECT_EQ(world.Incidents()[0].severity(), v1::WARNING);
  world.Heard("n1", 700).Settle(700);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
  EXPECT_EQ(world.Incidents()[0].severity(), v1::CRITICAL) << "as bad as it ever was";
}

TEST(CorrelateTest, HypothesesAreRankedAndEachToldOnce) {
  Signature far = Make("a-far"), near = Make("near", EntityKind::kPod),
            worse = Make("worse", EntityKind::kPod), symptom = Make("symptom", EntityKind::kPod);
  far.causes = {To("symptom", EntityKind::kNode)};
  near.causes = {To("symptom", EntityKind::kNode), To("symptom", EntityKind::kPod)};
  worse.causes = {To("symptom", EntityKind::kPod)};
  worse.severity = Severity::kCritical;
  World world({far, near, worse, symptom});
  world.Hit("symptom", "pod/a/b", 0, {"node/n1"}).Settle(60);
  std::vector<std::string> ranked;
  const v1::Incident incident = world.Incidents().at(0);
  for (const v1::Hypothesis& h : incident.hypotheses()) ranked.push_back(h.signature());
  EXPECT_THAT(ranked, ElementsAre("worse", "near", "a-far"));
}

TEST(CorrelateTest, InfoNeverOpens) {
  Signature signature = Make("benign");
  signature.severity = Severity::kInfo;
  World world({signature});
  EXPECT_THAT(world.Hit("benign", "node/n1", 0).Settle(60).Incidents(), IsEmpty());
}

TEST(CorrelateTest, QuietEndsOnlyWhatIsStillHeard) {
  World world({Make("arp")});
  world.Hit("arp", "node/n1", 0).Settle(3600);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN) << "a silent shipper is no recovery";
  world.Heard("n1", 599).Settle(3600);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  world.Heard("n2", 700).Settle(3600);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN) << "another node proves nothing";
  world.Heard("n1", 600).Settle(3600);
  const v1::Incident incident = world.Incidents()[0];
  EXPECT_EQ(incident.state(), v1::Incident::RESOLVED);
  EXPECT_EQ(incident.resolve_reason(), v1::Incident::QUIET_PERIOD);
  EXPECT_EQ(incident.resolve_time().seconds(), kStart + 600);
}

TEST(CorrelateTest, QuietIsNotBelievedBeforeTheFrontierPassedIt) {
  World world({Make("arp")});
  world.Hit("arp", "node/n1", 0).Heard("n1", 5000).Settle(599);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
}

TEST(CorrelateTest, ReopensUnderTheSameNameWithinHalfAnHour) {
  World noticed({Make("arp")}), unnoticed({Make("arp")});
  // Whether the end is noticed before the next hit or only because of it is the same story.
  noticed.Hit("arp", "node/n1", 0)
      .Heard("n1", 700)
      .Settle(900)
      .Hit("arp", "node/n1", 1200)
      .Settle(1300);
  unnoticed.Hit("arp", "node/n1", 0).Hit("arp", "node/n1", 1200).Settle(1300);
  for (World* world : {&noticed, &unnoticed}) {
    ASSERT_THAT(world->Incidents(), SizeIs(1));
    const v1::Incident incident = world->Incidents()[0];
    EXPECT_EQ(incident.state(), v1::Incident::OPEN);
    EXPECT_EQ(incident.reopen_count(), 1u);
    EXPECT_EQ(incident.hit_count(), 2u);
  }
  EXPECT_EQ(noticed.Incidents()[0].SerializeAsString(),
            unnoticed.Incidents()[0].SerializeAsString());
}

TEST(CorrelateTest, LaterItIsANewIncidentAndTheOldOneHasEnded) {
  World world({Make("arp")});
  world.Hit("arp", "node/n1", 0).Hit("arp", "node/n1", 600 + 1801).Settle(3000);
  ASSERT_THAT(world.Incidents(), SizeIs(2));
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
  EXPECT_EQ(world.Incidents()[0].resolve_time().seconds(), kStart + 600);
  EXPECT_EQ(world.Incidents()[1].state(), v1::Incident::OPEN);
  EXPECT_EQ(world.Incidents()[1].hit_count(), 1u);
  EXPECT_EQ(world.state().incident_count(), 1u) << "what nothing can change is not kept in memory";
}

TEST(CorrelateTest, AStateLastsUntilItIsUnsaid) {
  Signature not_ready = Make("not-ready");
  not_ready.kind = Signature::Kind::kState;
  not_ready.cleared_by = {"ready"};
  Signature ready = Make("ready");
  ready.severity = Severity::kInfo;
  World world({not_ready, ready});
  world.Hit("not-ready", "node/n1", 0).Heard("n1", 80'000).Settle(80'000);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  world.Hit("ready", "node/n2", 80'000).Settle(80'100);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  world.Hit("ready", "node/n1", 80'200).Settle(80'300);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
  EXPECT_EQ(world.Incidents()[0].resolve_reason(), v1::Incident::CLEAR_SIGNATURE);
  EXPECT_EQ(world.Incidents()[0].resolve_time().seconds(), kStart + 80'200);
}

TEST(CorrelateTest, AStateThatIsNotSaidAgainForADayIsUnknown) {
  Signature not_ready = Make("not-ready");
  not_ready.kind = Signature::Kind::kState;
  World world({not_ready});
  world.Hit("not-ready", "node/n1", 0).Hit("not-ready", "node/n1", 3600).Settle(3600 + 86'390);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  world.Settle(3600 + 86'400);  // nobody needs to be heard: it is not believed to be over
  EXPECT_EQ(world.Incidents()[0].resolve_reason(), v1::Incident::STALE);
  EXPECT_EQ(world.Incidents()[0].resolve_time().seconds(), kStart + 3600 + 86'400);
}

TEST(CorrelateTest, ARecoveryBeforeTheHitClearsNothing) {
  Signature not_ready = Make("not-ready");
  not_ready.kind = Signature::Kind::kState;
  not_ready.cleared_by = {"ready"};
  Signature ready = Make("ready");
  ready.severity = Severity::kInfo;
  World world({not_ready, ready});
  world.Hit("ready", "node/n1", 1).Hit("not-ready", "node/n1", 3).Settle(60);  // the same slot
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
}

TEST(CorrelateTest, EventsCountByTheDifferenceOfTheirCounts) {
  World world({Make("mount", EntityKind::kPod)});
  world.HitEvent("mount", "pod/ns/a", 0, 1, 1).Settle(10);
  EXPECT_EQ(world.Incidents()[0].hit_count(), 1u);
  world.HitEvent("mount", "pod/ns/a", 30, 1, 16).Settle(40);
  EXPECT_EQ(world.Incidents()[0].hit_count(), 16u);
  world.HitEvent("mount", "pod/ns/a", 50, 1, 16).Settle(60);  // the same version again
  EXPECT_EQ(world.Incidents()[0].hit_count(), 16u);
  world.HitEvent("mount", "pod/ns/a", 70, 2, 5).Settle(80);  // another event: its past is unknown
  EXPECT_EQ(world.Incidents()[0].hit_count(), 17u);
}

std::vector<Signature> Chain() {
  Signature pool = Make("pool"), sandbox = Make("sandbox"), stuck = Make("stuck", EntityKind::kPod);
  pool.causes = {To("sandbox", EntityKind::kNode)};
  sandbox.causes = {To("stuck", EntityKind::kNode)};
  return {pool, sandbox, stuck};
}

TEST(CorrelateTest, EffectsStandUnderTheirCause) {
  World world(Chain());
  world.Hit("pool", "node/n1", 0)
      .Hit("sandbox", "node/n1", 20)
      .Hit("stuck", "pod/ns/a", 40, {"node/n1"})
      .Hit("stuck", "pod/ns/b", 41, {"node/n2"});  // elsewhere: not ours
  world.Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(2));
  const v1::Incident incident = world.Incidents()[0];
  EXPECT_THAT(Members(incident), ElementsAre("pool", "sandbox", "stuck"));
  EXPECT_EQ(incident.root_cause().signature(), "pool");
  EXPECT_THAT(incident.problems(2).caused_by(), ElementsAre("sandbox@node/n1"));
  EXPECT_THAT(incident.why(), SizeIs(2));
  const v1::Incident other = world.Incidents()[1];
  EXPECT_EQ(other.root_status(), v1::Incident::SYMPTOM_ONLY);
  ASSERT_THAT(other.hypotheses(), SizeIs(1));
  EXPECT_EQ(other.hypotheses(0).signature(), "sandbox");
}

TEST(CorrelateTest, ACauseLoggedLateTakesOverAndTheNameStays) {
  World world(Chain());
  world.Hit("sandbox", "node/n1", 0).Settle(10);
  const std::string name = world.Incidents()[0].name();
  world.Hit("pool", "node/n1", 30).Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(1));
  EXPECT_EQ(world.Incidents()[0].name(), name);
  EXPECT_EQ(world.Incidents()[0].root_cause().signature(), "pool");
  EXPECT_EQ(world.Incidents()[0].title(), "Title of pool");
  EXPECT_THAT(world.Merged(), IsEmpty()) << "nothing was shown that had to be taken back";
}

TEST(CorrelateTest, TwoIncidentsBecomeOneWhenTheLinkAppears) {
  World world(Chain());
  world.Hit("pool", "node/n1", 0).Hit("stuck", "pod/ns/a", 5, {"node/n1"}).Settle(10);
  ASSERT_THAT(world.Incidents(), SizeIs(2));
  const std::string pool = world.Incidents()[0].name(), stuck = world.Incidents()[1].name();
  world.Hit("sandbox", "node/n1", 30).Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(1));
  EXPECT_EQ(world.Incidents()[0].name(), pool);
  EXPECT_THAT(Members(world.Incidents()[0]), ElementsAre("pool", "stuck", "sandbox"));
  ASSERT_THAT(world.Merged(), SizeIs(1));
  EXPECT_EQ(world.Merged()[0].name(), stuck);
  EXPECT_EQ(world.Merged()[0].merged_into(), pool);
}

TEST(CorrelateTest, OutsideTheWindowNothingIsTied) {
  World world(Chain());
  world.Hit("pool", "node/n1", 0).Hit("sandbox", "node/n1", 601).Settle(700);
  EXPECT_THAT(world.Incidents(), SizeIs(2));
  World late(Chain());
  late.Hit("sandbox", "node/n1", 0).Hit("pool", "node/n1", 71).Settle(100);
  EXPECT_THAT(late.Incidents(), SizeIs(2));
}

TEST(CorrelateTest, TheNarrowestScopeWins) {
  Signature node = Make("node-cause"), image = Make("image-cause", EntityKind::kImage);
  Signature effect = Make("effect", EntityKind::kPod);
  node.causes = {To("effect", EntityKind::kNode)};
  image.causes = {To("effect", EntityKind::kImage)};
  World world({node, image, effect});
  world.Hit("node-cause", "node/n1", 20)
      .Hit("image-cause", "image/i", 0)
      .Hit("effect", "pod/ns/a", 30, {"node/n1", "image/i"});
  world.Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(2));
  EXPECT_THAT(Members(world.Incidents()[0]), ElementsAre("image-cause", "effect"));
  EXPECT_THAT(world.Incidents()[0].problems(1).caused_by(),
              ElementsAre("image-cause@image/i", "node-cause@node/n1"));
}

TEST(CorrelateTest, CausesInACircleEnd) {
  Signature a = Make("a"), b = Make("b");
  a.causes = {To("b", EntityKind::kNode)};
  b.causes = {To("a", EntityKind::kNode)};
  World world({a, b});
  world.Hit("a", "node/n1", 0).Hit("b", "node/n1", 1).Settle(60);
  ASSERT_THAT(world.Incidents(), SizeIs(1));
  EXPECT_THAT(Members(world.Incidents()[0]), UnorderedElementsAre("a", "b"));
}

TEST(CorrelateTest, AnIncidentIsOverWhenAllItsMembersAre) {
  World world(Chain());
  world.Hit("pool", "node/n1", 0).Hit("sandbox", "node/n1", 500).Heard("n1", 5000).Settle(700);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::OPEN);
  EXPECT_EQ(world.Incidents()[0].root_cause().state(), v1::Problem::CLEARED);
  world.Settle(1100);
  EXPECT_EQ(world.Incidents()[0].state(), v1::Incident::RESOLVED);
  EXPECT_EQ(world.Incidents()[0].resolve_time().seconds(), kStart + 1100);
}

TEST(CorrelateTest, TheOverlayLeavesTheSettledStateAlone) {
  World world({Make("arp")});
  world.Hit("arp", "node/n1", 0).Settle(10);
  std::string before = world.Incidents()[0].SerializeAsString();
  Catalogue catalogue({Make("arp")}, "test");
  Layer live(world.state(), catalogue);
  state::v1::Row row;
  row.set_cluster("c1");
  row.set_signature("arp");
  row.set_entity("node/n1");
  row.set_slot(SlotOf(Time(seconds(kStart + 20))));
  row.set_hits(5);
  row.set_first(ToNanos(Time(seconds(kStart + 20))));
  row.set_last(row.first());
  PendingRows rows{{RowKey(row), row}};
  FoldSlots(rows.begin(), rows.end(), live);
  ASSERT_THAT(live.incidents(), SizeIs(1));
  EXPECT_EQ(live.incidents().begin()->second.hit_count(), 6u);
  EXPECT_EQ(world.Incidents()[0].SerializeAsString(), before);
}

TEST(CorrelateTest, RowsOfUnknownSignaturesArePassedOver) {
  World world({Make("arp")});
  EXPECT_THAT(world.Hit("gone", "node/n1", 0).Settle(60).Incidents(), IsEmpty());
}

}  // namespace
}  // namespace tocsin::correlate
