// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/signature.h"
#include "tocsin/state/v1/state.pb.h"

// From lines to occurrences: how many real things happened, however many lines each printed and
// however many ways they were shipped.
namespace tocsin::correlate {

// The occurrences that begin in these rows (one problem's, of one slot), without those that events
// tell by their versions; remembers the last seconds in `problem`. Taken by node and in the order
// of time, a line belongs to the earliest occurrence that began at most `occurrence_within` before
// it and
//   - has the same key, where the signature has `occurrence`: a line without a value belongs to
//   any,
//     and an occurrence without one takes that of the next line;
//   - has the same text and came by other ways only, where it has none: equal lines that came the
//     same way are as many occurrences.
// Of rows with more lines than marks the share that the marked ones have is taken for all.
int64_t CountOccurrences(std::span<const state::v1::Row* const> rows, const Signature& signature,
                         state::v1::Problem& problem);

}  // namespace tocsin::correlate
