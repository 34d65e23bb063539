// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "correlate/state.h"
#include "tocsin/state/v1/state.pb.h"

// Roll-up: problems without a known cause that are the same failure told by several entities belong
// to one incident. Pods and containers roll up to their workload; nodes, once three of them show
// the same signature within ten minutes, to their cluster. One problem per incident represents its
// kin: it alone is indexed, so a storm of a hundred thousand pods costs each of them one lookup.
namespace tocsin::correlate {

// How far apart in time the same signature on several nodes is still one happening.
inline constexpr Duration kWaveWithin = std::chrono::minutes(10);
// From so many nodes on.
inline constexpr int kWaveNodes = 3;

// Where a problem that has just opened, and has no parent, belongs.
struct Kin {
  std::string incident;             // the elder of those that are one with it
  std::string representative;       // key of the problem that it is kin of
  std::string shared;               // "workload/shop/cart", "cluster/prod-1"
  std::vector<std::string> merged;  // other incidents that are the same happening: nodes only
};
std::optional<Kin> FindKin(const std::string& key, const Layer& layer);

// The names under which a representative is indexed; none for what rolls up to nothing.
std::vector<std::string> RollUpNames(const Signature& signature, const state::v1::Problem& problem);

// Whether this problem represents its kin in its incident.
bool Represents(const state::v1::Problem& problem);

}  // namespace tocsin::correlate
