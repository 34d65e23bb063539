// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "tocsin/state/v1/state.pb.h"

namespace rocksdb {
class MergeOperator;
}

namespace tocsin::store {

// Lines and bytes add (and stay at the largest int64 rather than wrap), `first` takes the smaller
// known time, `last` the larger. Commutative and associative, so RocksDB may join operands in any
// grouping; cluster, node and stream stand in the key and are left out of values.
void AddTally(const state::v1::Tally& from, state::v1::Tally& into);

// AddTally on serialized values, for the tallies family. A value that does not parse fails the read
// or compaction that meets it as corrupt: it is never counted as zero. The name is stored in the
// database: do not change it.
std::shared_ptr<rocksdb::MergeOperator> MakeTallyMerge();

}  // namespace tocsin::store
