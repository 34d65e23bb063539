// SPDX-License-Identifier: Apache-2.0
#include "api/http_server.h"

#include <future>
#include <poll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "api/connect.h"
#include "api/error.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kPatience_ms = 60'000;

// A client that sends what it is told, byte for byte. Every read gives up after a minute.
class Client {
 public:
  explicit Client(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  // What the server does not take any more is dropped.
  Client& Say(std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return *this;
  }
  // Reads until `end` was seen (and returns everything up to it), or until the server closes.
  std::string Until(std::string_view end) {
    while (true) {
      size_t found = end.empty() ? std::string::npos : heard_.find(end);
      if (found != std::string::npos) {
        std::string text = heard_.substr(0, found + end.size());
        heard_.erase(0, text.size());
        return text;
      }
      if (!Hear()) return std::exchange(heard_, "");
    }
  }
  std::string All() { return Until(""); }
  // The rest of the next event of that name.
  std::string Event(const std::string& name) {
    Until("event: " + name + "\n");
    return Until("\n\n");
  }
  // One answer: header and as much body as it announces.
  std::string Answer(bool head = false) {
    std::string header = Until("\r\n\r\n");
    size_t at = header.find("Content-Length: ");
    size_t length = at == std::string::npos || head ? 0 : std::stoul(header.substr(at + 16));
    while (heard_.size() < length && Hear()) {
    }
    std::string body = heard_.substr(0, length);
    heard_.erase(0, body.size());
    return header + body;
  }

 private:
  bool Hear() {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, kPatience_ms) != 1) {
      ADD_FAILURE() << "the server neither answered nor closed";
      return false;
    }
    char bytes[65536];
    ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    heard_.append(bytes, static_cast<size_t>(got));
    return true;
  }

  const int fd_;
  bool connected_ = false;
  std::string heard_;
};

std::string Post(const std::string& path, const std::string& body,
                 const std::string& more = "Content-Type: application/json\r\n") {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string Get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}

const std::string kList = "/tocsin.v1.IncidentService/ListIncidents";
const std::string kGet = "/tocsin.v1.IncidentService/GetIncident";

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    options_.listen = "127.0.0.1:0";
    options_.not_ready = [this] {
      std::lock_guard lock(mu_);
      return not_ready_;
    };
    options_.metrics = [] { return std::string("tocsin_records_total 7\n"); };
  }
  void Start() {
    auto server = HttpServer::Start(options_, query_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Ask(const std::string& request) {
    return Client(server_->address()).Say(request).Answer();
  }
  int64_t Settle(std::vector<v1::Incident> incidents) {
    int64_t revision = store_.Put(incidents);
    for (auto& incident : incidents) incident.set_revision(revision);
    board_.Publish(revision, incidents, {});
    return revision;
  }

  FakeStore store_;
  Board board_{store_};
  FixedClock clock_;
  Query query_{board_, store_,
               std::make_shared<const Catalogue>(std::vector<Signature>{{.id = "oom"}}, "v1"),
               clock_};
  HttpServer::Options options_;
  std::mutex mu_;
  std::string not_ready_;  // guarded by mu_
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersCallsAsJson) {
  Settle({MakeIncident("a1"), MakeIncident("b1")});
  store_.PutNode([] {
    v1::Node node;
    node.set_name("clusters/prod/nodes/n1");
    node.set_cluster("prod");
    node.set_node("n1");
    return node;
  }());
  Start();
  Client client(server_->address());  // all on one connection
  EXPECT_THAT(
      client.Say(Post(kList, "{\"pageSize\": 1}")).Answer(),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: application/json\r\n"),
            HasSubstr("\"totalSize\":2"), HasSubstr("\"nextPageToken\":\"")));
  EXPECT_THAT(client.Say(Post(kGet, "{\"name\":\"clusters/prod/incidents/a1\"}")).Answer(),
              HasSubstr("\"name\":\"clusters/prod/incidents/a1\""));
  // No body is the empty message, with parameters in the content type.
  EXPECT_THAT(client
                  .Say(Post("/tocsin.v1.NodeService/ListNodes", "",
                            "Content-Type: Application/JSON; charset=utf-8\r\n"))
                  .Answer(),
              HasSubstr("\"node\":\"n1\""));
  EXPECT_THAT(client.Say(Post("/tocsin.v1.NodeService/GetNode", "{\"name\":\"n1\"}")).Answer(),
              HasSubstr("\"node\":\"n1\""));
  EXPECT_THAT(client.Say(Post("/tocsin.v1.SignatureService/ListSignatures", "{}")).Answer(),
              HasSubstr("\"id\":\"oom\""));
  EXPECT_THAT(
      client.Say(Post("/tocsin.v1.SignatureService/GetSignature", "{\"name\":\"signatures/oom\"}"))
          .Answer(),
      HasSubstr("\"id\":\"oom\""));
  // In pieces, chunked, and two at once.
  client.Say("POST " + kList + " HTTP/1.1\r\nHost: x\r\nContent-Ty");
  client.Say("pe: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
  EXPECT_THAT(client.Answer(), HasSubstr("\"totalSize\":2"));
  client.Say(Get("/healthz") + Get("/readyz"));
  EXPECT_THAT(client.Answer(), HasSubstr("200 OK"));
  EXPECT_THAT(client.Answer(), HasSubstr("200 OK"));
  client.Say("POST " + kList +
             " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
             "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(client.Say("{}").Answer(), HasSubstr("\"totalSize\":2"));
}

TEST_F(HttpServerTest, KnowsEveryUnaryMethodOfTheContract) {
  Start();
  int methods = 0;
  for (const auto& [path, method] : JsonMethods(query_)) {
    SCOPED_TRACE(path);
    ++methods;
    EXPECT_THAT(Ask(Post(path, "{}")), Not(HasSubstr("NO_SUCH_PATH")));
  }
  EXPECT_EQ(methods, 17);
  EXPECT_THAT(
      Ask(Post("/tocsin.v1.SignatureService/ReloadSignatures", "{}")),
      AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("{\"code\":\"unimplemented\",\"message\":\""),
            HasSubstr("NOT_IN_THIS_RELEASE")));
  EXPECT_THAT(Ask(Post("/tocsin.v1.IncidentService/WatchIncidents", "{}")),
              AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("/v1/watch")));
}

TEST_F(HttpServerTest, SaysWhatIsWrongAsConnectDoes) {
  Start();
  struct Case {
    const char* name;
    std::string request;
    const char* status;
    const char* want;
  };
  const std::string json = "Content-Type: application/json\r\n";
  std::string deep(20'000, '[');
  const Case cases[] = {
      {"absent", Post(kGet, "{\"name\":\"clusters/c/incidents/x\"}"), "404",
       "{\"code\":\"not_found\",\"message\":"},
      {"details", Post(kGet, "{\"name\":\"clusters/c/incidents/x\"}"), "404",
       "\"details\":[{\"type\":\"google.rpc.ErrorInfo\",\"value\":\""},
      {"bad filter", Post(kList, "{\"filter\":\"state =\"}"), "400", "FILTER_SYNTAX"},
      {"not JSON", Post(kList, "{\"pageSize\":"), "400", "INVALID_JSON"},
      {"unknown field", Post(kList, "{\"pagesize\": 3}"), "400", "INVALID_JSON"},
      {"wrong type", Post(kList, "{\"pageSize\": \"many\"}"), "400", "INVALID_JSON"},
      {"array", Post(kList, "[]"), "400", "INVALID_JSON"},
      {"deep", Post(kList, "{\"filter\":" + deep), "400", "INVALID_JSON"},
      {"not UTF-8", Post(kList, "{\"filter\":\"\xff\xfe\"}"), "400",
       "\"code\":\"invalid_argument\""},
      {"NUL", Post(kList, std::string("{\"filter\":\0}", 12)), "400", "INVALID_JSON"},
      {"no such method", Post("/tocsin.v1.IncidentService/Nothing", "{}"), "404", "unimplemented"},
      {"no such path", Get("/nothing"), "404", "NO_SUCH_PATH"},
      {"root", Get("/"), "404", "NO_SUCH_PATH"},
      {"GET of a call", Get(kList), "405", "Allow: POST\r\n"},
      {"POST of a page", Post("/healthz", ""), "405", "Allow: GET, HEAD\r\n"},
      {"POST of the watch", Post("/v1/watch", ""), "405", "Allow: GET\r\n"},
      {"form", Post(kList, "a=b", "Content-Type: application/x-www-form-urlencoded\r\n"), "415",
       "Accept-Post: application/json\r\n"},
      {"no type", Post(kList, "{}", ""), "415", "INVALID_HEADER"},
      {"gzip", Post(kList, "{}", json + "Content-Encoding: gzip\r\n"), "501", "unimplemented"},
      {"version", Post(kList, "{}", json + "Connect-Protocol-Version: 2\r\n"), "400",
       "INVALID_HEADER"},
      {"timeout", Post(kList, "{}", json + "Connect-Timeout-Ms: soon\r\n"), "400",
       "INVALID_HEADER"},
      {"late", Post(kList, "{}", json + "Connect-Timeout-Ms: 0\r\n"), "504", "deadline_exceeded"},
      {"not HTTP", "hello\r\n\r\n", "400", "INVALID_HTTP"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), "400",
       "INVALID_HTTP"},
      {"long header", Get("/healthz", "X: " + std::string(20'000, 'x') + "\r\n"), "431",
       "INVALID_HTTP"},
      {"huge", Post(kList, std::string((4 << 20) + 1, ' ')), "413", "resource_exhausted"},
      {"bad revision", Get("/v1/watch?revision=abc"), "400", "INVALID_REVISION"},
      {"bad event id", Get("/v1/watch", "Last-Event-ID: x\r\n"), "400", "INVALID_REVISION"},
      {"bad watch filter", Get("/v1/watch?filter=%3D"), "400", "FILTER_SYNTAX"},
      {"bad escape", Get("/v1/watch?filter=%4"), "400", "percent"},
      {"bad parameter", Get("/v1/watch?color=red"), "400", "INVALID_FIELD"},
      {"unknown revision", Get("/v1/watch?revision=99"), "400", "\"code\":\"out_of_range\""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(Ask(c.request),
                AllOf(StartsWith(std::string("HTTP/1.1 ") + c.status), HasSubstr(c.want)));
  }
  EXPECT_THAT(Ask(Get("/healthz")), HasSubstr("200 OK"));
}

TEST_F(HttpServerTest, ServesThePagesOfOperators) {
  not_ready_ = "the broker cannot be reached";
  Start();
  EXPECT_THAT(Ask(Get("/healthz")), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\nok\n")));
  EXPECT_THAT(Ask(Get("/readyz")),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("the broker cannot be reached\n")));
  {
    std::lock_guard lock(mu_);
    not_ready_ = "";
  }
  EXPECT_THAT(Ask(Get("/readyz?verbose")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask(Get("/metrics")), AllOf(HasSubstr("Content-Type: text/plain; version=0.0.4"),
                                          HasSubstr("\r\n\r\ntocsin_records_total 7\n")));
  // HEAD: the header of GET, then the next answer.
  Client client(server_->address());
  client.Say("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n" + Get("/healthz"));
  EXPECT_THAT(client.Answer(/*head=*/true), HasSubstr("Content-Length: 23\r\n"));
  EXPECT_THAT(client.Answer(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("ok\n")));
  // HTTP/1.0 and Connection: close end the connection.
  EXPECT_THAT(Client(server_->address()).Say("GET /healthz HTTP/1.0\r\n\r\n").All(),
              HasSubstr("ok\n"));
}

TEST_F(HttpServerTest, StreamsChangesAndResumes) {
  int64_t first = Settle({MakeIncident("a1"), MakeIncident("b1", "other")});
  Start();
  Client all(server_->address());
  all.Say(Get("/v1/watch"));
  EXPECT_THAT(all.Until("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Type: text/event-stream\r\n")));
  std::string begin = all.Until("event: bookmark\n");
  EXPECT_THAT(begin, AllOf(HasSubstr("event: added\n"), HasSubstr("incidents/a1"),
                           HasSubstr("incidents/b1")));
  EXPECT_THAT(all.Until("\n\n"), StartsWith("id: " + std::to_string(first) + "\ndata: {\"type\":"));

  Client prod(server_->address());
  prod.Say(Get("/v1/watch?parent=clusters%2Fprod&filter=severity+%3E%3D+ERROR"));
  EXPECT_THAT(prod.Until("event: bookmark\n"), Not(HasSubstr("incidents/b1")));
  prod.Until("\n\n");

  v1::Incident more = MakeIncident("a1");
  more.set_hit_count(2);
  int64_t second = Settle({more, MakeIncident("c1", "prod", v1::INFO)});
  const std::string id = "id: " + std::to_string(second) + "\n";
  EXPECT_THAT(all.Event("modified"), HasSubstr("\"hitCount\":2"));
  EXPECT_THAT(all.Event("added"), HasSubstr(id));  // the last of a revision moves the resume point
  EXPECT_THAT(prod.Event("modified"), Not(HasSubstr("incidents/c1")));

  // As an EventSource does after its connection broke: the header wins over the address.
  Client resumed(server_->address());
  resumed.Say(Get("/v1/watch?revision=0", "Last-Event-ID: " + std::to_string(first) + "\r\n"));
  EXPECT_THAT(resumed.Until("event: bookmark\n"),
              AllOf(HasSubstr("incidents/a1"), Not(HasSubstr("incidents/b1"))));
}

TEST_F(HttpServerTest, SendsABookmarkWhenThereIsNothingElse) {
  options_.bookmark_interval = milliseconds(20);
  Start();
  Client client(server_->address());
  client.Say(Get("/v1/watch"));
  for (int i = 0; i < 4; ++i) EXPECT_THAT(client.Until("event: bookmark\n"), HasSubstr("bookmark"));
}

TEST_F(HttpServerTest, AnswersWhileHundredsWatch) {
  Settle({MakeIncident("a1")});
  Start();
  std::vector<std::unique_ptr<Client>> watchers;
  for (int i = 0; i < 200; ++i) {
    watchers.push_back(std::make_unique<Client>(server_->address()));
    watchers.back()->Say(Get("/v1/watch"));
  }
  for (auto& watcher : watchers) {
    ASSERT_THAT(watcher->Until("event: bookmark\n"), HasSubstr("incidents/a1"));
  }
  EXPECT_THAT(Ask(Get("/healthz")), StartsWith("HTTP/1.1 200"));
  Settle({MakeIncident("b1")});
  for (auto& watcher : watchers) {
    ASSERT_THAT(watcher->Until("incidents/b1"), HasSubstr("event: added\n"));
  }
  // Half of them leave; the others go on.
  watchers.resize(100);
  Settle({MakeIncident("c1")});
  for (auto& watcher : watchers) {
    ASSERT_THAT(watcher->Until("incidents/c1"), HasSubstr("event: added\n"));
  }
  EXPECT_THAT(Ask(Post(kList, "{}")), HasSubstr("\"totalSize\":3"));
}

TEST_F(HttpServerTest, EndsStreamsWithTheirResumePoint) {
  const int64_t revision = Settle({MakeIncident("a1")});
  Start();
  Client watcher(server_->address()), idle(server_->address()), half(server_->address());
  watcher.Say(Get("/v1/watch")).Until("event: bookmark\n");
  idle.Say(Get("/healthz")).Answer();
  half.Say("POST / HTT");
  server_->Shutdown(std::chrono::system_clock::now() + seconds(30));
  EXPECT_THAT(watcher.All(), AllOf(HasSubstr("event: end\n"), HasSubstr("\"code\":\"unavailable\""),
                                   HasSubstr("\"SERVER_STOPS\""),
                                   HasSubstr("\"revision\":\"" + std::to_string(revision) + "\"")));
  EXPECT_EQ(idle.All(), "");
  EXPECT_EQ(half.All(), "");
  server_->Shutdown(std::chrono::system_clock::now());
  Settle({MakeIncident("b1")});  // nobody is woken any more
}

TEST_F(HttpServerTest, StopsAtOnceWhateverClientsDo) {
  v1::Incident big = MakeIncident("a1");
  big.set_note(std::string(1 << 20, 'x'));
  Settle({big});
  Start();
  // One takes nothing of a stream that does not fit into the sockets, and one is still asking.
  Client deaf(server_->address()), slow(server_->address());
  deaf.Say(Get("/v1/watch")).Until("\r\n\r\n");
  std::thread fold([&] {
    for (int i = 0; i < 20; ++i) {
      big.set_hit_count(static_cast<uint32_t>(i) + 2);
      Settle({big});
    }
  });
  slow.Say("POST " + kList +
           " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n");
  server_.reset();
  fold.join();
}

TEST_F(HttpServerTest, DropsClientsThatDoNotSpeak) {
  options_.read_timeout = milliseconds(50);
  Start();
  Client silent(server_->address()), header(server_->address()), body(server_->address());
  header.Say("GET /healthz HTTP/1.1\r\nX: ");
  body.Say("POST " + kList +
           " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
  EXPECT_EQ(silent.All(), "");
  EXPECT_EQ(header.All(), "");
  EXPECT_EQ(body.All(), "");
  EXPECT_THAT(Ask(Get("/healthz")), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, RefusesMoreThanItCanServe) {
  options_.connections_max = 2;
  options_.watchers_max = 1;
  Start();
  Client first(server_->address()), second(server_->address());
  first.Say(Get("/v1/watch")).Until("event: bookmark\n");
  EXPECT_THAT(second.Say(Get("/v1/watch")).Answer(),
              AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("Retry-After: 1\r\n"),
                    HasSubstr("TOO_MANY_WATCHERS")));
  EXPECT_THAT(second.Say(Get("/healthz")).Answer(), StartsWith("HTTP/1.1 200"));
  // Two are open: the third may only ask how we are.
  EXPECT_THAT(Ask(Post(kList, "{}")),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After: 1\r\n")));
  EXPECT_THAT(Ask(Get("/healthz")), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, BoundsTheMemoryOfBodies) {
  options_.buffers_max_bytes = 1000;
  Start();
  EXPECT_THAT(Ask(Post(kList, std::string(1001, ' '))), StartsWith("HTTP/1.1 503"));
  Client client(server_->address());  // what was reserved is given back
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(client.Say(Post(kList, "{\"pageSize\":1" + std::string(700, ' ') + "}")).Answer(),
                StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(HttpServerTest, RefusesCallsThatWouldWaitTooLong) {
  options_.worker_threads = 1;
  options_.waiting_calls_max = 0;
  Start();
  EXPECT_THAT(Ask(Post(kList, "{}")),
              AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("Retry-After: 1\r\n"),
                    HasSubstr("TOO_MANY_REQUESTS")));
}

TEST_F(HttpServerTest, ListensOnlyWhereItMay) {
  struct Case {
    const char* listen;
    const char* reason;
  };
  for (const Case& c : {Case{"0.0.0.0:0", "PLAINTEXT_OFF_LOOPBACK"},
                        {"[::]:0", "PLAINTEXT_OFF_LOOPBACK"},
                        {"nonsense", "INVALID_ADDRESS"},
                        {"127.0.0.1:99999", "INVALID_ADDRESS"},
                        {"unix:/tmp/x", "INVALID_ADDRESS"},
                        {"", "INVALID_ADDRESS"}}) {
    options_.listen = c.listen;
    EXPECT_EQ(ReasonOf(HttpServer::Start(options_, query_).status()), c.reason) << c.listen;
  }
  options_.listen = "0.0.0.0:0";
  options_.insecure = true;
  Start();
  EXPECT_THAT(Ask(Get("/healthz")), StartsWith("HTTP/1.1 200"));
  options_.listen = server_->address();
  EXPECT_EQ(ReasonOf(HttpServer::Start(options_, query_).status()), "CANNOT_LISTEN");
}

}  // namespace
}  // namespace tocsin::api
