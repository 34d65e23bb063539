// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "api/query.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using v1::Incident;

constexpr int64_t kStart = 1'716'200'000;

class StatsTest : public testing::Test {
 protected:
  void Put(std::vector<Incident> incidents) {
    int64_t revision = store_.Put(incidents);
    for (auto& incident : incidents) incident.set_revision(revision);
    board_.Publish(revision, incidents, {});
  }
  static Incident Make(int id, int64_t open, int64_t resolved, const std::string& node) {
    Incident incident;
    incident.set_name("clusters/c/incidents/" + std::to_string(id));
    incident.set_cluster("c");
    incident.set_state(resolved == 0 ? Incident::OPEN : Incident::RESOLVED);
    incident.set_severity(v1::ERROR);
    incident.mutable_open_time()->set_seconds(kStart + open);
    if (resolved != 0) incident.mutable_resolve_time()->set_seconds(kStart + resolved);
    incident.set_hit_count(static_cast<uint32_t>(id));
    incident.add_nodes(node);
    return incident;
  }
  static v1::QueryStatsRequest Ask(int64_t start, int64_t end, int64_t step) {
    v1::QueryStatsRequest request;
    request.mutable_start_time()->set_seconds(kStart + start);
    request.mutable_end_time()->set_seconds(kStart + end);
    request.mutable_step()->set_seconds(step);
    return request;
  }
  std::string Reason(const v1::QueryStatsRequest& request) {
    return ReasonOf(query_.QueryStats(request).status());
  }

  FakeStore store_;
  Board board_{store_};
  SystemClock clock_;
  Query query_{board_, store_, std::make_shared<const Catalogue>(), clock_};
};

// Against counting each point by itself.
TEST_F(StatsTest, AgreesWithCounting) {
  std::mt19937 rng(20240520);
  auto pick = [&](int n) { return static_cast<int64_t>(rng() % static_cast<unsigned>(n)); };
  std::vector<Incident> all;
  for (int i = 1; i <= 300; ++i) {
    int64_t open = pick(10'000);
    all.push_back(
        Make(i, open, pick(3) == 0 ? 0 : open + pick(3000), "n" + std::to_string(pick(3))));
  }
  Put(all);
  for (int round = 0; round < 50; ++round) {
    const int64_t start = pick(9000), step = 1 + pick(400), end = start + 1 + pick(5000);
    auto request = Ask(start, end, std::max<int64_t>(step, (end - start) / 900 + 1));
    const int64_t width = request.step().seconds();
    request.add_group_by("node");
    auto stats = query_.QueryStats(request);
    ASSERT_TRUE(stats.ok()) << stats.status();
    for (const auto& series : stats->series()) {
      for (const auto& point : series.points()) {
        const int64_t from = point.time().seconds() - kStart, to = from + width;
        int64_t opened = 0, resolved = 0, open = 0, hits = 0;
        for (const Incident& i : all) {
          if (i.nodes(0) != series.labels().at("node")) continue;
          int64_t o = i.open_time().seconds() - kStart;
          int64_t r = i.state() == Incident::RESOLVED ? i.resolve_time().seconds() - kStart
                                                      : int64_t{1} << 40;
          if (o >= from && o < to) ++opened, hits += i.hit_count();
          resolved += r >= from && r < to;
          open += o < to && r >= to;
        }
        ASSERT_EQ(point.opened(), opened) << series.ShortDebugString();
        ASSERT_EQ(point.resolved(), resolved);
        ASSERT_EQ(point.open(), open) << "round " << round << " from " << from;
        ASSERT_EQ(point.hits(), hits);
      }
    }
  }
}

TEST_F(StatsTest, GroupsFiltersAndHasDefaults) {
  Put({Make(1, 10, 0, "a"), Make(2, 20, 30, "b"), Make(3, 20, 0, "b")});
  auto request = Ask(0, 100, 100);
  request.set_filter("node = \"b\"");
  request.add_group_by("node");
  request.add_group_by("state");
  auto stats = query_.QueryStats(request);
  ASSERT_TRUE(stats.ok());
  ASSERT_THAT(stats->series(), SizeIs(2));
  EXPECT_EQ(stats->series(0).labels().at("state"), "OPEN");
  EXPECT_EQ(stats->series(0).points(0).hits(), 3);
  EXPECT_EQ(stats->series(1).points(0).resolved(), 1);
  auto all = query_.QueryStats({});  // the last day, in sixty points
  ASSERT_TRUE(all.ok());
  ASSERT_THAT(all->series(), SizeIs(1));
  EXPECT_THAT(all->series(0).points(), SizeIs(60));
  EXPECT_EQ(all->series(0).points(59).open(), 2) << "began before the range";
}

TEST_F(StatsTest, RefusesWhatIsTooMuch) {
  EXPECT_EQ(Reason(Ask(100, 100, 1)), "INVALID_TIME");
  EXPECT_EQ(Reason(Ask(0, 1001, 1)), "TOO_MANY_POINTS");
  EXPECT_EQ(Reason(Ask(0, 10, 0)), "INVALID_TIME");
  auto request = Ask(0, 100, 10);
  request.add_group_by("colour");
  EXPECT_EQ(Reason(request), "INVALID_FIELD");
  request.set_group_by(0, "node");
  request.add_group_by("node");
  EXPECT_EQ(Reason(request), "INVALID_FIELD");
  std::vector<Incident> many;
  for (int i = 0; i < 1001; ++i) many.push_back(Make(i, 1, 0, "node-" + std::to_string(i)));
  Put(many);
  request.mutable_group_by()->RemoveLast();
  EXPECT_EQ(Reason(request), "TOO_MANY_SERIES");
}

TEST_F(StatsTest, TriesSignaturesOnLines) {
  v1::TestSignatureRequest request;
  request.set_yaml("[{id: a, streams: [kernel], match: ['disk (?<device>\\w+) failed']}]");
  request.add_lines("all is well");
  request.add_lines("disk sda failed");
  auto response = query_.TestSignature(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->findings(), SizeIs(1));
  EXPECT_EQ(response->findings(0).captures().at("device"), "sda");
  EXPECT_EQ(response->findings(0).source().line(), 2);
  request.set_stream("kubelet");
  EXPECT_THAT(query_.TestSignature(request)->findings(), SizeIs(0));
  request.set_stream("nonsense");
  EXPECT_EQ(ReasonOf(query_.TestSignature(request).status()), "INVALID_STREAM");
  request.clear_stream();
  request.set_yaml("[{id: a,\n  mach: [x]}]");
  EXPECT_THAT(query_.TestSignature(request)->errors(),
              ElementsAre(HasSubstr("2:3: unknown field 'mach'"),
                          HasSubstr("1:2: the signature has no match")));
  request.set_yaml(std::string(2 << 20, ' '));
  EXPECT_EQ(ReasonOf(query_.TestSignature(request).status()), "TOO_LONG");
}

}  // namespace
}  // namespace tocsin::api
