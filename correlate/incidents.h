// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "correlate/problems.h"
#include "correlate/state.h"

// Second pure function: transitions of problems -> incidents. Knows causes, roots and lifecycle.
namespace tocsin::correlate {

// Finds parents for the problems that opened, ties late causes to effects that were logged first,
// puts every problem into an incident and brings the touched incidents up to date.
void FoldTransitions(const Transitions& transitions, Layer& layer);

// Brings the incidents of these problems up to date (after EndQuiet).
void Refresh(const std::vector<std::string>& problem_keys, Layer& layer);

// "clusters/C/incidents/ID", ID made of the problem's cluster, signature, entity and episode: the
// same problem gets the same name in every run.
std::string IncidentName(const state::v1::Problem& problem);

// "signature@kind/name": how incidents speak of a problem.
std::string ProblemName(const state::v1::Problem& problem);

}  // namespace tocsin::correlate
