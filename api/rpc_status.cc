// SPDX-License-Identifier: Apache-2.0
#include "api/rpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include <grpcpp/support/status.h>

#include "api/error.h"
#include "base/status.h"

namespace tocsin::api {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  constexpr size_t kMessageMax_bytes = 1024;
  std::string message = Message(status);
  if (message.size() > kMessageMax_bytes) {
    size_t end = kMessageMax_bytes;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
    message.resize(end);
  }
  const std::string reason = ReasonOf(status);
  absl::Status with_info = status;
  bool has_info = false;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord&) {
    has_info |= url == "type.googleapis.com/google.rpc.ErrorInfo";
  });
  if (!has_info) with_info = WithReason(with_info, reason);

  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  with_info.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(std::string(url.data(), url.size()));
    any->set_value(std::string(payload));
  });
  return {static_cast<grpc::StatusCode>(status.code()), message, details.SerializeAsString()};
}

absl::Status Busy() {
  absl::Status status =
      WithReason(Error(absl::StatusCode::kResourceExhausted,
                       "too many requests wait for an answer; try again in a second"),
                 "TOO_MANY_REQUESTS");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  status.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                    absl::Cord(retry.SerializeAsString()));
  return status;
}

absl::Status NotYet(const char* what) {
  return WithReason(
      Error(absl::StatusCode::kUnimplemented, "{} is not in this release of tocsin.", what),
      "NOT_IN_THIS_RELEASE");
}

}  // namespace tocsin::api
