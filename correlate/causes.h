// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/signature.h"
#include "correlate/state.h"

namespace tocsin::correlate {

// A problem that may have caused another, along an edge of the catalogue.
struct Candidate {
  std::string key;     // the cause
  std::string shared;  // the entity both name, "node/node-17"
  EntityKind scope = EntityKind::kNone;
  Duration gap{};        // onset of the effect minus onset of the cause
  bool sibling = false;  // no cause: of the same group, and began first
};

// Everything that may have caused `effect`, best first: causes before siblings, the narrowest
// shared scope, then the latest onset not after the effect's own (give or take a slot), then the
// key. Only problems that were over their threshold within the edge's window count; whether they
// still are does not matter.
std::vector<Candidate> CandidateCauses(const state::v1::Problem& effect, const Layer& layer);

// Whether `cause` may have caused `effect` along an edge, by entity and time.
std::optional<Candidate> MayCause(const state::v1::Problem& cause, const state::v1::Problem& effect,
                                  const Edge& edge, const Catalogue& catalogue);

// The problem at the end of the chain of parents.
std::string RootOf(const std::string& key, const Layer& layer);

}  // namespace tocsin::correlate
