// SPDX-License-Identifier: Apache-2.0
#include "api/watch_reactor.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "api/error.h"
#include "api/rpc_status.h"
#include "base/status.h"

// A stream is a small actor. Whatever happens to it (the board has changes, a write is done, the
// client left, a bookmark is due) only queues Step() on the hub's threads, at most once; Step alone
// looks at the stream, writes, and finishes. It never does either while a write is under way, so
// the end comes from OnWriteDone of the last one.
namespace tocsin::api {

using v1::WatchIncidentsResponse;

class WatchReactor final : public grpc::ServerWriteReactor<WatchIncidentsResponse>,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  explicit WatchReactor(WatchHub& hub) : hub_(hub) {}

  // Returns what gRPC gets. The stream owns itself until OnDone.
  void Start(const v1::WatchIncidentsRequest& request, bool admitted) {
    self_ = shared_from_this();
    sent_revision_ = request.revision();
    if (!admitted) {
      refusal_ = WithReason(Error(absl::StatusCode::kResourceExhausted,
                                  "this server already has {} watchers", hub_.options_.streams_max),
                            "TOO_MANY_WATCHERS");
    } else {
      auto stream = hub_.query_.WatchIncidents(request, [weak = weak_from_this()] {
        if (std::shared_ptr<WatchReactor> self = weak.lock()) Schedule(std::move(self));
      });
      if (stream.ok()) {
        stream_ = *std::move(stream);
      } else {
        refusal_ = stream.status();
      }
    }
    Schedule(self_);
  }

  void Tick() {
    if (Clock::now() - last_write_.load() >= hub_.options_.bookmark_interval) {
      bookmark_due_ = true;
      Schedule(shared_from_this());
    }
  }

  void Wake() { Schedule(shared_from_this()); }

  void OnWriteDone(bool ok) override {
    if (!ok) cancelled_ = true;
    writing_ = false;
    Schedule(shared_from_this());
  }

  void OnCancel() override {
    cancelled_ = true;
    Schedule(shared_from_this());
  }

  void OnDone() override {
    {
      std::lock_guard lock(hub_.mu_);
      hub_.streams_.erase(this);
    }
    // First the subscription, so that the fold's thread does not hold the last reference: `wake`
    // would then end the watch that is calling it.
    stream_.reset();
    self_.reset();  // may delete this
  }

 private:
  using Clock = std::chrono::steady_clock;

  static void Schedule(std::shared_ptr<WatchReactor> self) {
    // 0: idle, 1: queued or running, 2: running and to be run again.
    int state = self->scheduled_.load();
    while (true) {
      int next = state == 0 ? 1 : 2;
      if (self->scheduled_.compare_exchange_weak(state, next)) break;
    }
    if (state != 0) return;
    Workers& workers = self->hub_.workers_;
    workers.Post([self = std::move(self)]() mutable { Run(std::move(self)); });
  }

  static void Run(std::shared_ptr<WatchReactor> self) {
    self->scheduled_ = 1;
    self->Step();
    int expected = 1;
    if (self->scheduled_.compare_exchange_strong(expected, 0)) return;
    // Something happened meanwhile: to the back of the queue, so that one stream does not hold a
    // thread.
    Workers& workers = self->hub_.workers_;
    workers.Post([self = std::move(self)]() mutable { Run(std::move(self)); });
  }

  void Step() {
    constexpr size_t kBatchMax = 64;
    if (finished_ || writing_) return;
    if (cancelled_)
      return End(WithReason(Error(absl::StatusCode::kCancelled, "the client left"), "CANCELLED"));
    if (!refusal_.ok()) return End(refusal_);
    if (hub_.closed_) {
      // What is still in the batch was not sent: resume where the last message said.
      std::string revision = std::to_string(sent_revision_);
      return End(WithReason(Unavailable("the server stops; resume from revision {}", revision),
                            "SERVER_STOPS", {{"revision", revision}}));
    }
    if (++next_ >= batch_.size()) {
      absl::StatusOr<std::vector<WatchIncidentsResponse>> batch = stream_->Next(kBatchMax);
      if (!batch.ok()) return End(batch.status());
      batch_ = *std::move(batch);
      next_ = 0;
      if (batch_.empty()) {
        if (!bookmark_due_.exchange(false)) return;
        batch_.push_back(stream_->Bookmark());
      }
    }
    bookmark_due_ = false;
    last_write_ = Clock::now();
    writing_ = true;
    sent_revision_ = batch_[next_].revision();
    StartWrite(&batch_[next_]);
  }

  void End(const absl::Status& status) {
    finished_ = true;
    Finish(ToGrpc(status));  // OnDone may run before this returns; the caller holds a reference
  }

  WatchHub& hub_;
  // Read and written by Step alone, or before the first one.
  absl::Status refusal_;
  std::unique_ptr<WatchStream> stream_;
  std::vector<WatchIncidentsResponse> batch_;
  size_t next_ = 0;
  int64_t sent_revision_ = 0;
  bool finished_ = false;
  // Written by anybody.
  std::atomic<int> scheduled_ = 0;
  std::atomic<bool> writing_ = false;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> bookmark_due_ = false;
  std::atomic<Clock::time_point> last_write_ = Clock::now();
  std::shared_ptr<WatchReactor> self_;
};

WatchHub::WatchHub(Query& query, const Options& options)
    : query_(query),
      options_(options),
      workers_(options.threads, 0),
      ticker_([this](std::stop_token stop) { Tick(stop); }) {}

WatchHub::~WatchHub() {
  ticker_.request_stop();
  ticker_.join();
}

void WatchHub::Tick(std::stop_token stop) {
  std::unique_lock lock(mu_);
  while (!stop.stop_requested()) {
    ticked_.wait_for(lock, stop, options_.bookmark_interval / 2, [] { return false; });
    // Streams leave the set before they die, and need mu_ for it.
    for (WatchReactor* stream : streams_) stream->Tick();
  }
}

void WatchHub::Close() {
  closed_ = true;
  std::lock_guard lock(mu_);
  for (WatchReactor* stream : streams_) stream->Wake();
}

grpc::ServerWriteReactor<WatchIncidentsResponse>* WatchHub::Watch(
    grpc::CallbackServerContext* /*context*/, const v1::WatchIncidentsRequest* request) {
  auto reactor = std::make_shared<WatchReactor>(*this);
  bool admitted = false;
  {
    std::lock_guard lock(mu_);
    admitted = streams_.size() < options_.streams_max;
    if (admitted) streams_.insert(reactor.get());
  }
  reactor->Start(*request, admitted);
  return reactor.get();
}

}  // namespace tocsin::api
