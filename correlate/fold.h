// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/time.h"
#include "correlate/state.h"
#include "tocsin/state/v1/state.pb.h"

namespace tocsin::correlate {

// Rows not yet decided upon, merged by RowKey. RowKey begins with the slot, so the map is in the
// order in which they are folded.
using PendingRows = std::map<std::string, state::v1::Row>;

// Folds all of `rows` into `layer`, slot by slot: what ended before the slot, then its rows, then
// their causes. Both the settled state and the live overlay are made by this function.
void FoldSlots(PendingRows::const_iterator begin, PendingRows::const_iterator end, Layer& layer);

// The first row after `slot`: where "slots up to and including this one" end.
PendingRows::const_iterator EndOfSlot(const PendingRows& rows, Slot slot);

}  // namespace tocsin::correlate
