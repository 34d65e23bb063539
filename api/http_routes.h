// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "api/connect.h"
#include "api/query.h"

// What HTTP answers, without sockets.
namespace tocsin::api {

struct HttpRequest {
  std::string method;  // "GET"
  std::string target;  // "/v1/watch?revision=3", as it was sent
  // Headers; empty: not there.
  std::string content_type, content_encoding, connect_version, connect_timeout_ms, last_event_id;
  std::string body;
  std::chrono::steady_clock::time_point received = std::chrono::steady_clock::now();
};

// Immutable; thread-safe.
class HttpRoutes {
 public:
  // Who answers a request.
  enum class Kind {
    kQuick,  // Answer, at once: never waits
    kCall,   // Answer, on a worker, after the body was read
    kWatch,  // WatchRequest, then a stream
  };
  // `not_ready`: why /readyz says 503, empty: it does not. `metrics`: the text of /metrics. Both
  // are called on the server's only I/O thread, so they must be quick; either may be empty.
  HttpRoutes(const Query& query, std::function<std::string()> not_ready,
             std::function<std::string()> metrics);

  // By method, target and headers alone.
  Kind Find(const HttpRequest& request) const;
  // For kQuick and kCall. Body and all for HEAD, too: the server leaves the body out.
  HttpReply Answer(const HttpRequest& request, const Query::Cancelled& cancelled) const;
  // For kWatch: filter, parent and revision from the query string; Last-Event-ID wins over
  // revision, because it is what an EventSource says after its connection broke.
  static absl::StatusOr<v1::WatchIncidentsRequest> WatchRequest(const HttpRequest& request);

 private:
  HttpReply Call(const JsonMethod& method, const HttpRequest& request,
                 const Query::Cancelled& cancelled) const;

  const std::function<std::string()> not_ready_;
  const std::function<std::string()> metrics_;
  const std::map<std::string, JsonMethod, std::less<>> methods_;
};

// One server-sent event, with its empty line. Type gives its name: added, modified, deleted,
// bookmark.
std::string ToEvent(const v1::WatchIncidentsResponse& change);
// The last event of a stream: "end", with the error. After OUT_OF_RANGE the client's next attempt
// starts from 0, otherwise from the last event it was sent.
std::string ToEndEvent(const absl::Status& status);

// "a=1&b=%20+" -> {{a, 1}, {b, "  "}}. INVALID_ARGUMENT: a bad escape.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQueryString(
    std::string_view text);

}  // namespace tocsin::api
