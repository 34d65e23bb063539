// SPDX-License-Identifier: Apache-2.0
#include "api/error.h"

#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

#include "base/status.h"

namespace tocsin::api {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

}  // namespace

absl::Status WithReason(absl::Status status, std::string_view reason, const Metadata& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

absl::Status BadField(std::string_view field, std::string_view description, std::string_view reason,
                      const Metadata& metadata) {
  google::rpc::BadRequest bad;
  google::rpc::BadRequest::FieldViolation* violation = bad.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(std::string(description));
  Metadata all = metadata;
  all.emplace("field", field);
  absl::Status status = WithReason(InvalidArgument("{}: {}", field, description), reason, all);
  status.SetPayload(kBadRequestUrl, absl::Cord(bad.SerializeAsString()));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "";
  if (auto payload = status.GetPayload(kErrorInfoUrl)) {
    google::rpc::ErrorInfo info;
    if (info.ParseFromString(std::string(*payload))) return info.reason();
  }
  return absl::StatusCodeToString(status.code());
}

std::string Quoted(std::string_view text) {
  constexpr size_t kMax_bytes = 60;
  bool cut = text.size() > kMax_bytes;
  if (cut) {
    size_t end = kMax_bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string out = "'";
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    size_t length = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
    bool good = length > 0 && i + length <= text.size() && c >= 0x20 && c != 0x7F;
    for (size_t k = 1; good && k < length; ++k) {
      good = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    }
    if (good) {
      out.append(text.substr(i, length));
      i += length;
    } else {
      out += '?';
      ++i;
    }
  }
  out += cut ? "...'" : "'";
  return out;
}

}  // namespace tocsin::api
