// SPDX-License-Identifier: Apache-2.0
#include "api/services.h"

#include <chrono>
#include <utility>

#include <grpcpp/support/server_callback.h>

#include "api/error.h"
#include "api/rpc_status.h"
#include "api/watch_reactor.h"
#include "api/workers.h"
#include "base/status.h"
#include "tocsin/v1/incident.grpc.pb.h"
#include "tocsin/v1/node.grpc.pb.h"
#include "tocsin/v1/signature.grpc.pb.h"
#include "tocsin/v1/silence.grpc.pb.h"

namespace tocsin::api {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

// Runs `answer`, a StatusOr<Response>(cancelled), on a worker and finishes the call with what it
// returns.
template <typename Response, typename Answer>
Reactor* Run(Workers& workers, Context* context, Response* response, Answer answer) {
  Reactor* reactor = context->DefaultReactor();
  bool posted = workers.TryPost([=] {
    auto cancelled = [context] {
      return context->IsCancelled() || std::chrono::system_clock::now() > context->deadline();
    };
    if (cancelled()) {
      reactor->Finish(ToGrpc(WithReason(Error(absl::StatusCode::kDeadlineExceeded,
                                              "the caller's deadline passed before its turn came"),
                                        "DEADLINE_EXCEEDED")));
      return;
    }
    auto result = answer(cancelled);
    if (result.ok()) *response = *std::move(result);
    reactor->Finish(ToGrpc(result.status()));
  });
  if (!posted) reactor->Finish(ToGrpc(Busy()));
  return reactor;
}

Reactor* Refuse(Context* context, const char* what) {
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(NotYet(what)));
  return reactor;
}

class IncidentService final : public v1::IncidentService::CallbackService {
 public:
  IncidentService(Query& query, Workers& workers, Workers& command_workers, WatchHub& watches)
      : query_(query), workers_(workers), command_workers_(command_workers), watches_(watches) {}

  Reactor* ListIncidents(Context* context, const v1::ListIncidentsRequest* request,
                         v1::ListIncidentsResponse* response) override {
    return Run(workers_, context, response, [this, request](const Query::Cancelled& cancelled) {
      return query_.ListIncidents(*request, cancelled);
    });
  }
  Reactor* GetIncident(Context* context, const v1::GetIncidentRequest* request,
                       v1::Incident* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.GetIncident(*request); });
  }
  grpc::ServerWriteReactor<v1::WatchIncidentsResponse>* WatchIncidents(
      Context* context, const v1::WatchIncidentsRequest* request) override {
    return watches_.Watch(context, request);
  }
  Reactor* AcknowledgeIncident(Context* context, const v1::AcknowledgeIncidentRequest* request,
                               v1::Incident* response) override {
    return Run(command_workers_, context, response, [this, request](const Query::Cancelled&) {
      return query_.AcknowledgeIncident(*request);
    });
  }
  Reactor* ResolveIncident(Context* context, const v1::ResolveIncidentRequest* request,
                           v1::Incident* response) override {
    return Run(command_workers_, context, response, [this, request](const Query::Cancelled&) {
      return query_.ResolveIncident(*request);
    });
  }
  Reactor* ReopenIncident(Context* context, const v1::ReopenIncidentRequest* request,
                          v1::Incident* response) override {
    return Run(command_workers_, context, response, [this, request](const Query::Cancelled&) {
      return query_.ReopenIncident(*request);
    });
  }
  Reactor* QueryStats(Context* context, const v1::QueryStatsRequest* request,
                      v1::QueryStatsResponse* response) override {
    return Run(workers_, context, response, [this, request](const Query::Cancelled& cancelled) {
      return query_.QueryStats(*request, cancelled);
    });
  }

 private:
  Query& query_;
  Workers& workers_;
  Workers& command_workers_;  // these wait for the disk; questions need not
  WatchHub& watches_;
};

class NodeService final : public v1::NodeService::CallbackService {
 public:
  NodeService(Query& query, Workers& workers) : query_(query), workers_(workers) {}

  Reactor* ListNodes(Context* context, const v1::ListNodesRequest* request,
                     v1::ListNodesResponse* response) override {
    return Run(workers_, context, response, [this, request](const Query::Cancelled& cancelled) {
      return query_.ListNodes(*request, cancelled);
    });
  }
  Reactor* GetNode(Context* context, const v1::GetNodeRequest* request,
                   v1::Node* response) override {
    return Run(workers_, context, response, [this, request](const Query::Cancelled& cancelled) {
      return query_.GetNode(*request, cancelled);
    });
  }

 private:
  Query& query_;
  Workers& workers_;
};

class SignatureService final : public v1::SignatureService::CallbackService {
 public:
  SignatureService(Query& query, Workers& workers) : query_(query), workers_(workers) {}

  Reactor* ListSignatures(Context* context, const v1::ListSignaturesRequest* request,
                          v1::ListSignaturesResponse* response) override {
    return Run(workers_, context, response, [this, request](const Query::Cancelled&) {
      return query_.ListSignatures(*request);
    });
  }
  Reactor* GetSignature(Context* context, const v1::GetSignatureRequest* request,
                        v1::Signature* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.GetSignature(*request); });
  }
  Reactor* TestSignature(Context* context, const v1::TestSignatureRequest* request,
                         v1::TestSignatureResponse* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.TestSignature(*request); });
  }
  Reactor* ReloadSignatures(Context* context, const v1::ReloadSignaturesRequest*,
                            v1::ReloadSignaturesResponse*) override {
    return Refuse(context, "Reloading signatures while running");
  }
  Reactor* ListNearMisses(Context* context, const v1::ListNearMissesRequest*,
                          v1::ListNearMissesResponse*) override {
    return Refuse(context, "Listing near misses");
  }

 private:
  Query& query_;
  Workers& workers_;
};

class SilenceService final : public v1::SilenceService::CallbackService {
 public:
  SilenceService(Query& query, Workers& workers) : query_(query), workers_(workers) {}

  Reactor* CreateSilence(Context* context, const v1::CreateSilenceRequest* request,
                         v1::Silence* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.CreateSilence(*request); });
  }
  Reactor* ListSilences(Context* context, const v1::ListSilencesRequest* request,
                        v1::ListSilencesResponse* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.ListSilences(*request); });
  }
  Reactor* ExpireSilence(Context* context, const v1::ExpireSilenceRequest* request,
                         v1::Silence* response) override {
    return Run(workers_, context, response,
               [this, request](const Query::Cancelled&) { return query_.ExpireSilence(*request); });
  }

 private:
  Query& query_;
  Workers& workers_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeServices(Query& query, Workers& workers,
                                                         Workers& command_workers,
                                                         WatchHub& watches) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<IncidentService>(query, workers, command_workers, watches));
  services.push_back(std::make_unique<NodeService>(query, workers));
  services.push_back(std::make_unique<SignatureService>(query, workers));
  services.push_back(std::make_unique<SilenceService>(query, command_workers));
  return services;
}

}  // namespace tocsin::api
