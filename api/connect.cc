// SPDX-License-Identifier: Apache-2.0
#include "api/connect.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include <grpcpp/support/status.h>

#include "api/error.h"
#include "api/json.h"
#include "api/rpc_status.h"
#include "base/status.h"
#include "tocsin/v1/silence.pb.h"

namespace tocsin::api {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

struct Code {
  const char* name;
  int http;
};

// In the order of gRPC's codes; the numbers are those of Connect's specification.
constexpr Code kCodes[] = {{"ok", 200},
                           {"canceled", 499},
                           {"unknown", 500},
                           {"invalid_argument", 400},
                           {"deadline_exceeded", 504},
                           {"not_found", 404},
                           {"already_exists", 409},
                           {"permission_denied", 403},
                           {"resource_exhausted", 429},
                           {"failed_precondition", 400},
                           {"aborted", 409},
                           {"out_of_range", 400},
                           {"unimplemented", 501},
                           {"internal", 500},
                           {"unavailable", 503},
                           {"data_loss", 500},
                           {"unauthenticated", 401}};

const Code& CodeOf(const absl::Status& status) {
  auto code = static_cast<size_t>(status.code());
  return kCodes[code < std::size(kCodes) ? code : 2];
}

// The detail in clear, for people with curl; programs read `value`.
template <typename Detail>
bool Debug(const google::protobuf::Any& any, std::string& out) {
  Detail detail;
  if (!any.Is<Detail>() || !any.UnpackTo(&detail)) return false;
  out = ToJson(detail);
  return true;
}

absl::Status Parse(std::string_view json, Message& message) {
  if (json.empty()) return absl::OkStatus();
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  auto parsed =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message, strict);
  if (parsed.ok()) return absl::OkStatus();
  constexpr size_t kShown_bytes = 200;
  // It quotes the body, which may be anything.
  std::string what = ToUtf8({parsed.message().data(), parsed.message().size()});
  if (what.size() > kShown_bytes) what = ToUtf8(what.substr(0, kShown_bytes)) + "...";
  return WithReason(InvalidArgument("the body is not a {} in JSON: {}",
                                    message.GetDescriptor()->full_name(), what),
                    "INVALID_JSON");
}

template <typename Request, typename Answer>
JsonMethod Answered(Answer answer) {
  return [answer](std::string_view json,
                  const Query::Cancelled& cancelled) -> absl::StatusOr<std::string> {
    Request request;
    RETURN_IF_ERROR(Parse(json, request));
    ASSIGN_OR_RETURN(auto response, answer(request, cancelled));
    return ToJson(response);
  };
}

JsonMethod Refused(const MethodDescriptor& method) {
  absl::Status status = NotYet(method.name().c_str());
  if (method.server_streaming() || method.client_streaming()) {
    status = WithReason(Error(absl::StatusCode::kUnimplemented,
                              "{} is a stream: over HTTP it is GET /v1/watch, as server-sent "
                              "events",
                              method.name()),
                        "NOT_UNARY");
  }
  return [status](std::string_view, const Query::Cancelled&) { return status; };
}

}  // namespace

std::string ConnectErrorBody(const absl::Status& status) {
  const grpc::Status wire = ToGrpc(status);  // cuts messages, completes details
  google::rpc::Status details;
  details.ParseFromString(wire.error_details());
  std::string list;
  for (const google::protobuf::Any& any : details.details()) {
    std::string value = absl::Base64Escape(any.value());
    while (!value.empty() && value.back() == '=') value.pop_back();  // as Connect wants it
    std::string debug;
    if (!Debug<google::rpc::ErrorInfo>(any, debug) && !Debug<google::rpc::BadRequest>(any, debug)) {
      Debug<google::rpc::RetryInfo>(any, debug);
    }
    list += fmt::format("{}{{\"type\":{},\"value\":\"{}\"{}{}}}", list.empty() ? "" : ",",
                        JsonString(any.type_url().substr(any.type_url().rfind('/') + 1)), value,
                        debug.empty() ? "" : ",\"debug\":", debug);
  }
  return fmt::format("{{\"code\":\"{}\",\"message\":{},\"details\":[{}]}}", CodeOf(status).name,
                     JsonString(wire.error_message()), list);
}

HttpReply ConnectError(const absl::Status& status) {
  HttpReply reply;
  reply.status = CodeOf(status).http;
  reply.body = ConnectErrorBody(status);
  if (reply.status == 429 || reply.status == 503) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

std::map<std::string, JsonMethod, std::less<>> JsonMethods(const Query& query) {
  std::map<std::string, JsonMethod, std::less<>> methods;
  for (const FileDescriptor* file :
       {v1::Incident::descriptor()->file(), v1::Node::descriptor()->file(),
        v1::Signature::descriptor()->file(), v1::Silence::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const ServiceDescriptor& service = *file->service(s);
      for (int m = 0; m < service.method_count(); ++m) {
        const MethodDescriptor& method = *service.method(m);
        methods["/" + service.full_name() + "/" + method.name()] = Refused(method);
      }
    }
  }
  auto answer = [&methods](const std::string& path, JsonMethod method) {
    TOCSIN_CHECK(methods.contains(path));  // a name that no descriptor has
    methods[path] = std::move(method);
  };
  answer("/tocsin.v1.IncidentService/ListIncidents",
         Answered<v1::ListIncidentsRequest>([&query](const auto& request, const auto& cancelled) {
           return query.ListIncidents(request, cancelled);
         }));
  answer("/tocsin.v1.IncidentService/GetIncident",
         Answered<v1::GetIncidentRequest>(
             [&query](const auto& request, const auto&) { return query.GetIncident(request); }));
  answer("/tocsin.v1.NodeService/ListNodes",
         Answered<v1::ListNodesRequest>([&query](const auto& request, const auto& cancelled) {
           return query.ListNodes(request, cancelled);
         }));
  answer("/tocsin.v1.NodeService/GetNode",
         Answered<v1::GetNodeRequest>([&query](const auto& request, const auto& cancelled) {
           return query.GetNode(request, cancelled);
         }));
  answer("/tocsin.v1.SignatureService/ListSignatures",
         Answered<v1::ListSignaturesRequest>(
             [&query](const auto& request, const auto&) { return query.ListSignatures(request); }));
  answer("/tocsin.v1.SignatureService/GetSignature",
         Answered<v1::GetSignatureRequest>(
             [&query](const auto& request, const auto&) { return query.GetSignature(request); }));
  answer("/tocsin.v1.IncidentService/AcknowledgeIncident",
         Answered<v1::AcknowledgeIncidentRequest>([&query](const auto& request, const auto&) {
           return query.AcknowledgeIncident(request);
         }));
  answer("/tocsin.v1.IncidentService/ResolveIncident",
         Answered<v1::ResolveIncidentRequest>([&query](const auto& request, const auto&) {
           return query.ResolveIncident(request);
         }));
  answer("/tocsin.v1.IncidentService/ReopenIncident",
         Answered<v1::ReopenIncidentRequest>(
             [&query](const auto& request, const auto&) { return query.ReopenIncident(request); }));
  answer("/tocsin.v1.SilenceService/CreateSilence",
         Answered<v1::CreateSilenceRequest>(
             [&query](const auto& request, const auto&) { return query.CreateSilence(request); }));
  answer("/tocsin.v1.SilenceService/ListSilences",
         Answered<v1::ListSilencesRequest>(
             [&query](const auto& request, const auto&) { return query.ListSilences(request); }));
  answer("/tocsin.v1.SilenceService/ExpireSilence",
         Answered<v1::ExpireSilenceRequest>(
             [&query](const auto& request, const auto&) { return query.ExpireSilence(request); }));
  answer("/tocsin.v1.IncidentService/QueryStats",
         Answered<v1::QueryStatsRequest>([&query](const auto& request, const auto& cancelled) {
           return query.QueryStats(request, cancelled);
         }));
  answer("/tocsin.v1.SignatureService/TestSignature",
         Answered<v1::TestSignatureRequest>(
             [&query](const auto& request, const auto&) { return query.TestSignature(request); }));
  return methods;
}

}  // namespace tocsin::api
