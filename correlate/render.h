// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "google/protobuf/timestamp.pb.h"

#include "base/signature.h"
#include "base/time.h"
#include "correlate/state.h"

// How the incident that people read follows from its problems.
namespace tocsin::correlate {

inline constexpr int kListMax = 100;     // nodes, pods, ... shown of an incident
inline constexpr int kEvidenceMax = 20;  // lines shown of an incident
inline constexpr int kEvidencePerProblem = 5;

void SetTime(Time time, google::protobuf::Timestamp& timestamp);
Time GetTime(const google::protobuf::Timestamp& timestamp);

// Adds `problem` to the incident's members if it is not among them.
void ListMember(const state::v1::Problem& problem, v1::Incident& incident);

// Recomputes everything that follows from the members: state, severity, title, root, counts, times,
// evidence. A member that has since begun another episode elsewhere keeps what was last known of
// it.
void RenderIncident(const Layer& layer, v1::Incident& incident);

// Puts title, cause, remedy and hypotheses into another language where the catalogue has it.
void Localise(const Catalogue& catalogue, std::string_view lang, v1::Incident& incident);

}  // namespace tocsin::correlate
