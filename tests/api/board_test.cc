// SPDX-License-Identifier: Apache-2.0
#include "api/board.h"

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using v1::WatchIncidentsResponse;

// "ADDED a", "BOOKMARK@3", ...: what a watcher is told, without revisions but for bookmarks.
std::vector<std::string> Drain(Board::Watch& watch, size_t max = 1000) {
  std::vector<std::string> out;
  while (true) {
    auto changes = watch.Take(max);
    if (!changes.ok()) {
      out.push_back(ReasonOf(changes.status()));
      return out;
    }
    if (changes->empty()) return out;
    for (const auto& change : *changes) {
      std::string line = WatchIncidentsResponse::Type_Name(change.type);
      if (change.incident == nullptr) {
        line += "@" + std::to_string(change.revision);
      } else {
        const std::string& name = change.incident->name();
        line += " " + name.substr(name.rfind('/') + 1);
        if (change.incident->hit_count() > 1)
          line += "=" + std::to_string(change.incident->hit_count());
      }
      out.push_back(line);
    }
  }
}

class BoardTest : public testing::Test {
 protected:
  v1::Incident Hits(const std::string& id, uint32_t hits) {
    v1::Incident incident = MakeIncident(id);
    incident.set_hit_count(hits);
    return incident;
  }
  v1::Incident Live(const std::string& id, uint32_t hits = 1) {
    v1::Incident incident = Hits(id, hits);
    incident.set_settled(false);
    return incident;
  }
  // What the fold does: commit, then publish.
  int64_t Settle(std::vector<v1::Incident> incidents, std::vector<v1::Incident> live = {}) {
    int64_t revision = store_.Put(incidents);
    for (auto& incident : incidents) incident.set_revision(revision);
    board_->Publish(revision, incidents, std::move(live));
    return revision;
  }
  std::string Name(const std::string& id) { return "clusters/prod/incidents/" + id; }

  FakeStore store_;
  std::unique_ptr<Board> board_ = std::make_unique<Board>(store_);
};

TEST_F(BoardTest, ShowsTheOverlayOverTheStore) {
  Settle({Hits("a", 1), Hits("b", 1)}, {Live("b", 7), Live("c", 8)});
  std::map<std::string, uint32_t> seen;
  auto revision = board_->Scan("", [&](const v1::Incident& incident) {
    EXPECT_TRUE(seen.emplace(incident.name(), incident.hit_count()).second) << incident.name();
    return true;
  });
  ASSERT_TRUE(revision.ok());
  EXPECT_EQ(*revision, 1);
  EXPECT_THAT(seen, ElementsAre(std::pair(Name("a"), 1u), std::pair(Name("b"), 7u),
                                std::pair(Name("c"), 8u)));
  EXPECT_EQ(board_->Get(Name("b"))->hit_count(), 7u);
  EXPECT_EQ(board_->Get(Name("c"))->hit_count(), 8u);
  EXPECT_TRUE(absl::IsNotFound(board_->Get(Name("d")).status()));
  int visits = 0;
  ASSERT_TRUE(board_->Scan("prod", [&](const v1::Incident&) { return ++visits < 2; }).ok());
  EXPECT_EQ(visits, 2);
  visits = 0;
  ASSERT_TRUE(board_->Scan("other", [&](const v1::Incident&) { return ++visits < 9; }).ok());
  EXPECT_EQ(visits, 0);
}

TEST_F(BoardTest, FollowsAliasesAndPrefixesIntoTheOverlay) {
  store::WriteSet aliases;
  aliases.aliases = {{Name("old"), Name("abc1")}};
  ASSERT_TRUE(store_.Commit(aliases).ok());
  Settle({Hits("abc1", 1)}, {Live("abc1", 5), Live("abd2", 6)});
  EXPECT_EQ(board_->Get(Name("old"))->hit_count(), 5u);
  EXPECT_EQ(board_->Get(Name("abd"))->hit_count(), 6u);
  EXPECT_EQ(board_->Get("abc")->hit_count(), 5u);
  EXPECT_EQ(board_->Get("clusters/-/incidents/abd")->hit_count(), 6u);
  EXPECT_EQ(ReasonOf(board_->Get(Name("ab")).status()), "AMBIGUOUS_NAME");
  EXPECT_TRUE(absl::IsNotFound(board_->Get(Name("")).status()) ||
              absl::IsInvalidArgument(board_->Get(Name("")).status()) ||
              board_->Get(Name("")).ok());
}

TEST_F(BoardTest, TellsAWatcherEverythingThenWhatChanges) {
  Settle({Hits("a", 1), Hits("b", 1)}, {Live("c")});
  int wakes = 0;
  auto watch = board_->Subscribe(0, [&] { ++wakes; });
  EXPECT_THAT(Drain(*watch, 2), ElementsAre("ADDED a", "ADDED b", "ADDED c", "BOOKMARK@1"));
  EXPECT_EQ(wakes, 0);
  Settle({Hits("a", 2), Hits("d", 1)}, {Live("c")});
  EXPECT_EQ(wakes, 1);
  Settle({Hits("a", 3)}, {Live("c")});
  EXPECT_EQ(wakes, 1) << "it knows already";
  EXPECT_THAT(Drain(*watch), ElementsAre("MODIFIED a=3", "ADDED d"));
  EXPECT_EQ(watch->revision(), 3);
  Settle({Hits("c", 1)});
  EXPECT_EQ(wakes, 2);
  EXPECT_THAT(Drain(*watch), ElementsAre("MODIFIED c"));  // live became settled
}

TEST_F(BoardTest, OverlayThatDoesNotChangeIsNotTold) {
  Settle({Hits("a", 1)}, {Live("b", 2)});
  auto watch = board_->Subscribe(0, nullptr);
  Drain(*watch);
  for (int i = 0; i < 3; ++i) {
    v1::Incident same = Live("b", 2);
    same.set_revision(100 + i);
    same.set_etag("etag " + std::to_string(i));
    board_->Publish(1, {}, {same});
  }
  EXPECT_THAT(Drain(*watch), IsEmpty());
}

TEST_F(BoardTest, WithdrawsWhatWasOnlyLive) {
  Settle({Hits("a", 1)}, {Live("a", 9), Live("b")});
  auto watch = board_->Subscribe(0, nullptr);
  Drain(*watch);
  board_->Publish(1, {}, {});
  EXPECT_THAT(Drain(*watch), UnorderedElementsAre("MODIFIED a", "DELETED b"));
  EXPECT_TRUE(absl::IsNotFound(board_->Get(Name("b")).status()));
  board_->Publish(1, {}, {Live("b")});
  EXPECT_THAT(Drain(*watch), ElementsAre("ADDED b"));
}

TEST_F(BoardTest, ShowsTheOverlayOnWhenTheStoreCannotSay) {
  Settle({Hits("a", 1)}, {Live("a", 9)});
  auto watch = board_->Subscribe(0, nullptr);
  Drain(*watch);
  store_.FailReads(Unavailable("disk"));
  board_->Publish(1, {}, {});
  EXPECT_THAT(Drain(*watch), IsEmpty());
  EXPECT_EQ(board_->Get(Name("a"))->hit_count(), 9u);
  EXPECT_TRUE(absl::IsUnavailable(board_->Get(Name("zz")).status()));
  EXPECT_THAT(Drain(*board_->Subscribe(0, nullptr)), ElementsAre("ADDED a=9", "BOOKMARK@1"));
  store_.FailReads(absl::OkStatus());
  board_->Publish(1, {}, {});
  EXPECT_THAT(Drain(*watch), ElementsAre("MODIFIED a"));
}

TEST_F(BoardTest, TellsOfDeletedIncidents) {
  Settle({Hits("a", 1), Hits("b", 1)});
  auto watch = board_->Subscribe(0, nullptr);
  Drain(*watch);
  store::WriteSet set;
  set.incidents_deleted = {Name("a")};
  set.revision = 2;
  ASSERT_TRUE(store_.Commit(set).ok());
  board_->Publish(2, {}, {}, {Name("a")});
  EXPECT_THAT(Drain(*watch), ElementsAre("DELETED a"));
  EXPECT_THAT(Drain(*board_->Subscribe(1, nullptr)), ElementsAre("DELETED a", "BOOKMARK@2"));
  EXPECT_THAT(Drain(*board_->Subscribe(0, nullptr)), ElementsAre("ADDED b", "BOOKMARK@2"));
}

TEST_F(BoardTest, ResumesFromARevision) {
  Settle({Hits("a", 1), Hits("b", 1)});
  Settle({Hits("b", 2), Hits("c", 2), Hits("d", 2)}, {Live("x")});
  Settle({Hits("e", 3), Hits("c", 3)}, {Live("c", 9)});
  // Pages of one: the incidents of one revision still come together.
  EXPECT_THAT(Drain(*board_->Subscribe(1, nullptr), 1),
              ElementsAre("DELETED x", "MODIFIED b=2", "MODIFIED d=2", "MODIFIED e=3",
                          "MODIFIED c=9", "BOOKMARK@3"));
  EXPECT_THAT(Drain(*board_->Subscribe(3, nullptr)),
              ElementsAre("DELETED x", "MODIFIED c=9", "BOOKMARK@3"));
}

TEST_F(BoardTest, RefusesRevisionsItKnowsNothingAbout) {
  Settle({Hits("a", 1)});
  Settle({Hits("a", 2)});
  EXPECT_THAT(Drain(*board_->Subscribe(3, nullptr)), ElementsAre("REVISION_UNKNOWN"));
  Board restarted(store_);  // what was live before it started is not known to it
  EXPECT_EQ(restarted.revision(), 2);
  EXPECT_THAT(Drain(*restarted.Subscribe(1, nullptr)), ElementsAre("REVISION_COMPACTED"));
  EXPECT_THAT(Drain(*restarted.Subscribe(2, nullptr)), ElementsAre("BOOKMARK@2"));

  Board forgetful(store_, {.departures_max = 1});
  forgetful.Publish(3, {}, {Live("x"), Live("y")});
  forgetful.Publish(4, {}, {Live("y")});
  EXPECT_THAT(Drain(*forgetful.Subscribe(3, nullptr)),
              ElementsAre("DELETED x", "MODIFIED y", "BOOKMARK@4"));
  forgetful.Publish(5, {}, {});
  EXPECT_THAT(Drain(*forgetful.Subscribe(4, nullptr)), ElementsAre("REVISION_COMPACTED"));
  EXPECT_THAT(Drain(*forgetful.Subscribe(5, nullptr)), ElementsAre("DELETED y", "BOOKMARK@5"));
}

TEST_F(BoardTest, DropsAWatcherThatFallsTooFarBehind) {
  board_ = std::make_unique<Board>(store_, Board::Options{.watch_capacity = 3});
  Settle({Hits("a", 1)});
  int wakes = 0;
  auto slow = board_->Subscribe(0, [&] { ++wakes; });
  auto quick = board_->Subscribe(0, nullptr);
  Drain(*slow);
  Drain(*quick);
  for (int i = 0; i < 10; ++i) Settle({Hits("a", 2), Hits("b", 2), Hits("c", 2)});  // coalesces
  Drain(*quick);
  Settle({Hits("d", 1)});
  EXPECT_THAT(Drain(*quick), ElementsAre("ADDED d"));
  EXPECT_EQ(wakes, 1);
  auto taken = slow->Take(100);
  ASSERT_FALSE(taken.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(taken.status()));
  EXPECT_EQ(ReasonOf(taken.status()), "WATCHER_TOO_SLOW");
  EXPECT_EQ(slow->revision(), 1);
  EXPECT_THAT(Message(taken.status()), testing::HasSubstr("resume from revision 1"));
  EXPECT_FALSE(slow->Take(100).ok()) << "it stays dead";
  auto again = board_->Subscribe(slow->revision(), nullptr);
  EXPECT_THAT(Drain(*again), ElementsAre("MODIFIED a=2", "MODIFIED b=2", "MODIFIED c=2",
                                         "MODIFIED d", "BOOKMARK@12"));
}

TEST_F(BoardTest, DropsAWatcherDuringItsFirstReading) {
  board_ = std::make_unique<Board>(store_, Board::Options{.watch_capacity = 1});
  Settle({Hits("a", 1), Hits("b", 1)});
  auto watch = board_->Subscribe(0, nullptr);
  ASSERT_EQ(watch->Take(1)->size(), 1u);
  Settle({Hits("c", 1), Hits("d", 1)});
  EXPECT_TRUE(absl::IsResourceExhausted(watch->Take(1).status()));
  EXPECT_EQ(watch->revision(), 0) << "it has to begin again";
}

TEST_F(BoardTest, AHotIncidentDoesNotStarveTheOthers) {
  Settle({Hits("hot", 1), Hits("b", 1)});
  auto watch = board_->Subscribe(0, nullptr);
  Drain(*watch);
  Settle({Hits("hot", 2)});
  Settle({Hits("b", 2)});
  Settle({Hits("hot", 3)});
  auto first = watch->Take(1);
  EXPECT_EQ(first->at(0).incident->hit_count(), 3u);
  EXPECT_EQ(first->at(0).revision, 2) << "revision 3 is not complete without b";
  auto second = watch->Take(1);
  EXPECT_EQ(second->at(0).incident->name(), Name("b"));
  EXPECT_EQ(second->at(0).revision, 4);
}

// Whatever is published and however it is taken, a watcher that applies what it is told ends up
// with what the board shows; so does one that leaves at any message and comes back with that
// message's revision.
TEST_F(BoardTest, WatchersEndUpWithWhatIsShown) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    auto random = [&](uint32_t n) { return static_cast<uint32_t>(engine() % n); };
    FakeStore store;
    Board board(store);
    struct Client {
      std::map<std::string, uint32_t> holds;
      int64_t revision = 0;
      std::unique_ptr<Board::Watch> watch;
    };
    std::vector<Client> clients(4);
    auto take = [&](Client& client, bool all) {
      if (client.watch == nullptr) client.watch = board.Subscribe(client.revision, nullptr);
      do {
        auto changes = client.watch->Take(1 + random(5));
        ASSERT_TRUE(changes.ok()) << changes.status();
        if (changes->empty()) return;
        for (const auto& change : *changes) {
          ASSERT_GE(change.revision, client.revision);
          if (change.type == WatchIncidentsResponse::DELETED) {
            client.holds.erase(change.incident->name());
          } else if (change.incident != nullptr) {
            client.holds[change.incident->name()] = change.incident->hit_count();
          }
          client.revision = change.revision;
          if (!all && random(8) == 0) {  // the connection breaks here
            client.watch = nullptr;
            if (client.revision == 0) client.holds.clear();  // nothing to resume from: begin again
            return;
          }
        }
      } while (all);
    };
    int64_t revision = 0;
    uint32_t hits = 1;
    for (int step = 0; step < 60; ++step) {
      std::vector<v1::Incident> settled, live;
      for (int i = 0; i < 8; ++i) {
        if (random(6) == 0) settled.push_back(Hits("i" + std::to_string(i), ++hits));
        if (random(4) == 0) live.push_back(Live("i" + std::to_string(i), ++hits));
      }
      if (!settled.empty()) revision = store.Put(settled);
      for (auto& incident : settled) incident.set_revision(revision);
      board.Publish(revision, settled, live);
      // A client begins when there is something to resume from: revision 0 always starts again.
      if (revision > 0) take(clients[random(4)], random(3) == 0);
    }
    if (revision == 0) continue;
    std::map<std::string, uint32_t> want;
    ASSERT_TRUE(board
                    .Scan("",
                          [&](const v1::Incident& incident) {
                            want[incident.name()] = incident.hit_count();
                            return true;
                          })
                    .ok());
    for (Client& client : clients) {
      take(client, true);
      take(client, true);
      EXPECT_EQ(client.holds, want);
    }
  }
}

}  // namespace
}  // namespace tocsin::api
