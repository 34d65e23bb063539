// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace tocsin::api {

// What travels: the same code and message, and google.rpc.Status with ErrorInfo (made from the code
// where `status` carries none) and any other google.rpc payload of `status` in the binary trailer.
// Messages are cut at 1 KiB, because clients limit the size of trailers.
grpc::Status ToGrpc(const absl::Status& status);

// RESOURCE_EXHAUSTED with a RetryInfo of a second: more calls wait than may.
absl::Status Busy();

// UNIMPLEMENTED with one sentence about `what`, e.g. "Acknowledging incidents".
absl::Status NotYet(const char* what);

}  // namespace tocsin::api
