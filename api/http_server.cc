// SPDX-License-Identifier: Apache-2.0
//
// One thread runs the event loop, and everything that belongs to a connection is touched by that
// thread alone. What takes time runs elsewhere and comes back as a posted handler: calls on
// `workers`, steps of a watch (reading the board, printing JSON) on `watch_workers`, at most one at
// a time for each connection. The fold's `wake` posts, too, at most one per connection.
//
// A connection is in `connections` until it is closed and no worker has its watch; handlers may
// hold it for longer, and find it closed.
#include "api/http_server.h"

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

// Boost 1.74 forgets <utility> where it offers coroutines; we use none.
#define BOOST_ASIO_DISABLE_CO_AWAIT 1
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "api/error.h"
#include "api/http_routes.h"
#include "api/listen.h"
#include "api/rpc_status.h"
#include "api/workers.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;
using SteadyClock = std::chrono::steady_clock;

// Connections over the limit that are told so; more are closed without a word.
constexpr size_t kRefusedMax = 64;
// What is read and thrown away after a refusal, so that the client gets to see the answer.
constexpr size_t kLingerMax_bytes = 16 << 20;
constexpr std::chrono::seconds kLingerMax{2};
// Answers up to this size are not counted against the memory of all.
constexpr size_t kSmall_bytes = 16 << 10;
constexpr size_t kChunk_bytes = 16 << 10;  // of a stream: about what is printed at once
constexpr size_t kChangesMax = 16;         // of a stream: about what is taken at once

std::string Copy(boost::string_view text) { return {text.data(), text.size()}; }

absl::Status Full(const char* what) {
  return WithReason(Unavailable("{}; try again in a second", what), "TOO_MANY_REQUESTS");
}

class Connection;

}  // namespace

struct HttpServer::Impl {
  Impl(const Options& o, Query& q)
      : options(o),
        query(q),
        routes(q, o.not_ready, o.metrics),
        workers(std::make_unique<Workers>(o.worker_threads, o.waiting_calls_max)),
        watch_workers(std::make_unique<Workers>(1, 0)) {}

  void Accept();
  void Admit(tcp::socket socket);
  void Tick();
  void BeginStop();  // on the I/O thread
  void EndIfIdle() {
    if (stopping && connections.empty()) io->stop();
  }
  bool Reserve(size_t bytes) {
    if (buffered_bytes + bytes > options.buffers_max_bytes) return false;
    buffered_bytes += bytes;
    return true;
  }

  const Options options;
  Query& query;
  const HttpRoutes routes;
  std::string address;
  std::atomic<bool> cancel_calls = false;
  std::once_flag down;

  // The I/O thread's.
  std::unordered_set<std::shared_ptr<Connection>> connections;
  size_t watchers = 0;
  size_t buffered_bytes = 0;
  bool stopping = false;

  // Handlers in `io` hold connections, tasks of the workers post to it: it goes after them.
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>(1);
  std::unique_ptr<Workers> workers;
  std::unique_ptr<Workers> watch_workers;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> retry;  // of accepting, when there are no descriptors left
  std::optional<asio::steady_timer> ticker;
  std::promise<void> ended;
  std::thread thread;
};

namespace {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer::Impl& server, tcp::socket socket, bool refused)
      : server_(server), tcp_(std::move(socket)), refused_(refused) {}

  void Start() { ReadHeader(); }

  // The server stops.
  void Stop() {
    keep_ = false;
    if (state_ == State::kReading || state_ == State::kLingering) return Close();
    if (state_ == State::kStreaming && !stepping_ && !writing_) Step();
  }

  // Every interval / 2.
  void Tick() {
    if (state_ != State::kStreaming || stepping_ || writing_) return;
    if (SteadyClock::now() - last_write_ < server_.options.bookmark_interval) return;
    bookmark_due_ = true;
    Step();
  }

  void Close() {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    error_code ignored;
    tcp_.socket().close(ignored);
    Release();
    if (!stepping_) Forget();
  }

  // After this `wake` is not called any more. Once nothing else uses the watch.
  void DropWatch() {
    watch_.reset();
    if (std::exchange(counted_, false)) --server_.watchers;
  }

 private:
  enum class State { kReading, kCalling, kWriting, kStreaming, kLingering, kClosed };

  void Forget() {
    DropWatch();
    server_.connections.erase(shared_from_this());
    server_.EndIfIdle();
  }

  // Requests.

  void ReadHeader() {
    state_ = State::kReading;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(server_.options.header_max_bytes));
    parser_->body_limit(server_.options.body_max_bytes);
    tcp_.expires_after(server_.options.read_timeout);
    http::async_read_header(
        tcp_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->OnHeader(error); });
  }

  void OnHeader(error_code error) {
    if (state_ == State::kClosed) return;
    if (error) return OnBadRequest(error);
    const auto& message = parser_->get();
    request_ = {};
    request_.method = Copy(message.method_string());
    request_.target = Copy(message.target());
    request_.content_type = Copy(message[http::field::content_type]);
    request_.content_encoding = Copy(message[http::field::content_encoding]);
    request_.connect_version = Copy(message["Connect-Protocol-Version"]);
    request_.connect_timeout_ms = Copy(message["Connect-Timeout-Ms"]);
    request_.last_event_id = Copy(message["Last-Event-ID"]);
    keep_ = message.keep_alive() && !refused_ && !server_.stopping;
    const bool has_body = !parser_->is_done();

    HttpRoutes::Kind kind = server_.routes.Find(request_);
    if (kind == HttpRoutes::Kind::kQuick) {
      return Send(server_.routes.Answer(request_, {}));  // a body is not read
    }
    if (refused_) return Send(ConnectError(Full("this server has too many connections")));
    if (kind == HttpRoutes::Kind::kWatch) return StartWatch();
    if (!has_body) return Call();

    size_t size = server_.options.body_max_bytes;
    if (auto length = parser_->content_length()) size = static_cast<size_t>(*length);
    if (!server_.Reserve(size)) {
      return Send(ConnectError(Full("too many large requests at once")));
    }
    reserved_bytes_ = size;
    if (!beast::iequals(message[http::field::expect], "100-continue")) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    tcp_.expires_after(server_.options.write_timeout);
    asio::async_write(tcp_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](error_code failed, size_t) {
                        if (self->state_ == State::kClosed) return;
                        failed ? self->Close() : self->ReadBody();
                      });
  }

  void ReadBody() {
    tcp_.expires_after(server_.options.read_timeout);
    http::async_read(tcp_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (self->state_ == State::kClosed) return;
                       error ? self->OnBadRequest(error) : self->Call();
                     });
  }

  void OnBadRequest(error_code error) {
    const bool is_http =
        error.category() == http::make_error_code(http::error::bad_version).category();
    if (!is_http || error == http::error::end_of_stream) return Close();
    keep_ = false;
    absl::Status status = InvalidArgument("this is not HTTP as we know it: {}", error.message());
    if (error == http::error::body_limit) {
      status = Error(absl::StatusCode::kResourceExhausted, "the body is larger than {} bytes",
                     server_.options.body_max_bytes);
    } else if (error == http::error::header_limit) {
      status =
          InvalidArgument("the header is larger than {} bytes", server_.options.header_max_bytes);
    }
    HttpReply reply = ConnectError(WithReason(status, "INVALID_HTTP"));
    if (error == http::error::body_limit) reply.status = 413;
    if (error == http::error::header_limit) reply.status = 431;
    if (reply.status != 400) reply.headers.clear();  // trying again will not help
    Send(std::move(reply));
  }

  void Call() {
    state_ = State::kCalling;
    request_.body = std::move(parser_->get().body());
    bool posted = server_.workers->TryPost([self = shared_from_this()] {
      HttpServer::Impl& server = self->server_;
      auto cancelled = [&server] { return server.cancel_calls.load(); };
      asio::post(*server.io, [self, reply = server.routes.Answer(self->request_, cancelled)] {
        if (self->state_ != State::kClosed) self->Send(reply);
      });
    });
    if (!posted) Send(ConnectError(Busy()));
  }

  // Answers.

  void Send(HttpReply reply) {
    Release();
    const bool unread = parser_ && !parser_->is_done();
    if (unread) keep_ = false;
    parser_.reset();
    state_ = State::kWriting;
    if (reply.body.size() > kSmall_bytes) {
      if (server_.Reserve(reply.body.size())) {
        reserved_bytes_ = reply.body.size();
      } else {
        reply = ConnectError(Full("too many large answers at once"));
      }
    }
    if (server_.stopping) keep_ = false;
    response_.emplace();
    response_->result(static_cast<unsigned>(reply.status));
    response_->set(http::field::content_type, reply.content_type);
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : reply.headers) response_->set(name, value);
    response_->keep_alive(keep_);
    response_->content_length(reply.body.size());
    if (request_.method != "HEAD") response_->body() = std::move(reply.body);
    request_ = {};
    tcp_.expires_after(server_.options.write_timeout);
    http::async_write(tcp_, *response_,
                      [self = shared_from_this(), unread](error_code error, size_t) {
                        if (self->state_ == State::kClosed) return;
                        self->response_.reset();
                        self->Release();
                        if (error) return self->Close();
                        if (self->keep_) return self->ReadHeader();
                        unread ? self->Linger() : self->Close();
                      });
  }

  void Release() { server_.buffered_bytes -= std::exchange(reserved_bytes_, 0); }

  // Says that we are done, and takes what the client still sends: closing on it would reset the
  // connection, and with it the answer.
  void Linger() {
    state_ = State::kLingering;
    error_code ignored;
    tcp_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    tcp_.expires_after(kLingerMax);
    Discard();
  }

  // Reads until the client is gone, which is how we hear that it is.
  void Discard() {
    tcp_.async_read_some(asio::buffer(discard_),
                         [self = shared_from_this()](error_code error, size_t bytes) {
                           if (self->state_ == State::kClosed) return;
                           self->discarded_bytes_ += bytes;
                           if (error || self->discarded_bytes_ > kLingerMax_bytes) {
                             return self->Close();
                           }
                           self->Discard();
                         });
  }

  // Streams.

  void StartWatch() {
    auto request = HttpRoutes::WatchRequest(request_);
    if (!request.ok()) return Send(ConnectError(request.status()));
    if (server_.watchers >= server_.options.watchers_max) {
      return Send(ConnectError(
          WithReason(Error(absl::StatusCode::kResourceExhausted,
                           "this server already has {} watchers", server_.options.watchers_max),
                     "TOO_MANY_WATCHERS")));
    }
    ++server_.watchers;
    counted_ = true;
    state_ = State::kStreaming;
    parser_.reset();
    watch_request_ = *std::move(request);
    Step();
  }

  // Any thread, the fold's among them.
  static void Wake(const std::weak_ptr<Connection>& weak) {
    std::shared_ptr<Connection> self = weak.lock();
    if (self == nullptr || self->wake_posted_.exchange(true)) return;
    asio::post(*self->server_.io, [weak] {
      std::shared_ptr<Connection> woken = weak.lock();
      if (woken == nullptr) return;
      woken->wake_posted_ = false;
      if (woken->state_ != State::kStreaming) return;
      woken->woken_ = true;
      if (!woken->stepping_ && !woken->writing_) woken->Step();
    });
  }

  struct Stepped {
    absl::Status status;
    std::string text;
  };

  void Step() {
    if (server_.stopping && begun_) {
      const std::string revision = std::to_string(sent_revision_);
      return End(WithReason(Unavailable("the server stops; resume from revision {}", revision),
                            "SERVER_STOPS", {{"revision", revision}}));
    }
    stepping_ = true;
    woken_ = false;
    bool bookmark = std::exchange(bookmark_due_, false);
    server_.watch_workers->Post([self = shared_from_this(), bookmark] {
      Stepped stepped;
      stepped.status = self->TakeStep(bookmark, stepped.text);
      asio::post(*self->server_.io, [self, stepped = std::move(stepped)]() mutable {
        self->OnStepped(std::move(stepped));
      });
    });
  }

  // On a worker: the next piece of the stream; nothing: wait for `wake`.
  absl::Status TakeStep(bool bookmark, std::string& text) {
    if (watch_ == nullptr) {
      ASSIGN_OR_RETURN(watch_, server_.query.WatchIncidents(
                                   watch_request_, [weak = weak_from_this()] { Wake(weak); }));
    }
    if (next_ >= batch_.size()) {
      next_ = 0;
      ASSIGN_OR_RETURN(batch_, watch_->Next(kChangesMax));
      if (batch_.empty() && bookmark) batch_.push_back(watch_->Bookmark());
    }
    while (next_ < batch_.size() && text.size() < kChunk_bytes) {
      printed_revision_ = batch_[next_].revision();
      text += ToEvent(batch_[next_++]);
    }
    if (next_ >= batch_.size()) batch_.clear();
    return absl::OkStatus();
  }

  void OnStepped(Stepped stepped) {
    stepping_ = false;
    if (state_ == State::kClosed) return Forget();
    if (!stepped.status.ok()) {
      if (begun_) return End(stepped.status);
      DropWatch();
      return Send(ConnectError(stepped.status));
    }
    if (!begun_) {
      begun_ = true;
      keep_ = false;  // the end of the stream is the end of the connection
      out_ =
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
          "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
      out_ += stepped.text;
      tcp_.expires_never();
      Discard();
    } else if (!stepped.text.empty()) {
      out_ = std::move(stepped.text);
    } else {
      if (woken_ || server_.stopping) Step();
      return;
    }
    Write();
  }

  void Write() {
    writing_ = true;
    // The read that is under way keeps the timeout it was begun with: none.
    tcp_.expires_after(server_.options.write_timeout);
    asio::async_write(
        tcp_, asio::buffer(out_),
        [self = shared_from_this()](error_code error, size_t) { self->OnWritten(error); });
  }

  void OnWritten(error_code error) {
    writing_ = false;
    if (state_ == State::kClosed) return;
    if (error) return Close();
    if (ending_) return Close();
    last_write_ = SteadyClock::now();
    sent_revision_ = printed_revision_;
    discarded_bytes_ = 0;
    Step();
  }

  void End(const absl::Status& status) {
    ending_ = true;
    out_ = ToEndEvent(status);
    Write();
  }

  HttpServer::Impl& server_;
  beast::tcp_stream tcp_;
  const bool refused_;
  State state_ = State::kReading;
  bool keep_ = true;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  HttpRequest request_;
  std::optional<http::response<http::string_body>> response_;
  size_t reserved_bytes_ = 0;
  char discard_[512];
  size_t discarded_bytes_ = 0;

  // Of a stream.
  v1::WatchIncidentsRequest watch_request_;
  bool counted_ = false;   // among the watchers
  bool begun_ = false;     // the header is on its way
  bool stepping_ = false;  // a worker has what stands below the line
  bool writing_ = false;
  bool woken_ = false;
  bool ending_ = false;
  bool bookmark_due_ = false;
  SteadyClock::time_point last_write_ = SteadyClock::now();
  int64_t sent_revision_ = 0;
  std::string out_;
  std::atomic<bool> wake_posted_ = false;
  // ----
  std::unique_ptr<WatchStream> watch_;
  std::vector<v1::WatchIncidentsResponse> batch_;
  size_t next_ = 0;
  int64_t printed_revision_ = 0;
};

}  // namespace

void HttpServer::Impl::Accept() {
  acceptor->async_accept([this](error_code error, tcp::socket socket) {
    if (stopping) return;
    if (!error) {
      Admit(std::move(socket));
      return Accept();
    }
    // No descriptors left, or the client left already: either way a moment later.
    retry->expires_after(std::chrono::milliseconds(50));
    retry->async_wait([this](error_code cancelled) {
      if (!cancelled && !stopping) Accept();
    });
  });
}

void HttpServer::Impl::Admit(tcp::socket socket) {
  const size_t now = connections.size();
  if (now >= options.connections_max + kRefusedMax) return;  // closes it
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  auto connection =
      std::make_shared<Connection>(*this, std::move(socket), now >= options.connections_max);
  connections.insert(connection);
  connection->Start();
}

void HttpServer::Impl::Tick() {
  ticker->expires_after(options.bookmark_interval / 2);
  ticker->async_wait([this](error_code cancelled) {
    if (cancelled || stopping) return;
    for (const auto& connection : connections) connection->Tick();
    Tick();
  });
}

void HttpServer::Impl::BeginStop() {
  stopping = true;
  error_code ignored;
  acceptor->close(ignored);
  retry->cancel();
  ticker->cancel();
  const auto all = connections;  // Stop takes them out
  for (const auto& connection : all) connection->Stop();
  EndIfIdle();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Shutdown(std::chrono::system_clock::now()); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const Options& options,
                                                              Query& query) {
  ASSIGN_OR_RETURN(const Listen listen, ParseListen(options.listen, options.insecure));
  if (listen.host.empty()) {
    return WithReason(
        InvalidArgument("HTTP cannot listen on {}: write HOST:PORT", Quoted(options.listen)),
        "INVALID_ADDRESS");
  }
  auto impl = std::make_unique<Impl>(options, query);
  error_code error;
  tcp::resolver resolver(*impl->io);
  auto found = resolver.resolve(listen.host, std::to_string(listen.port),
                                tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return CannotListen(options.listen);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  impl->acceptor.emplace(*impl->io);
  impl->acceptor->open(endpoint.protocol(), error);
  if (!error) impl->acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) impl->acceptor->bind(endpoint, error);
  if (!error) impl->acceptor->listen(1024, error);
  tcp::endpoint bound;
  if (!error) bound = impl->acceptor->local_endpoint(error);
  if (error) return CannotListen(options.listen);
  impl->address = AddressAt(listen, bound.port());
  impl->retry.emplace(*impl->io);
  impl->ticker.emplace(*impl->io);
  impl->Accept();
  impl->Tick();
  impl->thread = std::thread([server = impl.get()] {
    server->io->run();
    server->ended.set_value();
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::address() const { return impl_->address; }

void HttpServer::Shutdown(std::chrono::system_clock::time_point deadline) {
  std::call_once(impl_->down, [this, deadline] {
    Impl& server = *impl_;
    std::future<void> ended = server.ended.get_future();
    // Keeps run() going until the last connection has ended, whatever else is waited for.
    auto work = asio::make_work_guard(*server.io);
    asio::post(*server.io, [&server] { server.BeginStop(); });
    ended.wait_until(deadline);
    server.cancel_calls = true;
    server.io->stop();
    server.thread.join();
    // Nobody but us is left: what still runs on workers ends and posts to a loop that stands.
    server.workers.reset();
    server.watch_workers.reset();
    for (const auto& connection : server.connections) connection->DropWatch();
    server.connections.clear();
    work.reset();
    server.acceptor.reset();
    server.retry.reset();
    server.ticker.reset();
    server.io.reset();
  });
}

}  // namespace tocsin::api
