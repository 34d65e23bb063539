// SPDX-License-Identifier: Apache-2.0
#include "store/tally_merge.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "rocksdb/merge_operator.h"

namespace tocsin::store {
namespace {

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

int64_t MinKnown(int64_t a, int64_t b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

bool Parse(const rocksdb::Slice& bytes, state::v1::Tally& tally) {
  return tally.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

class TallyMerge final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& value,
             std::string* result, rocksdb::Logger*) const override {
    state::v1::Tally sum;
    state::v1::Tally operand;
    if (existing != nullptr && !Parse(*existing, sum)) return false;
    if (!Parse(value, operand)) return false;
    AddTally(operand, sum);
    return sum.SerializeToString(result);
  }

  const char* Name() const override { return "tocsin.tally.1"; }
};

}  // namespace

void AddTally(const state::v1::Tally& from, state::v1::Tally& into) {
  into.set_lines(SaturatingAdd(into.lines(), from.lines()));
  into.set_bytes(SaturatingAdd(into.bytes(), from.bytes()));
  into.set_first(MinKnown(into.first(), from.first()));
  into.set_last(std::max(into.last(), from.last()));
}

std::shared_ptr<rocksdb::MergeOperator> MakeTallyMerge() { return std::make_shared<TallyMerge>(); }

}  // namespace tocsin::store
