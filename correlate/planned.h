// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"
#include "correlate/rules.h"
#include "correlate/state.h"

// Planned work is not an outage. A finding of a signature that another one's `expected_during`
// names (a cordon, a reboot, a scale-down) opens a window at its entity: it begins kPlannedAhead
// before the finding, because effect and cause are logged by different programs (lanes announce the
// finding so much earlier), and lasts the signature's
// quiet time after it was last found, or until one of its `clears.by`. What is expected during it
// is kept out of the rows that count:
//   - an occurrence inside the window is left out;
//   - a state waits. If it is unsaid inside the window, nothing was wrong; what outlasts the
//     window counts then, with its true time.
// A problem that was open before the window goes on as without it.
//
// What is remembered stands among the problems, as rules.h has it: "CONTEXT~plan" at the entity of
// the window, "SIGNATURE~plan" at the entity of what waits.
namespace tocsin::correlate {

// Takes the rows of `slot` after ApplyRules, and adjusts them.
void ApplyPlans(Slot slot, Layer& layer, Ruled& ruled);

}  // namespace tocsin::correlate
