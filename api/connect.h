// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "api/query.h"

// The unary half of the Connect protocol (connectrpc.com): a call is a POST of JSON, an error is an
// HTTP status with a body that names its code. Without the wire.
namespace tocsin::api {

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The error as Connect has it: {"code":"not_found","message":"...","details":[...]}, with the same
// details as over gRPC, and Retry-After where it is worth trying again. Not for OK.
HttpReply ConnectError(const absl::Status& status);
// That body alone.
std::string ConnectErrorBody(const absl::Status& status);

// One method: JSON in, JSON out. Nothing means the empty message; fields that are not known are
// INVALID_ARGUMENT (INVALID_JSON). Thread-safe.
using JsonMethod =
    std::function<absl::StatusOr<std::string>(std::string_view, const Query::Cancelled&)>;

// "/tocsin.v1.IncidentService/ListIncidents" and so on: every method of every service of tocsin.v1,
// as the descriptors list them. Those that nobody answers yet, and the streaming ones, are
// UNIMPLEMENTED. `query` outlives the methods.
std::map<std::string, JsonMethod, std::less<>> JsonMethods(const Query& query);

}  // namespace tocsin::api
