// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <pwd.h>
#include <random>
#include <unistd.h>
#include <utility>

#include "cli/text.h"
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/status.h"
#include "tocsin/v1/incident.grpc.pb.h"
#include "tocsin/v1/node.grpc.pb.h"
#include "tocsin/v1/silence.grpc.pb.h"

namespace tocsin::cli {
namespace {

constexpr auto kDeadline = std::chrono::seconds(10);
constexpr int kPage = 500;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // An on-call person's proxy is for the web; the server is named by its own address.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

struct Client::Impl {
  explicit Impl(std::string where)
      : address(std::move(where)),
        channel(Connect(address)),
        incidents(v1::IncidentService::NewStub(channel)),
        nodes(v1::NodeService::NewStub(channel)),
        silences(v1::SilenceService::NewStub(channel)) {}

  absl::Status Translate(const grpc::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    std::string said = Printable(status.error_message());
    // Both are gRPC's own when no answer came; a server's UNAVAILABLE about its disk reads
    // differently.
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
        channel->GetState(false) != GRPC_CHANNEL_READY) {
      return Unavailable("no tocsin server answers at {} ({}): is it running, is --server right?",
                         address, said);
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return Error(absl::StatusCode::kDeadlineExceeded, "{} did not answer in time", address);
    }
    return Error(static_cast<absl::StatusCode>(status.error_code()), "{}", said);
  }

  // One call with the usual deadline.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    return Translate((stub.*method)(&context, request, &response));
  }

  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::IncidentService::Stub> incidents;
  std::unique_ptr<v1::NodeService::Stub> nodes;
  std::unique_ptr<v1::SilenceService::Stub> silences;
};

namespace {

// Collects `limit` items (0: all) page by page. `call` fills a response; `items` picks its list.
template <typename Item, typename Request, typename Response, typename Call, typename Items>
absl::StatusOr<std::vector<Item>> Pages(Request request, size_t limit, int64_t& total, Call call,
                                        Items items) {
  std::vector<Item> all;
  do {
    request.set_page_size(
        limit == 0 ? kPage : static_cast<int>(std::min<size_t>(kPage, limit - all.size())));
    Response response;
    RETURN_IF_ERROR(call(request, response));
    for (Item& item : *items(response)) all.push_back(std::move(item));
    total = response.total_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || all.size() < limit));
  return all;
}

}  // namespace

Client::Client(std::string address) : impl_(std::make_unique<Impl>(std::move(address))) {}
Client::~Client() = default;

absl::StatusOr<std::vector<v1::Incident>> Client::ListIncidents(
    const v1::ListIncidentsRequest& request, size_t limit, int64_t& total) {
  return Pages<v1::Incident, v1::ListIncidentsRequest, v1::ListIncidentsResponse>(
      request, limit, total,
      [this](const auto& page, auto& response) {
        return impl_->Call(*impl_->incidents, &v1::IncidentService::Stub::ListIncidents, page,
                           response);
      },
      [](auto& response) { return response.mutable_incidents(); });
}

absl::StatusOr<v1::Incident> Client::GetIncident(const std::string& name) {
  v1::GetIncidentRequest request;
  request.set_name(name);
  v1::Incident incident;
  RETURN_IF_ERROR(
      impl_->Call(*impl_->incidents, &v1::IncidentService::Stub::GetIncident, request, incident));
  return incident;
}

namespace {

// `request_id` lets a call that gRPC repeats by itself be recognised.
std::string NewRequestId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

template <typename Request>
Request Decision(const std::string& name, const std::string& who, const std::string& note) {
  Request request;
  request.set_name(name);
  request.set_who(who);
  request.set_note(note);
  request.set_request_id(NewRequestId());
  return request;
}

}  // namespace

absl::StatusOr<v1::Incident> Client::Acknowledge(const std::string& name, const std::string& who,
                                                 const std::string& note) {
  v1::Incident incident;
  RETURN_IF_ERROR(impl_->Call(*impl_->incidents, &v1::IncidentService::Stub::AcknowledgeIncident,
                              Decision<v1::AcknowledgeIncidentRequest>(name, who, note), incident));
  return incident;
}

absl::StatusOr<v1::Incident> Client::Resolve(const std::string& name, const std::string& who,
                                             const std::string& note) {
  v1::Incident incident;
  RETURN_IF_ERROR(impl_->Call(*impl_->incidents, &v1::IncidentService::Stub::ResolveIncident,
                              Decision<v1::ResolveIncidentRequest>(name, who, note), incident));
  return incident;
}

absl::StatusOr<v1::Incident> Client::Reopen(const std::string& name, const std::string& who,
                                            const std::string& note) {
  v1::Incident incident;
  RETURN_IF_ERROR(impl_->Call(*impl_->incidents, &v1::IncidentService::Stub::ReopenIncident,
                              Decision<v1::ReopenIncidentRequest>(name, who, note), incident));
  return incident;
}

absl::StatusOr<std::vector<v1::Silence>> Client::ListSilences(bool expired) {
  v1::ListSilencesRequest request;
  request.set_show_expired(expired);
  request.set_page_size(kPage);
  std::vector<v1::Silence> all;
  do {
    v1::ListSilencesResponse response;
    RETURN_IF_ERROR(
        impl_->Call(*impl_->silences, &v1::SilenceService::Stub::ListSilences, request, response));
    for (v1::Silence& silence : *response.mutable_silences()) all.push_back(std::move(silence));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::Silence> Client::CreateSilence(const v1::CreateSilenceRequest& request) {
  v1::CreateSilenceRequest once = request;
  once.set_request_id(NewRequestId());
  v1::Silence silence;
  RETURN_IF_ERROR(
      impl_->Call(*impl_->silences, &v1::SilenceService::Stub::CreateSilence, once, silence));
  return silence;
}

absl::StatusOr<v1::Silence> Client::ExpireSilence(const std::string& name) {
  v1::ExpireSilenceRequest request;
  request.set_name(name);
  v1::Silence silence;
  RETURN_IF_ERROR(
      impl_->Call(*impl_->silences, &v1::SilenceService::Stub::ExpireSilence, request, silence));
  return silence;
}

std::string DefaultWho() {
  for (const char* name : {"USER", "LOGNAME"}) {
    if (const char* who = std::getenv(name); who != nullptr && who[0] != '\0') return who;
  }
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : "";
}

absl::StatusOr<std::vector<v1::Node>> Client::ListNodes(const v1::ListNodesRequest& request,
                                                        size_t limit, int64_t& total) {
  return Pages<v1::Node, v1::ListNodesRequest, v1::ListNodesResponse>(
      request, limit, total,
      [this](const auto& page, auto& response) {
        return impl_->Call(*impl_->nodes, &v1::NodeService::Stub::ListNodes, page, response);
      },
      [](auto& response) { return response.mutable_nodes(); });
}

absl::StatusOr<v1::Node> Client::GetNode(const std::string& name) {
  v1::GetNodeRequest request;
  request.set_name(name);
  v1::Node node;
  RETURN_IF_ERROR(impl_->Call(*impl_->nodes, &v1::NodeService::Stub::GetNode, request, node));
  return node;
}

absl::Status Client::Watch(const v1::WatchIncidentsRequest& request, double seconds,
                           const std::function<bool(const v1::WatchIncidentsResponse&)>& visit) {
  grpc::ClientContext context;
  if (seconds > 0) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  }
  std::unique_ptr<grpc::ClientReader<v1::WatchIncidentsResponse>> reader =
      impl_->incidents->WatchIncidents(&context, request);
  v1::WatchIncidentsResponse response;
  bool wanted = true;
  while (wanted && reader->Read(&response)) wanted = visit(response);
  if (!wanted) context.TryCancel();
  grpc::Status status = reader->Finish();
  return wanted ? impl_->Translate(status) : absl::OkStatus();
}

}  // namespace tocsin::cli
