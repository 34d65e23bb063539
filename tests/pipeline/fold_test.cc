// SPDX-License-Identifier: Apache-2.0
#include "pipeline/fold.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "tests/pipeline/testing.h"

namespace tocsin::pipeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

state::v1::Position MakePosition(int32_t partition, double progress, int64_t next = 1,
                                 bool idle = false) {
  state::v1::Position position;
  position.set_source(std::string(kTopic));
  position.set_partition(partition);
  position.set_next_hit(next);
  position.set_next_tally(next);
  position.set_progress(progress < 0 ? 0 : ToNanos(At(progress)));
  position.set_idle(idle);
  return position;
}

Batch MakeBatch(double progress, int64_t next, const std::vector<double>& hits) {
  Batch batch;
  for (double hit : hits) {
    state::v1::Row row;
    row.set_cluster("c1");
    row.set_node("node-1");
    row.set_stream(static_cast<uint32_t>(Stream::kKernel));
    row.set_signature("arp");
    row.set_entity("node/node-1");
    row.set_slot(SlotOf(At(hit)));
    row.set_hits(1);
    row.set_lines(1);
    row.set_first(ToNanos(At(hit)));
    row.set_last(ToNanos(At(hit)));
    row.add_related("cluster/c1");
    row.add_related("node/node-1");
    batch.rows.push_back(std::move(row));
  }
  batch.positions.push_back(MakePosition(0, progress, next));
  return batch;
}

// A store that can be told to refuse, and that keeps what it was asked to write.
class Refusing final : public store::Store {
 public:
  explicit Refusing(store::Store& real) : real_(real) {}

  int refusals = 0;                   // how many commits are refused next
  std::function<void()> on_commit;    // before it is refused or taken
  std::vector<store::WriteSet> sets;  // of every attempt

  const std::string& id() const override { return real_.id(); }
  absl::Status Commit(const store::WriteSet& set) override {
    sets.push_back(set);
    if (on_commit) on_commit();
    if (refusals > 0) {
      --refusals;
      return absl::UnavailableError("No space left on device");
    }
    return real_.Commit(set);
  }
  absl::Status Load(const Visitor& visitor) const override { return real_.Load(visitor); }
  absl::StatusOr<std::vector<state::v1::Position>> Positions() const override {
    return real_.Positions();
  }
  Time frontier() const override { return real_.frontier(); }
  int64_t revision() const override { return real_.revision(); }
  absl::Status ResetPositions() override { return real_.ResetPositions(); }
  absl::StatusOr<v1::Incident> GetIncident(std::string_view name) const override {
    return real_.GetIncident(name);
  }
  absl::Status ScanIncidents(std::string_view cluster,
                             const std::function<bool(const v1::Incident&)>& visit) const override {
    return real_.ScanIncidents(cluster, visit);
  }
  absl::Status ScanChanges(int64_t after,
                           const std::function<bool(const v1::Incident&)>& visit) const override {
    return real_.ScanChanges(after, visit);
  }
  absl::Status ScanNodes(std::string_view cluster, std::string_view start_after,
                         const std::function<bool(const v1::Node&)>& visit) const override {
    return real_.ScanNodes(cluster, start_after, visit);
  }
  absl::StatusOr<v1::Node> GetNode(std::string_view cluster, std::string_view node) const override {
    return real_.GetNode(cluster, node);
  }
  Stats GetStats() const override { return real_.GetStats(); }

 private:
  store::Store& real_;
};

class FoldTest : public testing::Test {
 protected:
  FoldTest() {
    spdlog::set_level(spdlog::level::off);  // stores refuse here
    Start();
  }

  void Start() {
    fold_.reset();
    board_.reset();
    refusing_.reset();
    store_.reset();
    store::Options options;
    options.dir = dir_.path();
    options.retention = std::chrono::hours(24 * 365);
    auto opened = store::Store::Open(options);
    TOCSIN_CHECK(opened.ok());
    store_ = *std::move(opened);
    refusing_ = std::make_unique<Refusing>(*store_);
    board_ = std::make_unique<api::Board>(*refusing_);
    Fold::Options fold_options;
    fold_options.live_every = Duration::zero();
    fold_options.live_share = 1;
    fold_ =
        std::make_unique<Fold>(fold_options, *World::Get().catalogue, *refusing_, *board_, pace_);
    ASSERT_TRUE(fold_->Restore().ok());
  }

  void Commit() { ASSERT_TRUE(fold_->Commit({}).ok()); }

  std::vector<v1::Incident> Stored() {
    std::vector<v1::Incident> incidents;
    EXPECT_TRUE(store_
                    ->ScanIncidents("",
                                    [&](const v1::Incident& incident) {
                                      incidents.push_back(incident);
                                      return true;
                                    })
                    .ok());
    return incidents;
  }
  std::vector<v1::Incident> Shown() {
    std::vector<v1::Incident> incidents;
    EXPECT_TRUE(board_
                    ->Scan("",
                           [&](const v1::Incident& incident) {
                             incidents.push_back(incident);
                             return true;
                           })
                    .ok());
    return incidents;
  }

  TempDir dir_;
  Pace pace_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Refusing> refusing_;
  std::unique_ptr<api::Board> board_;
  std::unique_ptr<Fold> fold_;
};

TEST_F(FoldTest, LiveAtOnceSettledAfterTheLateness) {
  fold_->Add(MakeBatch(100, 1, {100}));
  Commit();
  ASSERT_THAT(Shown(), SizeIs(1));
  EXPECT_FALSE(Shown()[0].settled());
  EXPECT_THAT(Stored(), IsEmpty()) << "the overlay is never stored";
  fold_->Add(MakeBatch(139, 2, {}));  // the frontier is at 109, within the hit's slot
  Commit();
  EXPECT_THAT(Stored(), IsEmpty());
  fold_->Add(MakeBatch(140, 3, {}));
  Commit();
  ASSERT_THAT(Stored(), SizeIs(1));
  ASSERT_THAT(Shown(), SizeIs(1));
  EXPECT_TRUE(Shown()[0].settled());
}

TEST_F(FoldTest, LateRowsAreCountedAndMayOpen) {
  fold_->Add(MakeBatch(1000, 1, {}));
  Commit();
  fold_->Add(MakeBatch(1000, 2, {100, 965, 975}));
  EXPECT_EQ(fold_->stats().late_rows, 2u) << "975 is in the first slot that is not settled";
  fold_->Add(MakeBatch(1100, 3, {}));
  Commit();
  ASSERT_THAT(Stored(), SizeIs(1));
  EXPECT_EQ(Stored()[0].hit_count(), 3u);
  EXPECT_EQ(Stored()[0].open_time().seconds(), kStart + 100) << "at its own time";
}

TEST_F(FoldTest, NothingIsPublishedBeforeTheStoreTookIt) {
  refusing_->refusals = 2;
  std::vector<size_t> shown;
  std::vector<bool> failing;
  refusing_->on_commit = [&] {
    shown.push_back(Shown().size());
    failing.push_back(fold_->stats().store_failing);
  };
  fold_->Add(MakeBatch(200, 1, {100}));
  Commit();
  EXPECT_THAT(shown, ElementsAre(0, 0, 0));
  EXPECT_THAT(failing, ElementsAre(false, true, true));
  EXPECT_THAT(Shown(), SizeIs(1));
  EXPECT_EQ(fold_->stats().commit_retries, 2u);
  EXPECT_EQ(fold_->stats().commits, 1u);
  EXPECT_FALSE(fold_->stats().store_failing);
  ASSERT_THAT(refusing_->sets, SizeIs(3));
  EXPECT_EQ(refusing_->sets[0].revision, refusing_->sets[2].revision) << "the same set again";
}

TEST_F(FoldTest, StoppedWhileTheStoreRefusesNothingIsLost) {
  fold_->Add(MakeBatch(200, 1, {100}));
  Commit();
  const int64_t revision = store_->revision();
  std::stop_source stop;
  refusing_->refusals = 1'000'000;
  refusing_->on_commit = [&] { stop.request_stop(); };
  fold_->Add(MakeBatch(400, 2, {150}));
  EXPECT_EQ(fold_->Commit(stop.get_token()).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Shown()[0].hit_count(), 1u);

  Start();
  EXPECT_EQ(store_->revision(), revision);
  auto positions = store_->Positions();
  ASSERT_TRUE(positions.ok());
  ASSERT_THAT(*positions, SizeIs(1));
  EXPECT_EQ((*positions)[0].next_hit(), 1) << "so the second batch is read again";
  fold_->Add(MakeBatch(400, 2, {150}));
  Commit();
  ASSERT_THAT(Stored(), SizeIs(1));
  EXPECT_EQ(Stored()[0].hit_count(), 2u);
}

TEST_F(FoldTest, PositionsNeverPassState) {
  fold_->Add(MakeBatch(100, 5, {100}));
  Commit();
  fold_->Add(MakeBatch(300, 9, {200}));
  Commit();
  ASSERT_THAT(refusing_->sets, SizeIs(2));
  const store::WriteSet& first = refusing_->sets[0];
  ASSERT_THAT(first.positions, SizeIs(1));
  EXPECT_EQ(first.positions[0].next_hit(), 5);
  EXPECT_THAT(first.rows, SizeIs(1)) << "unsettled, and yet durable with its position";
  const store::WriteSet& second = refusing_->sets[1];
  EXPECT_EQ(second.positions[0].next_hit(), 9);
  EXPECT_THAT(second.rows_deleted, SizeIs(1)) << "settled";
  EXPECT_THAT(second.rows, IsEmpty()) << "settled before it was ever stored";
  ASSERT_THAT(second.problems, SizeIs(2)) << "the problem, and what a rule remembers of it";
  EXPECT_EQ(second.problems[0].hits(), 2);
}

TEST_F(FoldTest, UnsettledRowsOutliveTheProcess) {
  fold_->Add(MakeBatch(100, 1, {100}));
  Commit();
  Start();
  fold_->Add(MakeBatch(110, 2, {100}));
  Commit();
  ASSERT_THAT(Shown(), SizeIs(1));
  EXPECT_EQ(Shown()[0].hit_count(), 2u);
  fold_->Add(MakeBatch(200, 3, {}));
  Commit();
  EXPECT_EQ(Stored()[0].hit_count(), 2u);
  Start();
  EXPECT_EQ(Shown()[0].hit_count(), 2u);
}

TEST_F(FoldTest, RunCommitsWhatTheChannelHoldsBeforeItStops) {
  MemoryChannel channel(1 << 20);
  std::stop_source stop;
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(channel.Send(MakeBatch(100 + i, i, {100.0 + i}), {}));
  }
  absl::Status status;
  std::thread runner([&] { status = fold_->Run(channel, stop.get_token()); });
  stop.request_stop();
  runner.join();
  ASSERT_TRUE(status.ok()) << status;
  auto positions = store_->Positions();
  ASSERT_TRUE(positions.ok());
  EXPECT_EQ((*positions)[0].next_hit(), 20);
  EXPECT_EQ(Shown()[0].hit_count(), 20u);
}

TEST_F(FoldTest, PressedWhileItHoldsMoreThanItMay) {
  Fold::Options options;
  options.unsettled_bytes_max = 100;
  Fold fold(options, *World::Get().catalogue, *refusing_, *board_, pace_);
  ASSERT_TRUE(fold.Restore().ok());
  fold.Add(MakeBatch(110, 1, {100, 110}));
  ASSERT_TRUE(fold.Commit({}).ok());
  EXPECT_TRUE(pace_.pressed);
  fold.Add(MakeBatch(200, 2, {}));
  ASSERT_TRUE(fold.Commit({}).ok());
  EXPECT_FALSE(pace_.pressed);
  EXPECT_EQ(pace_.frontier_nanos, ToNanos(At(170)));
}

TEST(FrontierTest, IsTheSlowestPartitionMinusTheLateness) {
  Frontier frontier;
  EXPECT_EQ(frontier.Advance(), kNoTime);
  EXPECT_EQ(frontier.slot(), kNoSlot);
  frontier.Update(MakePosition(0, 500));
  frontier.Update(MakePosition(1, 300));
  EXPECT_EQ(frontier.Advance(), At(270));
  EXPECT_EQ(frontier.slot(), SlotOf(At(270)) - 1);
}

TEST(FrontierTest, APartitionThatWasNotReadYetHoldsIt) {
  Frontier frontier;
  frontier.Update(MakePosition(0, 500));
  frontier.Update(MakePosition(1, -1));
  EXPECT_EQ(frontier.Advance(), kNoTime);
  frontier.Update(MakePosition(1, 400));
  EXPECT_EQ(frontier.Advance(), At(370));
}

TEST(FrontierTest, OneAtItsEndDoesNotHoldIt) {
  Frontier frontier;
  frontier.Update(MakePosition(0, 500));
  frontier.Update(MakePosition(1, 300, 1, true));
  frontier.Update(MakePosition(2, -1, 0, true));
  EXPECT_EQ(frontier.Advance(), At(470));
  frontier.Update(MakePosition(0, 500, 1, true));
  EXPECT_EQ(frontier.Advance(), At(470)) << "all at their end: as far as the furthest was read";
}

TEST(FrontierTest, NeverGoesBack) {
  Frontier frontier;
  frontier.Restore(At(470));
  frontier.Update(MakePosition(0, 100));
  EXPECT_EQ(frontier.Advance(), At(470));
  frontier.Update(MakePosition(0, 600));
  EXPECT_EQ(frontier.Advance(), At(570));
  frontier.Update(MakePosition(1, -1));  // a new partition
  EXPECT_EQ(frontier.Advance(), At(570));
}

TEST(FrontierTest, ChangedPositionsAreTakenOnce) {
  Frontier frontier;
  frontier.Update(MakePosition(0, 100));
  frontier.Update(MakePosition(1, 100));
  EXPECT_THAT(frontier.TakeChanged(), SizeIs(2));
  EXPECT_THAT(frontier.TakeChanged(), IsEmpty());
  frontier.Update(MakePosition(1, 200, 7));
  auto changed = frontier.TakeChanged();
  ASSERT_THAT(changed, SizeIs(1));
  EXPECT_EQ(changed[0].next_hit(), 7);
}

}  // namespace
}  // namespace tocsin::pipeline
