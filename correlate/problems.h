// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "correlate/state.h"
#include "tocsin/state/v1/state.pb.h"

// First pure function: rows -> problems. Knows thresholds, windows and endings; nothing of causes.
namespace tocsin::correlate {

// A problem that ended within this much time before its next hit goes on under the same name.
inline constexpr Duration kReopenWithin = std::chrono::minutes(30);
inline constexpr int kSpellsMax = 64;

// Keys of problems, each once, sorted.
struct Transitions {
  std::vector<std::string> opened;   // went over their threshold
  std::vector<std::string> touched;  // changed in any way, the opened included
};

// Ends occurrences whose next hit stands in `rows` (of one slot) after their quiet time: that hit
// proves that the node was heard, and the problem had ended before it. Returns the keys that ended.
// Comes before FoldRows, so that what they belonged to can be brought up to date before they begin
// anew.
std::vector<std::string> EndOverdue(std::span<const state::v1::Row* const> rows, Layer& layer);

// Takes the rows of one slot, sorted by RowKey, at most one row per key. Slots must come in order.
// Rows of unknown signatures (the catalogue changed) are passed over. `lasted`: problems that wait
// no longer (rules.h), which open unless this slot ends them; `ended`: problems and when they
// ended.
Transitions FoldRows(std::span<const state::v1::Row* const> rows, Layer& layer,
                     const std::vector<std::string>& lasted = {},
                     const std::vector<std::pair<std::string, Time>>& ended = {});

// Ends occurrences whose quiet time is over at `until` and whose node (cluster, if they name no
// node) was heard at or after its end: a silent shipper is not a recovery. Returns the keys that
// ended.
std::vector<std::string> EndQuiet(Time until, Layer& layer);

}  // namespace tocsin::correlate
