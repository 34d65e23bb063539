// SPDX-License-Identifier: Apache-2.0
#include "correlate/occurrences.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/hash.h"
#include "base/time.h"

namespace tocsin::correlate {
namespace {

using state::v1::Mark;
using state::v1::Problem;
using state::v1::Row;

constexpr size_t kOpenMax = 256;  // groups of occurrences remembered for the next slot, the latest

// Whether a line belongs to an occurrence of its node that began early enough.
bool Belongs(const Mark& mark, const Problem::Open& open, bool keyed) {
  if (keyed) return open.key() == mark.key() || open.key() == 0 || mark.key() == 0;
  return open.key() == mark.key() &&
         std::find(open.paths().begin(), open.paths().end(), mark.path()) == open.paths().end();
}

// How well: an equal key before one that is only not unequal.
bool IsExact(const Mark& mark, const Problem::Open& open) { return open.key() == mark.key(); }

// Adds marks of one node, in their order, to `open`; returns how many occurrences began.
int64_t CountMarks(const std::vector<Mark>& marks, uint64_t node, const Signature& signature,
                   std::vector<Problem::Open>& open) {
  const bool keyed = !signature.occurrence_key.empty();
  const int64_t within = signature.occurrence_within.count();
  int64_t begun = 0;
  for (const Mark& mark : marks) {
    int64_t left = keyed ? 1 : mark.count();  // lines of one key and moment are one occurrence
    while (left > 0) {
      size_t best = open.size();
      for (size_t i = 0; i < open.size(); ++i) {
        const Problem::Open& candidate = open[i];
        if (candidate.node() != node || candidate.start() > mark.time() ||
            mark.time() - candidate.start() > within || !Belongs(mark, candidate, keyed)) {
          continue;
        }
        if (best == open.size() || (!IsExact(mark, open[best]) && IsExact(mark, candidate))) {
          best = i;
        }
      }
      if (best == open.size()) break;
      if (keyed) {
        if (open[best].key() == 0) open[best].set_key(mark.key());
        left = 0;
      } else if (open[best].count() > left) {  // the group parts
        Problem::Open joined = open[best];
        joined.set_count(left);
        joined.add_paths(mark.path());
        open[best].set_count(open[best].count() - left);
        open.insert(open.begin() + static_cast<std::ptrdiff_t>(best), std::move(joined));
        left = 0;
      } else {
        left -= open[best].count();
        open[best].add_paths(mark.path());
      }
    }
    if (left == 0) continue;
    begun += left;
    Problem::Open& fresh = open.emplace_back();
    fresh.set_node(node);
    fresh.set_key(mark.key());
    fresh.set_start(mark.time());
    fresh.set_count(left);
    if (!keyed) fresh.add_paths(mark.path());
  }
  return begun;
}

}  // namespace

int64_t CountOccurrences(std::span<const Row* const> rows, const Signature& signature,
                         Problem& problem) {
  struct OfNode {
    std::vector<Mark> marks;
    int64_t hits = 0;
    int64_t marked = 0;
  };
  std::map<std::string, OfNode> nodes;
  for (const Row* row : rows) {
    OfNode& of = nodes[row->node()];
    of.hits += row->hits();
    for (const Mark& mark : row->marks()) {
      of.marks.push_back(mark);
      of.marked += mark.count();
    }
  }
  // The earliest first, for a line belongs to the earliest that takes it.
  std::vector<Problem::Open> open(problem.open().begin(), problem.open().end());
  int64_t total = 0;
  for (auto& [node, of] : nodes) {
    if (of.marked == 0) {
      total += of.hits;
      continue;
    }
    std::sort(of.marks.begin(), of.marks.end(), [](const Mark& a, const Mark& b) {
      return std::tuple(a.time(), a.key(), a.path()) < std::tuple(b.time(), b.key(), b.path());
    });
    int64_t begun = CountMarks(of.marks, StableHash(node), signature, open);
    if (of.hits > of.marked) {
      begun += (begun * (of.hits - of.marked) + of.marked - 1) / of.marked;
    }
    total += begun;
  }
  // What nothing of a later slot can belong to is forgotten.
  const int64_t until =
      ToNanos(SlotEnd(rows.front()->slot())) - signature.occurrence_within.count();
  std::erase_if(open, [&](const Problem::Open& o) { return o.start() < until; });
  size_t skip = open.size() > kOpenMax ? open.size() - kOpenMax : 0;
  problem.clear_open();
  for (size_t i = skip; i < open.size(); ++i) *problem.add_open() = open[i];
  return total;
}

}  // namespace tocsin::correlate
