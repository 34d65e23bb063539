// SPDX-License-Identifier: Apache-2.0
#include "api/http_routes.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "api/error.h"
#include "api/json.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

constexpr std::string_view kWatchPath = "/v1/watch";

std::string_view PathOf(const HttpRequest& request) {
  std::string_view target = request.target;
  return target.substr(0, target.find('?'));
}

bool IsPage(std::string_view path) {
  return path == "/healthz" || path == "/readyz" || path == "/metrics";
}

HttpReply Text(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

HttpReply Refusal(int status, const absl::Status& error) {
  HttpReply reply = ConnectError(error);
  reply.status = status;
  return reply;
}

HttpReply WrongMethod(const std::string& method, const char* allow) {
  HttpReply reply =
      Refusal(405, WithReason(Error(absl::StatusCode::kUnimplemented,
                                    "{} is not for this path: use {}", Quoted(method), allow),
                              "METHOD_NOT_ALLOWED"));
  reply.headers.emplace_back("Allow", allow);
  return reply;
}

// "application/json", with parameters or not, in any case.
bool IsJson(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  constexpr std::string_view kJson = "application/json";
  return std::equal(type.begin(), type.end(), kJson.begin(), kJson.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && !text.empty() && end == text.data() + text.size();
}

absl::Status BadHeader(std::string_view name, const std::string& value, const char* want) {
  return WithReason(InvalidArgument("{} is {}: write {}", name, Quoted(value), want),
                    "INVALID_HEADER", {{"header", std::string(name)}});
}

// What keeps a call from being looked at; nullopt: nothing.
std::optional<HttpReply> CheckCall(const HttpRequest& request) {
  if (request.method != "POST") return WrongMethod(request.method, "POST");
  if (!IsJson(request.content_type)) {
    HttpReply reply =
        Refusal(415, BadHeader("Content-Type", request.content_type, "application/json"));
    reply.headers.emplace_back("Accept-Post", "application/json");
    return reply;
  }
  if (!request.content_encoding.empty() && request.content_encoding != "identity") {
    return ConnectError(WithReason(Error(absl::StatusCode::kUnimplemented,
                                         "Content-Encoding is {}: only identity is understood",
                                         Quoted(request.content_encoding)),
                                   "INVALID_HEADER"));
  }
  if (!request.connect_version.empty() && request.connect_version != "1") {
    return ConnectError(BadHeader("Connect-Protocol-Version", request.connect_version, "1"));
  }
  uint32_t timeout = 0;
  if (!request.connect_timeout_ms.empty() && !ReadNumber(request.connect_timeout_ms, timeout)) {
    return ConnectError(
        BadHeader("Connect-Timeout-Ms", request.connect_timeout_ms, "a number of milliseconds"));
  }
  return std::nullopt;
}

}  // namespace

HttpRoutes::HttpRoutes(const Query& query, std::function<std::string()> not_ready,
                       std::function<std::string()> metrics)
    : not_ready_(std::move(not_ready)),
      metrics_(std::move(metrics)),
      methods_(JsonMethods(query)) {}

HttpRoutes::Kind HttpRoutes::Find(const HttpRequest& request) const {
  std::string_view path = PathOf(request);
  if (path == kWatchPath && request.method == "GET") return Kind::kWatch;
  return methods_.contains(path) && !CheckCall(request) ? Kind::kCall : Kind::kQuick;
}

HttpReply HttpRoutes::Answer(const HttpRequest& request, const Query::Cancelled& cancelled) const {
  std::string_view path = PathOf(request);
  if (auto method = methods_.find(path); method != methods_.end()) {
    if (std::optional<HttpReply> refused = CheckCall(request)) return *std::move(refused);
    return Call(method->second, request, cancelled);
  }
  if (path == kWatchPath) return WrongMethod(request.method, "GET");
  if (!IsPage(path)) {
    // Connect's clients take 404 without a body of ours for "unimplemented": say the same.
    return Refusal(404, WithReason(Error(absl::StatusCode::kUnimplemented, "there is nothing at {}",
                                         Quoted(std::string(path))),
                                   "NO_SUCH_PATH"));
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return WrongMethod(request.method, "GET, HEAD");
  }
  if (path == "/healthz") return Text(200, "ok\n");
  if (path == "/readyz") {
    std::string reason = not_ready_ ? not_ready_() : "";
    return reason.empty() ? Text(200, "ok\n") : Text(503, reason + "\n");
  }
  HttpReply reply = Text(200, metrics_ ? metrics_() : "");
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

HttpReply HttpRoutes::Call(const JsonMethod& method, const HttpRequest& request,
                           const Query::Cancelled& cancelled) const {
  auto until = std::chrono::steady_clock::time_point::max();
  if (uint32_t timeout = 0; ReadNumber(request.connect_timeout_ms, timeout)) {
    until = request.received + std::chrono::milliseconds(timeout);
  }
  auto late = [until] { return std::chrono::steady_clock::now() > until; };
  absl::StatusOr<std::string> json = absl::CancelledError();
  if (!late()) json = method(request.body, [&] { return late() || (cancelled && cancelled()); });
  if (json.ok()) return {.body = *std::move(json)};
  if (absl::IsCancelled(json.status()) && late()) {
    return ConnectError(WithReason(Error(absl::StatusCode::kDeadlineExceeded,
                                         "Connect-Timeout-Ms passed before the answer was there"),
                                   "DEADLINE_EXCEEDED"));
  }
  return ConnectError(json.status());
}

absl::StatusOr<v1::WatchIncidentsRequest> HttpRoutes::WatchRequest(const HttpRequest& request) {
  v1::WatchIncidentsRequest watch;
  std::string_view target = request.target;
  size_t mark = target.find('?');
  std::string_view query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  ASSIGN_OR_RETURN(auto parameters, ParseQueryString(query));
  auto read_revision = [&watch](const std::string& field, const std::string& text) -> absl::Status {
    int64_t revision = 0;
    if (!ReadNumber(text, revision)) {
      return BadField(field, fmt::format("{} is not a revision", Quoted(text)), "INVALID_REVISION");
    }
    watch.set_revision(revision);
    return absl::OkStatus();
  };
  for (const auto& [key, value] : parameters) {
    if (key == "filter") {
      watch.set_filter(value);
    } else if (key == "parent") {
      watch.set_parent(value);
    } else if (key == "revision") {
      RETURN_IF_ERROR(read_revision("revision", value));
    } else {
      return WithReason(
          InvalidArgument("{} is not a parameter: write filter, parent or revision", Quoted(key)),
          "INVALID_FIELD");
    }
  }
  if (!request.last_event_id.empty()) {
    RETURN_IF_ERROR(read_revision("Last-Event-ID", request.last_event_id));
  }
  return watch;
}

std::string ToEvent(const v1::WatchIncidentsResponse& change) {
  std::string name = v1::WatchIncidentsResponse::Type_Name(change.type());
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return fmt::format("event: {}\nid: {}\ndata: {}\n\n", name, change.revision(), ToJson(change));
}

std::string ToEndEvent(const absl::Status& status) {
  return fmt::format("event: end\n{}data: {}\n\n", absl::IsOutOfRange(status) ? "id: 0\n" : "",
                     ConnectErrorBody(status));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQueryString(
    std::string_view text) {
  auto decode = [](std::string_view word, std::string& out) {
    for (size_t i = 0; i < word.size(); ++i) {
      if (word[i] != '%') {
        out += word[i] == '+' ? ' ' : word[i];
        continue;
      }
      unsigned char byte = 0;
      if (i + 2 >= word.size()) return false;
      const char* end = word.data() + i + 3;
      auto [stop, error] = std::from_chars(word.data() + i + 1, end, byte, 16);
      if (error != std::errc() || stop != end) return false;
      out += static_cast<char>(byte);
      i += 2;
    }
    return true;
  };
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!text.empty()) {
    std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    size_t equals = std::min(pair.find('='), pair.size());
    auto& [key, value] = parameters.emplace_back();
    if (!decode(pair.substr(0, equals), key) ||
        !decode(pair.substr(std::min(equals + 1, pair.size())), value)) {
      return WithReason(InvalidArgument("{} has a percent sign without two hexadecimal digits",
                                        Quoted(std::string(pair))),
                        "INVALID_FIELD");
    }
  }
  return parameters;
}

}  // namespace tocsin::api
