// SPDX-License-Identifier: Apache-2.0
//
// What people decide: through the query layer, the fold and a real store.
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "api/query.h"
#include "pipeline/fold.h"
#include "tests/pipeline/testing.h"

namespace tocsin::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Turned final : public Clock {
 public:
  Time Now() const override { return now; }
  Time now = At(1000);
};

// A server without its wires; commits happen when the test says so.
class CommandsTest : public testing::Test {
 protected:
  CommandsTest() { Start(); }

  void Start() {
    query_.reset();
    fold_.reset();
    board_.reset();
    store_.reset();
    store::Options options;
    options.dir = dir_.path();
    options.retention = std::chrono::hours(24 * 365);
    auto opened = store::Store::Open(options);
    TOCSIN_CHECK(opened.ok());
    store_ = *std::move(opened);
    board_ = std::make_unique<api::Board>(*store_);
    commands_ = std::make_unique<CommandQueue>();
    silences_ = std::make_unique<api::Silences>();
    Fold::Options fold_options;
    fold_options.live_every = Duration::zero();
    fold_options.live_share = 1;
    fold_ = std::make_unique<Fold>(fold_options, *World::Get().catalogue, *store_, *board_, pace_);
    fold_->Serve(*commands_, *silences_);
    TOCSIN_CHECK(fold_->Restore().ok());
    query_ = std::make_unique<api::Query>(
        *board_, *store_,
        std::shared_ptr<const Catalogue>(std::shared_ptr<void>(), World::Get().catalogue.get()),
        clock_, commands_.get(), silences_.get());
  }

  // Calls from another thread, as handlers do, and commits until it is answered.
  template <typename Call>
  auto Do(Call call) {
    auto answer = std::async(std::launch::async, call);
    while (answer.wait_for(Duration::zero()) != std::future_status::ready) {
      EXPECT_TRUE(fold_->Commit({}).ok());
    }
    return answer.get();
  }
  template <typename Request>
  auto Ask(const Request& request) {
    return Do([&] { return Call(request); });
  }
  auto Call(const v1::AcknowledgeIncidentRequest& r) { return query_->AcknowledgeIncident(r); }
  auto Call(const v1::ResolveIncidentRequest& r) { return query_->ResolveIncident(r); }
  auto Call(const v1::ReopenIncidentRequest& r) { return query_->ReopenIncident(r); }
  auto Call(const v1::CreateSilenceRequest& r) { return query_->CreateSilence(r); }
  auto Call(const v1::ExpireSilenceRequest& r) { return query_->ExpireSilence(r); }

  // A hit, `at` seconds after the start; the log has come as far as `progress`.
  void Hit(double at, double progress, const std::string& node = "node-1",
           const std::string& signature = "arp") {
    Batch batch;
    state::v1::Row row;
    row.set_cluster("c1");
    row.set_node(node);
    row.set_stream(static_cast<uint32_t>(Stream::kKernel));
    row.set_signature(signature);
    row.set_entity("node/" + node);
    row.set_slot(SlotOf(At(at)));
    row.set_hits(1);
    row.set_lines(1);
    row.set_first(ToNanos(At(at)));
    row.set_last(ToNanos(At(at)));
    row.add_related("cluster/c1");
    row.add_related("node/" + node);
    batch.rows.push_back(std::move(row));
    Send(std::move(batch), progress);
  }
  // The node goes on logging.
  void Hear(double at, double progress, const std::string& node = "node-1") {
    Batch batch;
    state::v1::Tally tally;
    tally.set_cluster("c1");
    tally.set_node(node);
    tally.set_lines(1);
    tally.set_first(ToNanos(At(at)));
    tally.set_last(ToNanos(At(at)));
    batch.tallies.push_back(tally);
    Send(std::move(batch), progress);
  }
  void Send(Batch batch, double progress) {
    state::v1::Position position;
    position.set_source(std::string(kTopic));
    position.set_next_hit(++offset_);
    position.set_next_tally(offset_);
    position.set_progress(ToNanos(At(progress)));
    batch.positions.push_back(position);
    fold_->Add(std::move(batch));
    ASSERT_TRUE(fold_->Commit({}).ok());
  }

  // The only incident that there is.
  v1::Incident Only() {
    auto list = query_->ListIncidents({});
    TOCSIN_CHECK(list.ok());
    EXPECT_EQ(list->incidents_size(), 1);
    return list->incidents_size() == 1 ? list->incidents(0) : v1::Incident();
  }

  template <typename Request>
  static Request By(const std::string& name, const std::string& note = "") {
    Request request;
    request.set_name(name);
    request.set_who("ann");
    request.set_note(note);
    return request;
  }

  TempDir dir_;
  Turned clock_;
  Pace pace_;
  int64_t offset_ = 0;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<api::Board> board_;
  std::unique_ptr<CommandQueue> commands_;
  std::unique_ptr<api::Silences> silences_;
  std::unique_ptr<Fold> fold_;
  std::unique_ptr<api::Query> query_;
};

using Ack = v1::AcknowledgeIncidentRequest;
using Resolve = v1::ResolveIncidentRequest;
using Reopen = v1::ReopenIncidentRequest;

TEST_F(CommandsTest, AnAcknowledgementOutlivesSettlingAndRestarts) {
  Hit(100, 100);
  v1::Incident live = Only();
  ASSERT_FALSE(live.settled());
  auto acked = Ask(By<Ack>(live.name(), "looking"));
  ASSERT_TRUE(acked.ok()) << acked.status();
  EXPECT_EQ(acked->state(), v1::Incident::ACKNOWLEDGED);
  EXPECT_EQ(acked->acknowledged_by(), "ann");
  EXPECT_EQ(acked->note(), "looking");
  Start();
  EXPECT_EQ(Only().state(), v1::Incident::ACKNOWLEDGED);
  EXPECT_EQ(Only().acknowledged_by(), "ann");
  Hit(110, 400);
  v1::Incident settled = Only();
  EXPECT_TRUE(settled.settled());
  EXPECT_EQ(settled.state(), v1::Incident::ACKNOWLEDGED);
  EXPECT_EQ(settled.hit_count(), 2u);
  Start();
  EXPECT_EQ(Only().note(), "looking");
}

TEST_F(CommandsTest, WhatIsResolvedByHandComesBackWithTheNextHit) {
  Hit(100, 400);
  v1::Incident incident = Only();
  const int64_t revision = incident.revision();
  auto resolved = Ask(By<Resolve>(incident.name(), "rebooted"));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->state(), v1::Incident::RESOLVED);
  EXPECT_EQ(resolved->resolve_reason(), v1::Incident::OPERATOR);
  EXPECT_EQ(resolved->resolve_time().seconds(), ToNanos(At(1000)) / 1'000'000'000);
  EXPECT_GT(resolved->revision(), revision);
  Hit(410, 410);
  v1::Incident back = Only();
  EXPECT_EQ(back.name(), incident.name());
  EXPECT_EQ(back.reopen_count(), 1u);
  EXPECT_EQ(back.resolve_reason(), v1::Incident::RESOLVE_REASON_UNSPECIFIED);
}

TEST_F(CommandsTest, WhatTheLogEndedCanBeReopened) {
  Hit(100, 400);
  Hear(900, 1000);
  v1::Incident incident = Only();
  EXPECT_EQ(incident.resolve_reason(), v1::Incident::QUIET_PERIOD);
  auto reopened = Ask(By<Reopen>(incident.name()));
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ(reopened->state(), v1::Incident::OPEN);
  EXPECT_FALSE(reopened->has_resolve_time());
  ASSERT_TRUE(Ask(By<Resolve>(incident.name())).ok());
  EXPECT_EQ(Only().resolve_reason(), v1::Incident::OPERATOR);
}

TEST_F(CommandsTest, RefusesWhatCanNotBe) {
  Hit(100, 400);
  const std::string name = Only().name();
  auto reason = [](const auto& result) { return api::ReasonOf(result.status()); };
  EXPECT_EQ(reason(Ask(By<Reopen>(name))), "ILLEGAL_TRANSITION");
  EXPECT_TRUE(Ask(By<Ack>(name)).ok());
  auto twice = Ask(By<Ack>(name));
  EXPECT_TRUE(absl::IsFailedPrecondition(twice.status()));
  EXPECT_THAT(twice.status().ToString(), HasSubstr("ann has acknowledged it already"));
  EXPECT_TRUE(Ask(By<Resolve>(name)).ok());
  EXPECT_EQ(reason(Ask(By<Resolve>(name))), "ILLEGAL_TRANSITION");
  EXPECT_EQ(reason(Ask(By<Ack>(name))), "ILLEGAL_TRANSITION");
  EXPECT_EQ(reason(Ask(By<Ack>("clusters/c1/incidents/none"))), "INCIDENT_NOT_FOUND");
  EXPECT_EQ(reason(Ask(By<Ack>("nonsense/x"))), "INVALID_NAME");
  Ack nobody = By<Ack>(name);
  nobody.clear_who();
  EXPECT_EQ(reason(Ask(nobody)), "MISSING_FIELD");
  EXPECT_EQ(reason(Ask(By<Reopen>(name, std::string(5000, 'x')))), "TOO_LONG");
}

TEST_F(CommandsTest, OfTwoThatSawTheSameOneWins) {
  Hit(100, 400);
  v1::Incident seen = Only();
  int done = 0, aborted = 0;
  Do([&] {
    std::vector<std::future<absl::StatusOr<v1::Incident>>> people;
    for (int i = 0; i < 8; ++i) {
      people.push_back(std::async(std::launch::async, [&, i] {
        Ack request = By<Ack>(seen.name());
        request.set_who("person " + std::to_string(i));
        request.set_etag(seen.etag());
        return query_->AcknowledgeIncident(request);
      }));
    }
    for (auto& person : people) {
      auto result = person.get();
      done += result.ok();
      aborted += absl::IsAborted(result.status());
    }
    return 0;
  });
  EXPECT_EQ(done, 1);
  EXPECT_EQ(aborted, 7);
}

TEST_F(CommandsTest, AnAcknowledgementFollowsWhatItWasAboutIntoAnother) {
  Hit(100, 100, "node-1", "not-ready");
  const std::string name = Only().name();
  ASSERT_TRUE(Ask(By<Ack>(name, "looking")).ok());
  // Its cause turns up, logged earlier: what is settled is named after that.
  Hit(85, 105, "node-1", "arp");
  v1::Incident live = Only();
  EXPECT_NE(live.name(), name);
  EXPECT_EQ(live.state(), v1::Incident::ACKNOWLEDGED);
  Hit(110, 400, "node-1", "not-ready");
  EXPECT_TRUE(Only().settled());
  EXPECT_EQ(Only().state(), v1::Incident::ACKNOWLEDGED);
  EXPECT_EQ(Only().acknowledged_by(), "ann");
  Start();
  EXPECT_EQ(Only().state(), v1::Incident::ACKNOWLEDGED);
  EXPECT_EQ(Only().note(), "looking");
  auto resolved = Ask(By<Resolve>(name));  // by the name that it had
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->name(), live.name());
}

TEST_F(CommandsTest, WhatWasMergedIsDecidedUponByItsOldName) {
  Hit(200, 400, "node-1", "not-ready");
  const std::string name = Only().name();
  ASSERT_TRUE(Only().settled());
  ASSERT_TRUE(Ask(By<Ack>(name, "looking")).ok());
  // The cause of what is settled already, told late.
  Hit(215, 800, "node-1", "arp");
  auto list = query_->ListIncidents({});
  ASSERT_TRUE(list.ok());
  for (const v1::Incident& incident : list->incidents()) {
    if (incident.resolve_reason() == v1::Incident::MERGED) continue;
    EXPECT_EQ(incident.state(), v1::Incident::ACKNOWLEDGED) << incident.DebugString();
  }
  auto resolved = Ask(By<Resolve>(name));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->resolve_reason(), v1::Incident::OPERATOR);
  EXPECT_EQ(resolved->merged_into(), "");
}

TEST_F(CommandsTest, AStateResolvedByHandIsRememberedForAsLongAsItIsActive) {
  Hit(100, 400, "node-1", "pool-full");
  const std::string name = Only().name();
  ASSERT_TRUE(Ask(By<Resolve>(name)).ok());
  for (double at : {29'000.0, 30'000.0, 31'000.0}) Hear(at, at + 100);  // hours
  Start();
  EXPECT_EQ(Only().resolve_reason(), v1::Incident::OPERATOR);
  Hit(31'500, 32'000, "node-1", "pool-full");
  EXPECT_EQ(Only().name(), name);
  EXPECT_EQ(Only().state(), v1::Incident::OPEN);
  EXPECT_EQ(Only().reopen_count(), 1u);
}

TEST_F(CommandsTest, WatchersSeeThem) {
  Hit(100, 400);
  auto watch = query_->WatchIncidents({}, [] {});
  ASSERT_TRUE(watch.ok());
  auto next = (*watch)->Next(100);
  ASSERT_TRUE(next.ok());
  const std::string name = Only().name();
  for (auto state : {v1::Incident::ACKNOWLEDGED, v1::Incident::RESOLVED, v1::Incident::OPEN}) {
    const v1::Incident before = Only();
    auto done = state == v1::Incident::ACKNOWLEDGED ? Ask(By<Ack>(name))
                : state == v1::Incident::RESOLVED   ? Ask(By<Resolve>(name))
                                                    : Ask(By<Reopen>(name));
    ASSERT_TRUE(done.ok()) << done.status();
    next = (*watch)->Next(100);
    ASSERT_TRUE(next.ok());
    ASSERT_FALSE(next->empty());
    const v1::Incident& seen = next->back().incident();
    EXPECT_EQ(seen.state(), state);
    EXPECT_GT(seen.revision(), before.revision());
    EXPECT_NE(seen.etag(), before.etag());
  }
}

TEST_F(CommandsTest, ARequestIdIsOfOneKindOfCommand) {
  Hit(100, 400);
  Ack ack = By<Ack>(Only().name());
  ack.set_request_id("r1");
  ASSERT_TRUE(Ask(ack).ok());
  Resolve resolve = By<Resolve>(Only().name());
  resolve.set_request_id("r1");
  ASSERT_TRUE(Ask(resolve).ok());
  EXPECT_EQ(Only().state(), v1::Incident::RESOLVED);
}

TEST_F(CommandsTest, TheSameRequestTwiceIsDoneOnce) {
  Hit(100, 400);
  Ack request = By<Ack>(Only().name());
  request.set_request_id("r1");
  ASSERT_TRUE(Ask(request).ok());
  EXPECT_TRUE(Ask(request).ok());
  Start();
  EXPECT_TRUE(Ask(request).ok());
}

class SilencesTest : public CommandsTest {
 protected:
  static v1::CreateSilenceRequest For(const std::string& filter, double until) {
    v1::CreateSilenceRequest request;
    request.mutable_silence()->set_filter(filter);
    request.mutable_silence()->set_who("ann");
    request.mutable_silence()->mutable_expire_time()->set_seconds(ToNanos(At(until)) /
                                                                  1'000'000'000);
    return request;
  }
  std::vector<std::string> List(bool expired = false) {
    v1::ListSilencesRequest request;
    request.set_show_expired(expired);
    std::vector<std::string> out;
    auto listed = query_->ListSilences(request);
    TOCSIN_CHECK(listed.ok());
    for (const v1::Silence& silence : listed->silences()) {
      out.push_back(silence.filter() + " " + v1::Silence::State_Name(silence.state()));
    }
    return out;
  }
};

TEST_F(SilencesTest, HoldsFromItsStartToItsEndAndOverRestarts) {
  Hit(100, 400);
  EXPECT_EQ(Only().silenced_by(), "");
  auto silence = Ask(For("node = \"node-1\"", 2000));
  ASSERT_TRUE(silence.ok()) << silence.status();
  EXPECT_EQ(silence->state(), v1::Silence::ACTIVE);
  ASSERT_TRUE(Ask(For("node = \"node-2\"", 3000)).ok());
  auto silenced = [&] { return Only().silenced_by(); };
  EXPECT_EQ(silenced(), silence->name());
  Start();
  EXPECT_EQ(silenced(), silence->name());
  EXPECT_THAT(List(), ElementsAre("node = \"node-1\" ACTIVE", "node = \"node-2\" ACTIVE"));
  clock_.now = At(2500);
  EXPECT_EQ(silenced(), "");
  EXPECT_THAT(List(), ElementsAre("node = \"node-2\" ACTIVE"));
  EXPECT_THAT(List(true), ElementsAre("node = \"node-1\" EXPIRED", "node = \"node-2\" ACTIVE"));
}

TEST_F(SilencesTest, CanBeEndedAndWaitForItsStart) {
  auto later = For("severity >= ERROR", 3000);
  later.mutable_silence()->mutable_start_time()->set_seconds(ToNanos(At(2000)) / 1'000'000'000);
  auto silence = Ask(later);
  ASSERT_TRUE(silence.ok()) << silence.status();
  EXPECT_THAT(List(), ElementsAre("severity >= ERROR PENDING"));
  v1::ExpireSilenceRequest expire;
  expire.set_name(silence->name().substr(9, 8));  // the beginning of the id
  expire.set_etag("old");
  EXPECT_TRUE(absl::IsAborted(Ask(expire).status()));
  expire.set_etag(silence->etag());
  auto expired = Ask(expire);
  ASSERT_TRUE(expired.ok()) << expired.status();
  EXPECT_EQ(expired->state(), v1::Silence::EXPIRED);
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(SilencesTest, RefusesWhatWouldSilenceEverythingOrForEver) {
  auto reason = [&](const v1::CreateSilenceRequest& request) {
    return api::ReasonOf(Ask(request).status());
  };
  EXPECT_EQ(reason(For(" ", 2000)), "MISSING_FIELD");
  EXPECT_EQ(reason(For("node = ", 2000)), "FILTER_SYNTAX");
  EXPECT_EQ(reason(For("node = \"a\"", 500)), "INVALID_TIME");
  EXPECT_EQ(reason(For("node = \"a\"", 4e7)), "INVALID_TIME");
  v1::ExpireSilenceRequest expire;
  expire.set_name("silences/none");
  EXPECT_EQ(api::ReasonOf(Ask(expire).status()), "SILENCE_NOT_FOUND");
}

}  // namespace
}  // namespace tocsin::pipeline
