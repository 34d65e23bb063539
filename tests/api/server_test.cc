// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <future>
#include <mutex>
#include <unistd.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "tests/api/fake_store.h"
#include "tocsin/v1/incident.grpc.pb.h"
#include "tocsin/v1/node.grpc.pb.h"
#include "tocsin/v1/signature.grpc.pb.h"
#include "tocsin/v1/silence.grpc.pb.h"

namespace tocsin::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using v1::WatchIncidentsResponse;

std::chrono::system_clock::time_point In(std::chrono::milliseconds delay) {
  return std::chrono::system_clock::now() + delay;
}

// The reason in the details of an error, "" if there are none.
std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "unreadable";
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  int infos = 0;
  for (const auto& any : details.details()) infos += any.UnpackTo(&info) ? 1 : 0;
  EXPECT_EQ(infos, status.ok() ? 0 : 1);
  EXPECT_EQ(info.domain(), status.ok() ? "" : "tocsin.dev");
  return info.reason();
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void Start(Server::Options options) {
    server_ = nullptr;
    options.listen = "127.0.0.1:0";
    auto server = Server::Start(options, query_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    incidents_ = v1::IncidentService::NewStub(channel_);
  }
  int64_t Settle(std::vector<v1::Incident> settled) {
    int64_t revision = store_.Put(settled);
    for (auto& incident : settled) incident.set_revision(revision);
    board_.Publish(revision, settled, {});
    return revision;
  }
  // A watch that reads on the test's thread.
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<WatchIncidentsResponse>> reader;
    int64_t revision = 0;
    // "ADDED a", "BOOKMARK"; "end" when the stream is over.
    std::string Next() {
      WatchIncidentsResponse message;
      if (!reader->Read(&message)) return "end";
      EXPECT_GE(message.revision(), revision);
      revision = message.revision();
      std::string text = WatchIncidentsResponse::Type_Name(message.type());
      const std::string& name = message.incident().name();
      return name.empty() ? text : text + " " + name.substr(name.rfind('/') + 1);
    }
  };
  std::unique_ptr<Watch> StartWatch(int64_t revision = 0, const std::string& filter = "") {
    auto watch = std::make_unique<Watch>();
    v1::WatchIncidentsRequest request;
    request.set_revision(revision);
    request.set_filter(filter);
    watch->reader = incidents_->WatchIncidents(&watch->context, request);
    return watch;
  }
  grpc::health::v1::HealthCheckResponse::ServingStatus Health(const std::string& service) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse response;
    request.set_service(service);
    grpc::Status status =
        grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, &response);
    return status.ok() ? response.status() : grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN;
  }

  FakeStore store_;
  Board board_{store_};
  FixedClock clock_;
  Query query_{board_, store_, std::make_shared<const Catalogue>(), clock_};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IncidentService::Stub> incidents_;
};

TEST_F(ServerTest, ListsAndGets) {
  Settle({MakeIncident("a"), MakeIncident("b", "prod", v1::CRITICAL)});
  v1::ListIncidentsResponse list;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(incidents_->ListIncidents(&context, {}, &list).ok());
  }
  ASSERT_EQ(list.incidents_size(), 2);
  EXPECT_THAT(list.incidents(0).name(), EndsWith("/b"));
  grpc::ClientContext context;
  v1::GetIncidentRequest get;
  get.set_name(list.incidents(1).name());
  v1::Incident incident;
  ASSERT_TRUE(incidents_->GetIncident(&context, get, &incident).ok());
  EXPECT_EQ(incident.severity(), v1::ERROR);
  EXPECT_THAT(server_->address(), StartsWith("127.0.0.1:"));
}

TEST_F(ServerTest, ErrorsCarryDetails) {
  grpc::ClientContext context;
  v1::ListIncidentsRequest request;
  request.set_filter("state = OPEN AND colour = red");
  v1::ListIncidentsResponse response;
  grpc::Status status = incidents_->ListIncidents(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "FILTER_FIELD");
  google::rpc::Status details;
  google::rpc::BadRequest bad;
  details.ParseFromString(status.error_details());
  bool has_bad = false;
  for (const auto& any : details.details()) has_bad |= any.UnpackTo(&bad);
  ASSERT_TRUE(has_bad);
  EXPECT_EQ(bad.field_violations(0).field(), "filter");

  grpc::ClientContext again;
  v1::GetIncidentRequest get;
  get.set_name(std::string(5000, 'x'));
  v1::Incident incident;
  status = incidents_->GetIncident(&again, get, &incident);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "INCIDENT_NOT_FOUND");

  store_.FailReads(Unavailable("{}", std::string(100'000, 'y')));  // trailers have a limit
  grpc::ClientContext third;
  status = incidents_->GetIncident(&third, get, &incident);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "UNAVAILABLE");
  EXPECT_LE(status.error_message().size(), 1024u);
}

template <typename Stub, typename Request, typename Response>
std::string Refusal(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
  grpc::ClientContext context;
  Response response;
  grpc::Status status = (stub.*method)(&context, Request(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), EndsWith("is not in this release of tocsin."));
  return ReasonOf(status);
}

TEST_F(ServerTest, SaysWhatIsNotThereYet) {
  const char* reason = "NOT_IN_THIS_RELEASE";
  using Signatures = v1::SignatureService::Stub;
  auto signatures = v1::SignatureService::NewStub(channel_);
  EXPECT_EQ(Refusal(*signatures, &Signatures::ReloadSignatures), reason);
  EXPECT_EQ(Refusal(*signatures, &Signatures::ListNearMisses), reason);
}

TEST_F(ServerTest, NodesAndSignaturesAnswer) {
  v1::Node stored;
  stored.set_cluster("prod");
  stored.set_node("node-1");
  store_.PutNode(stored);
  auto nodes = v1::NodeService::NewStub(channel_);
  v1::ListNodesResponse list;
  grpc::ClientContext a, b, c, d;
  ASSERT_TRUE(nodes->ListNodes(&a, {}, &list).ok());
  ASSERT_EQ(list.nodes_size(), 1);
  v1::GetNodeRequest get;
  get.set_name(list.nodes(0).name());
  v1::Node node;
  EXPECT_TRUE(nodes->GetNode(&b, get, &node).ok());
  auto signatures = v1::SignatureService::NewStub(channel_);
  v1::ListSignaturesResponse all;
  EXPECT_TRUE(signatures->ListSignatures(&c, {}, &all).ok());
  v1::GetSignatureRequest unknown;
  unknown.set_name("signatures/x");
  v1::Signature signature;
  EXPECT_EQ(ReasonOf(signatures->GetSignature(&d, unknown, &signature)), "SIGNATURE_NOT_FOUND");
}

TEST_F(ServerTest, HealthFollowsSetServing) {
  using grpc::health::v1::HealthCheckResponse;
  for (const char* service : {"", "tocsin.v1.IncidentService", "tocsin.v1.NodeService",
                              "tocsin.v1.SignatureService", "tocsin.v1.SilenceService"}) {
    EXPECT_EQ(Health(service), HealthCheckResponse::SERVING) << service;
    server_->SetServing(false, "the disk is full");
    EXPECT_EQ(Health(service), HealthCheckResponse::NOT_SERVING) << service;
    EXPECT_EQ(server_->reason(), "the disk is full");
    server_->SetServing(true, "");
  }
  EXPECT_EQ(Health("tocsin.v1.Nothing"), HealthCheckResponse::SERVICE_UNKNOWN);
  Start({.serving = false});
  EXPECT_EQ(Health(""), HealthCheckResponse::NOT_SERVING);
}

TEST_F(ServerTest, WatchesFromTheBeginning) {
  Settle({MakeIncident("a"), MakeIncident("b")});
  auto watch = StartWatch();
  EXPECT_EQ(watch->Next(), "ADDED a");
  EXPECT_EQ(watch->Next(), "ADDED b");
  EXPECT_EQ(watch->revision, 0);
  EXPECT_EQ(watch->Next(), "BOOKMARK");
  EXPECT_EQ(watch->revision, 1);
  Settle({MakeIncident("c")});
  EXPECT_EQ(watch->Next(), "ADDED c");
  EXPECT_EQ(watch->revision, 2);
  watch->context.TryCancel();
  EXPECT_EQ(watch->Next(), "end");
  EXPECT_EQ(watch->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, WatchesFromARevision) {
  Settle({MakeIncident("a")});
  Settle({MakeIncident("b")});
  auto watch = StartWatch(1);
  EXPECT_EQ(watch->Next(), "MODIFIED b");
  EXPECT_EQ(watch->Next(), "BOOKMARK");
  auto future = StartWatch(99);
  EXPECT_EQ(future->Next(), "end");
  grpc::Status status = future->reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonOf(status), "REVISION_UNKNOWN");
  auto bad = StartWatch(0, "(");
  EXPECT_EQ(bad->Next(), "end");
  EXPECT_EQ(ReasonOf(bad->reader->Finish()), "FILTER_SYNTAX");
}

TEST_F(ServerTest, SendsBookmarksWhenItIsQuiet) {
  Start({.bookmark_interval = std::chrono::milliseconds(20)});
  auto watch = StartWatch(0, "state = RESOLVED");
  EXPECT_EQ(watch->Next(), "BOOKMARK");
  EXPECT_EQ(watch->Next(), "BOOKMARK");
  // What the filter hides moves the resume point as well.
  int64_t revision = Settle({MakeIncident("a")});
  for (int i = 0; watch->revision < revision; ++i) {
    ASSERT_LT(i, 100);
    ASSERT_EQ(watch->Next(), "BOOKMARK");
  }
}

TEST_F(ServerTest, LimitsTheNumberOfWatchers) {
  Start({.watchers_max = 2});
  auto first = StartWatch(), second = StartWatch();
  EXPECT_EQ(first->Next(), "BOOKMARK");
  EXPECT_EQ(second->Next(), "BOOKMARK");
  auto third = StartWatch();
  EXPECT_EQ(third->Next(), "end");
  EXPECT_EQ(ReasonOf(third->reader->Finish()), "TOO_MANY_WATCHERS");
}

// A client that reads nothing is dropped with its resume point; the fold and the others never wait.
TEST_F(ServerTest, DropsAWatcherThatDoesNotRead) {
  Board board(store_, {.watch_capacity = 10});
  Query query(board, store_, std::make_shared<const Catalogue>(), clock_);
  auto server = *Server::Start({.listen = "127.0.0.1:0"}, query);
  auto channel = grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials());
  auto stub = v1::IncidentService::NewStub(channel);
  Watch slow;
  slow.reader = stub->WatchIncidents(&slow.context, {});
  ASSERT_EQ(slow.Next(), "BOOKMARK");
  v1::Incident big = MakeIncident("big");
  big.set_remedy(std::string(1 << 20, 'x'));
  int64_t revision = 0;
  for (int i = 0; i < 300; ++i) {  // far more than a connection buffers, if it were all sent
    big.set_name("clusters/prod/incidents/big" + std::to_string(i % 20));
    big.set_revision(++revision);
    board.Publish(revision, {big}, {});
  }
  // Now it reads: what was under way when it overflowed, then the end.
  std::string last;
  int messages = 0;
  while ((last = slow.Next()) != "end") ++messages;
  EXPECT_LT(messages, 300);
  grpc::Status status = slow.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "WATCHER_TOO_SLOW");
  EXPECT_THAT(status.error_message(), HasSubstr("resume from revision"));
}

TEST_F(ServerTest, ManyWatchersHoldNoThreads) {
  constexpr int kWatchers = 300;
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < kWatchers; ++i) watches.push_back(StartWatch());
  for (auto& watch : watches) ASSERT_EQ(watch->Next(), "BOOKMARK");
  Settle({MakeIncident("a")});
  EXPECT_EQ(Health(""), grpc::health::v1::HealthCheckResponse::SERVING);
  for (auto& watch : watches) ASSERT_EQ(watch->Next(), "ADDED a");
}

TEST_F(ServerTest, HonoursDeadlinesWhileWaitingForAWorker) {
  Start({.worker_threads = 1, .waiting_calls_max = 1});
  // A clock that stops the one worker in the middle of a call.
  struct StoppedClock final : Clock {
    std::promise<void> reached;
    std::shared_future<void> go;
    mutable std::once_flag once;
    Time Now() const override {
      std::call_once(once, [this] { const_cast<std::promise<void>&>(reached).set_value(); });
      go.wait();
      return Time(seconds(1));
    }
  } stopped;
  std::promise<void> go;
  stopped.go = go.get_future().share();
  Query query(board_, store_, std::make_shared<const Catalogue>(), stopped);
  auto server =
      *Server::Start({.listen = "127.0.0.1:0", .worker_threads = 1, .waiting_calls_max = 1}, query);
  auto stub = v1::IncidentService::NewStub(
      grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  struct Call {
    grpc::ClientContext context;
    v1::ListIncidentsResponse response;
    std::promise<grpc::Status> status;
  } running, waiting, refused;
  const v1::ListIncidentsRequest request;
  auto start = [&](Call& call) {
    stub->async()->ListIncidents(
        &call.context, &request, &call.response,
        [&call](const grpc::Status& status) { call.status.set_value(status); });
    return call.status.get_future();
  };
  auto first = start(running);
  stopped.reached.get_future().wait();
  // The client's own deadline may beat the server's answer; both say the same.
  waiting.context.set_deadline(In(std::chrono::milliseconds(100)));
  auto second = start(waiting);
  EXPECT_EQ(second.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  // It still waits for its turn, so there is no room for one more.
  auto third = start(refused);
  grpc::Status status = third.get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "TOO_MANY_REQUESTS");
  go.set_value();
  EXPECT_TRUE(first.get().ok());
}

TEST_F(ServerTest, ShutdownEndsWatchesWithTheirResumePoint) {
  Settle({MakeIncident("a")});
  auto watch = StartWatch();
  EXPECT_EQ(watch->Next(), "ADDED a");
  EXPECT_EQ(watch->Next(), "BOOKMARK");
  server_->Shutdown(In(std::chrono::seconds(10)));
  EXPECT_EQ(watch->Next(), "end");
  grpc::Status status = watch->reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "SERVER_STOPS");
  EXPECT_THAT(status.error_message(), HasSubstr("resume from revision 1"));
  server_->Shutdown(In(std::chrono::seconds(10)));
  server_->SetServing(true, "too late");
}

// The answer to one reflection request, as bytes: Debian does not package the messages. Names in it
// stand there as they are.
std::string Reflect(const std::shared_ptr<grpc::Channel>& channel, std::string_view request) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto done = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  EXPECT_TRUE(done());
  grpc::Slice slice(request.data(), request.size());
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  EXPECT_TRUE(done());
  grpc::ByteBuffer buffer;
  call->Read(&buffer, nullptr);
  EXPECT_TRUE(done());
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  std::string answer;
  for (const grpc::Slice& part : slices) {
    answer.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  call->WritesDone(nullptr);
  EXPECT_TRUE(done());
  grpc::Status status;
  call->Finish(&status, nullptr);
  EXPECT_TRUE(done());
  EXPECT_TRUE(status.ok()) << status.error_message();
  return answer;
}

TEST_F(ServerTest, ReflectsItsServices) {
  // Field 7: list_services. Field 4: file_containing_symbol.
  std::string services = Reflect(channel_, "\x3a\x01*");
  for (const char* service :
       {"tocsin.v1.IncidentService", "tocsin.v1.NodeService", "tocsin.v1.SignatureService",
        "tocsin.v1.SilenceService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(services, HasSubstr(service));
  }
  EXPECT_THAT(Reflect(channel_, "\x22\x19tocsin.v1.IncidentService"),
              HasSubstr("QueryStatsRequest"));
  EXPECT_THAT(Reflect(channel_, "\x22\x15grpc.health.v1.Health"), HasSubstr("HealthCheckRequest"));
}

TEST_F(ServerTest, RefusesWhatItShouldNotServe) {
  auto start = [&](const std::string& listen, bool insecure = false) {
    auto server = Server::Start({.listen = listen, .insecure = insecure}, query_);
    return server.ok() ? (*server)->address() : api::ReasonOf(server.status());
  };
  for (const char* address :
       {"0.0.0.0:0", "[::]:0", "10.1.2.3:0", "example.com:7700", "127.evil.com:1"}) {
    EXPECT_EQ(start(address), "PLAINTEXT_OFF_LOOPBACK") << address;
  }
  EXPECT_THAT(start("0.0.0.0:0", true), StartsWith("0.0.0.0:"));
  EXPECT_THAT(start("localhost:0"), StartsWith("127.0.0.1:"));
  for (const char* address :
       {"", "7700", ":7700", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:80",
        "http://127.0.0.1:80", "127.0.0.1:-1", "unix:"}) {
    EXPECT_EQ(start(address), "INVALID_ADDRESS") << address;
  }
  gpr_set_log_function([](gpr_log_func_args*) {});  // gRPC says it as well, at length
  EXPECT_EQ(start(server_->address()), "CANNOT_LISTEN");
  gpr_set_log_function(nullptr);
  std::string path =
      "unix:" + testing::TempDir() + "tocsin_server_test_" + std::to_string(getpid());
  EXPECT_EQ(start(path), path);
  auto refused = Server::Start({.listen = "0.0.0.0:7700"}, query_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(Message(refused.status()), HasSubstr("--insecure"));
}

}  // namespace
}  // namespace tocsin::api
