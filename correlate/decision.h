// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

#include "base/time.h"
#include "correlate/state.h"
#include "tocsin/state/v1/state.pb.h"
#include "tocsin/v1/incident.pb.h"

// What people decide about an incident. A decision is kept beside the problems, under the
// incident's name, so that it holds for an incident that is not settled yet, survives merging,
// restarts and kills, and is forgotten with the incident. Rendering applies it last.
namespace tocsin::correlate {

// Nobody's word may be longer; what is longer is refused where it comes in.
inline constexpr size_t kNoteMax_bytes = 4096;

enum class Verdict { kAcknowledge, kResolve, kReopen };

// Whether the incident, as it is shown, can be acknowledged, resolved or reopened.
// FAILED_PRECONDITION in words if not: what is resolved can not be acknowledged, what was merged
// can be nothing.
absl::Status CheckVerdict(Verdict verdict, const v1::Incident& shown);

// Writes the decision and brings the incident up to date, if the layer knows it. The caller has
// checked. `at` is the time of the decision, by the clock; `request` recognises it when it comes
// again.
void Decide(Verdict verdict, const v1::Incident& shown, const std::string& who,
            const std::string& note, Time at, const std::string& request, Layer& layer);

// The decision about an incident; nullptr: none.
const state::v1::Decision* FindDecision(const Layer& layer, const std::string& cluster,
                                        const std::string& incident);

// Makes of what the log says what people see.
void ApplyDecision(const Layer& layer, v1::Incident& incident);

// `from` became part of `into`: what was decided about it holds on, unless `into` has its own.
void MoveDecision(const std::string& cluster, const std::string& from, const std::string& into,
                  Layer& layer);

}  // namespace tocsin::correlate
