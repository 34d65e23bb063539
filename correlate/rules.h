// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "correlate/state.h"
#include "tocsin/state/v1/state.pb.h"

// What comes before the first function: rules that look at more than one signature. They turn the
// rows of a slot into the rows that count: hits that need a neighbour wait for it, and sequences,
// absences and measures make rows of their own. Like everything here a function of rows in the
// order of their slots and of what it remembered of earlier ones, so no clock and no arrival shows.
//
// What a rule remembers stands among the problems, under a name that no signature can have
// ("ID~near"), never active, and is forgotten and stored with them.
namespace tocsin::correlate {

struct Ruled {
  std::vector<const state::v1::Row*> rows;  // sorted by RowKey; into the input or `made`
  std::deque<state::v1::Row> made;
  // States that have lasted as long as their threshold asks: keys of problems to open.
  std::vector<std::string> lasted;
  // Silent nodes that were heard again: key and time.
  std::vector<std::pair<std::string, Time>> ended;
};

// The record of a rule at an entity, named "SIGNATURE~RULE"; made where there is none.
state::v1::Problem& RuleMemory(const std::string& cluster, const Signature& signature,
                               std::string_view rule, const std::string& entity, Layer& layer);

// Takes all rows of one slot, tallies included; gives them without tallies.
Ruled ApplyRules(Slot slot, std::span<const state::v1::Row* const> rows, Layer& layer);

}  // namespace tocsin::correlate
