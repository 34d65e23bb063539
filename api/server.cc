// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <mutex>
#include <utility>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "api/listen.h"
#include "api/services.h"
#include "api/watch_reactor.h"
#include "api/workers.h"
#include "base/status.h"
#include "tocsin/v1/incident.grpc.pb.h"
#include "tocsin/v1/node.grpc.pb.h"
#include "tocsin/v1/signature.grpc.pb.h"
#include "tocsin/v1/silence.grpc.pb.h"

namespace tocsin::api {
namespace {

// gRPC ends connections that are dead, and those of clients that ping more often than every ten
// seconds.
void LimitConnections(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 5);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4096);
  // A second server on the same port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Reflection is the one service that holds a thread per stream.
  grpc::ResourceQuota quota("tocsin");
  quota.SetMaxThreads(16);
  builder.SetResourceQuota(quota);
}

const std::vector<std::string>& ServiceNames() {
  static const std::vector<std::string> names = {
      v1::IncidentService::service_full_name(), v1::NodeService::service_full_name(),
      v1::SignatureService::service_full_name(), v1::SilenceService::service_full_name()};
  return names;
}

}  // namespace

struct Server::Impl {
  Impl(const Options& options, Query& query)
      : workers(options.worker_threads, options.waiting_calls_max),
        command_workers(2, options.waiting_calls_max),
        watches(query, {.threads = options.watch_threads,
                        .streams_max = options.watchers_max,
                        .bookmark_interval = options.bookmark_interval}),
        services(MakeServices(query, workers, command_workers, watches)) {}

  // Destroyed from the last to the first: calls, then what they ran on.
  Workers workers;
  Workers command_workers;
  WatchHub watches;
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<grpc::Server> server;
  std::string address;
  mutable std::mutex mu;
  std::string reason;  // guarded by mu
  bool down = false;   // guarded by mu
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(std::chrono::system_clock::now()); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, Query& query) {
  ASSIGN_OR_RETURN(const Listen listen, ParseListen(options.listen, options.insecure));
  // Makes reflection able to describe health, which gRPC serves without our descriptor.
  grpc::health::v1::HealthCheckRequest::descriptor();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  auto impl = std::make_unique<Impl>(options, query);
  grpc::ServerBuilder builder;
  LimitConnections(builder);
  builder.SetMaxReceiveMessageSize(options.request_max_bytes);
  int port = 0;
  const bool is_unix = listen.host.empty();
  builder.AddListeningPort(is_unix ? options.listen : AddressAt(listen, listen.port),
                           grpc::InsecureServerCredentials(), &port);
  for (const auto& service : impl->services) builder.RegisterService(service.get());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || (port <= 0 && !is_unix)) {
    return CannotListen(options.listen);
  }
  impl->address = is_unix ? options.listen : AddressAt(listen, port);
  std::unique_ptr<Server> server(new Server(std::move(impl)));
  server->SetServing(options.serving, options.serving ? "" : "starting");
  return server;
}

const std::string& Server::address() const { return impl_->address; }

void Server::SetServing(bool serving, std::string_view reason) {
  std::lock_guard lock(impl_->mu);
  impl_->reason = reason;
  grpc::HealthCheckServiceInterface* health = impl_->server->GetHealthCheckService();
  if (impl_->down || health == nullptr) return;
  for (const std::string& name : ServiceNames()) health->SetServingStatus(name, serving);
  health->SetServingStatus("", serving);
}

std::string Server::reason() const {
  std::lock_guard lock(impl_->mu);
  return impl_->reason;
}

void Server::Shutdown(std::chrono::system_clock::time_point deadline) {
  {
    std::lock_guard lock(impl_->mu);
    if (impl_->down) return;
    impl_->down = true;
  }
  impl_->watches.Close();
  impl_->server->Shutdown(deadline);
  impl_->server->Wait();
}

}  // namespace tocsin::api
