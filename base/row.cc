// SPDX-License-Identifier: Apache-2.0
#include "base/row.h"

#include <algorithm>
#include <tuple>

namespace tocsin {
namespace {

// Inserts into a sorted repeated field, keeping it unique and at most `max` long by dropping the
// largest. Returns false if something fell out.
template <typename T, typename Less>
bool InsertSorted(const T& item, int max, Less less, google::protobuf::RepeatedPtrField<T>& field) {
  auto at = std::lower_bound(field.begin(), field.end(), item, less);
  int index = static_cast<int>(at - field.begin());
  if (at != field.end() && !less(item, *at)) return true;
  if (index >= max) return false;
  bool fits = field.size() < max;
  if (!fits) field.RemoveLast();
  *field.Add() = item;
  for (int i = field.size() - 1; i > index; --i) field.SwapElements(i, i - 1);
  return fits;
}

int64_t MinKnown(int64_t a, int64_t b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// Unsigned big-endian, so that byte order is number order.
void AppendOrdered(int64_t number, std::string& key) {
  uint64_t bits = static_cast<uint64_t>(number) ^ (uint64_t{1} << 63);
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift);
}

void AppendPart(std::string_view part, std::string& key) {
  key += part;
  key += '\0';
}

}  // namespace

std::string RowKey(const state::v1::Row& row) {
  std::string key;
  key.reserve(64 + row.entity().size());
  AppendOrdered(row.slot(), key);
  AppendPart(row.cluster(), key);
  AppendPart(row.signature(), key);
  AppendPart(row.entity(), key);
  AppendPart(row.node(), key);
  key += static_cast<char>(row.stream());
  return key;
}

std::string ProblemKey(std::string_view cluster, std::string_view signature,
                       std::string_view entity) {
  std::string key;
  key.reserve(cluster.size() + signature.size() + entity.size() + 2);
  AppendPart(cluster, key);
  AppendPart(signature, key);
  key += entity;
  return key;
}

bool SampleLess(const state::v1::Sample& a, const state::v1::Sample& b) {
  return std::tuple(a.time(), std::string_view(a.source()), a.partition(), a.offset(), a.index(),
                    std::string_view(a.text())) < std::tuple(b.time(), std::string_view(b.source()),
                                                             b.partition(), b.offset(), b.index(),
                                                             std::string_view(b.text()));
}

void AddSample(const state::v1::Sample& sample, int max,
               google::protobuf::RepeatedPtrField<state::v1::Sample>& samples) {
  InsertSorted(sample, max, SampleLess, samples);
}

bool AddToSet(std::string_view item, int max,
              google::protobuf::RepeatedPtrField<std::string>& set) {
  // The common case by far: it is there already.
  auto at = std::lower_bound(set.begin(), set.end(), item);
  if (at != set.end() && *at == item) return true;
  return InsertSorted(std::string(item), max, std::less<std::string>(), set);
}

void AddMark(const state::v1::Mark& mark,
             google::protobuf::RepeatedPtrField<state::v1::Mark>& marks) {
  auto less = [](const state::v1::Mark& a, const state::v1::Mark& b) {
    return std::tuple(a.time(), a.key(), a.path()) < std::tuple(b.time(), b.key(), b.path());
  };
  auto at = std::lower_bound(marks.begin(), marks.end(), mark, less);
  if (at != marks.end() && !less(mark, *at)) {
    at->set_count(at->count() + mark.count());
  } else {
    InsertSorted(mark, kMarksMax, less, marks);
  }
}

void AddDistinct(uint64_t value, google::protobuf::RepeatedField<uint64_t>& set) {
  auto at = std::lower_bound(set.begin(), set.end(), value);
  if (at != set.end() && *at == value) return;
  auto index = static_cast<int>(at - set.begin());
  if (index >= kDistinctMax) return;
  if (set.size() == kDistinctMax) set.RemoveLast();
  set.Add(value);
  for (int i = set.size() - 1; i > index; --i) set.SwapElements(i, i - 1);
}

std::string PastKey(std::string_view problem_key, std::string_view incident) {
  std::string key(problem_key);
  key += '\0';
  key += incident;
  return key;
}

void MergeRow(const state::v1::Row& from, state::v1::Row& into) {
  into.set_hits(into.hits() + from.hits());
  into.set_lines(into.lines() + from.lines());
  into.set_first(MinKnown(into.first(), from.first()));
  into.set_last(std::max(into.last(), from.last()));
  bool dropped = into.related_dropped() != 0 || from.related_dropped() != 0;
  for (const std::string& entity : from.related()) {
    dropped |= !AddToSet(entity, kRelatedMax, *into.mutable_related());
  }
  into.set_related_dropped(dropped ? 1 : 0);
  for (const state::v1::Sample& sample : from.samples()) {
    AddSample(sample, kSamplesMax, *into.mutable_samples());
  }
  into.set_bytes(into.bytes() + from.bytes());
  for (const state::v1::Mark& mark : from.marks()) AddMark(mark, *into.mutable_marks());
  for (uint64_t value : from.distinct()) AddDistinct(value, *into.mutable_distinct());
  for (const state::v1::EventVersion& version : from.versions()) {
    InsertSorted(
        version, kVersionsMax,
        [](const state::v1::EventVersion& a, const state::v1::EventVersion& b) {
          return std::pair(a.uid(), a.count()) < std::pair(b.uid(), b.count());
        },
        *into.mutable_versions());
  }
}

}  // namespace tocsin
