// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Errors that programs can tell apart. Below gRPC an error is an absl::Status that carries
// google.rpc.ErrorInfo (and BadRequest) as payloads; rpc_status.h turns it into what travels.
namespace tocsin::api {

inline constexpr std::string_view kErrorDomain = "tocsin.dev";

using Metadata = std::map<std::string, std::string>;

// `status` with ErrorInfo{reason, kErrorDomain, metadata}. `reason` is UPPER_SNAKE_CASE, at most 63
// characters, and part of the contract: api/README.md lists all of them. OK stays OK.
absl::Status WithReason(absl::Status status, std::string_view reason,
                        const Metadata& metadata = {});

// INVALID_ARGUMENT about one field of the request: ErrorInfo and BadRequest.field_violations.
// The message becomes "field: description".
absl::Status BadField(std::string_view field, std::string_view description,
                      std::string_view reason = "INVALID_FIELD", const Metadata& metadata = {});

// The reason that `status` carries, or one derived from its code ("NOT_FOUND"). "" for OK.
std::string ReasonOf(const absl::Status& status);

// User input as it may stand in an error message: quoted, at most 60 bytes, printable, valid UTF-8.
std::string Quoted(std::string_view text);

}  // namespace tocsin::api
