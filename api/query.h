// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

#include "api/board.h"
#include "api/commands.h"
#include "api/silences.h"
#include "api/watch_stream.h"
#include "base/signature.h"
#include "base/time.h"
#include "store/store.h"
#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/node.pb.h"
#include "tocsin/v1/signature.pb.h"
#include "tocsin/v1/silence.pb.h"

namespace tocsin::api {

// Everything that can be asked, without the wire: gRPC, HTTP and tests call this. Thread-safe;
// every call reads afresh. Errors carry a reason (error.h); those of the store pass through.
class Query {
 public:
  // Asked now and then during a long scan: true ends it with CANCELLED. May be empty.
  using Cancelled = std::function<bool()>;

  // All outlive this. `clock` says what "-1h" in a filter is measured from. Without `commands`
  // nothing can be changed (UNIMPLEMENTED).
  Query(Board& board, const store::Store& store, std::shared_ptr<const Catalogue> catalogue,
        const Clock& clock, Commands* commands = nullptr, const Silences* silences = nullptr);

  // Reads every incident of the parent once: about 3 us each, and holds one page.
  absl::StatusOr<v1::ListIncidentsResponse> ListIncidents(const v1::ListIncidentsRequest& request,
                                                          const Cancelled& cancelled = {}) const;
  absl::StatusOr<v1::Incident> GetIncident(const v1::GetIncidentRequest& request) const;
  // `wake` as in Board::Subscribe. The stream must not outlive the board.
  absl::StatusOr<std::unique_ptr<WatchStream>> WatchIncidents(
      const v1::WatchIncidentsRequest& request, std::function<void()> wake);

  // Return the incident, or silence, as it is shown once the change is durable. Wait for the disk.
  // INVALID_ARGUMENT, and what Commands::Execute returns.
  absl::StatusOr<v1::Incident> AcknowledgeIncident(
      const v1::AcknowledgeIncidentRequest& request) const;
  absl::StatusOr<v1::Incident> ResolveIncident(const v1::ResolveIncidentRequest& request) const;
  absl::StatusOr<v1::Incident> ReopenIncident(const v1::ReopenIncidentRequest& request) const;
  absl::StatusOr<v1::Silence> CreateSilence(const v1::CreateSilenceRequest& request) const;
  absl::StatusOr<v1::Silence> ExpireSilence(const v1::ExpireSilenceRequest& request) const;
  absl::StatusOr<v1::ListSilencesResponse> ListSilences(
      const v1::ListSilencesRequest& request) const;

  // Reads every incident of the parent once, whatever the range.
  absl::StatusOr<v1::QueryStatsResponse> QueryStats(const v1::QueryStatsRequest& request,
                                                    const Cancelled& cancelled = {}) const;

  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request,
                                                  const Cancelled& cancelled = {}) const;
  // By name; the node may be a unique prefix, and stand alone without its cluster.
  absl::StatusOr<v1::Node> GetNode(const v1::GetNodeRequest& request,
                                   const Cancelled& cancelled = {}) const;

  absl::StatusOr<v1::ListSignaturesResponse> ListSignatures(
      const v1::ListSignaturesRequest& request) const;
  absl::StatusOr<v1::Signature> GetSignature(const v1::GetSignatureRequest& request) const;
  // Compiles what it is given, and nothing else knows of it. Takes milliseconds a pattern.
  absl::StatusOr<v1::TestSignatureResponse> TestSignature(
      const v1::TestSignatureRequest& request) const;

  // Replaces the catalogue; calls that are running finish with the one before.
  void SetCatalogue(std::shared_ptr<const Catalogue> catalogue);

 private:
  std::shared_ptr<const Catalogue> GetCatalogue() const;
  // Fills open_incidents of `nodes`.
  absl::Status AddOpenIncidents(std::string_view cluster, const Cancelled& cancelled,
                                google::protobuf::RepeatedPtrField<v1::Node>& nodes) const;

  absl::StatusOr<Outcome> Execute(const Command& command) const;
  template <typename Request>
  absl::StatusOr<v1::Incident> Decide(Command::Kind kind, const Request& request) const;

  Board& board_;
  const store::Store& store_;
  const Clock& clock_;
  Commands* const commands_;
  const Silences* const silences_;  // never null
  mutable std::mutex mu_;
  std::shared_ptr<const Catalogue> catalogue_;  // guarded by mu_
};

// "clusters/C" -> "C"; empty and "clusters/-" -> "" (all). INVALID_ARGUMENT otherwise.
absl::StatusOr<std::string> ClusterOfParent(const std::string& parent);

// A signature as clients see it.
v1::Signature ToProto(const Signature& signature, const Catalogue& catalogue);

}  // namespace tocsin::api
