// SPDX-License-Identifier: Apache-2.0
#include "correlate/fold.h"

#include <vector>

#include "base/row.h"
#include "correlate/incidents.h"
#include "correlate/planned.h"
#include "correlate/problems.h"
#include "correlate/rules.h"

namespace tocsin::correlate {

void FoldSlots(PendingRows::const_iterator begin, PendingRows::const_iterator end, Layer& layer) {
  std::vector<const state::v1::Row*> rows;
  for (auto it = begin; it != end;) {
    Slot slot = it->second.slot();
    rows.clear();
    for (; it != end && it->second.slot() == slot; ++it) rows.push_back(&it->second);
    Refresh(EndQuiet(SlotBegin(slot), layer), layer);
    Ruled ruled = ApplyRules(slot, rows, layer);
    ApplyPlans(slot, layer, ruled);
    Refresh(EndOverdue(ruled.rows, layer), layer);
    FoldTransitions(FoldRows(ruled.rows, layer, ruled.lasted, ruled.ended), layer);
  }
}

PendingRows::const_iterator EndOfSlot(const PendingRows& rows, Slot slot) {
  state::v1::Row probe;
  probe.set_slot(slot + 1);
  // A key of the next slot with everything else empty sorts before all rows of that slot. RowKey
  // adds separators even for empty parts, so cut the probe to the slot itself.
  return rows.lower_bound(RowKey(probe).substr(0, 8));
}

}  // namespace tocsin::correlate
