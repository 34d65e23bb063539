// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "tocsin/state/v1/state.pb.h"

// Rows are what travels from lanes to the fold: state.v1.Row, keyed (cluster, node, stream,
// signature, entity, slot). MergeRow is commutative, associative and, but for sums, idempotent, so
// the order in which batches arrive can not be seen in the result.
namespace tocsin {

inline constexpr size_t kSampleTextMax_bytes = 1024;
inline constexpr int kSamplesMax = 5;      // kept per row and per problem
inline constexpr int kRelatedMax = 200;    // entities kept per row and per problem
inline constexpr int kVersionsMax = 1000;  // event versions kept per row
inline constexpr int kMarksMax = 64;       // of lines, per row
inline constexpr int kDistinctMax =
    256;  // different values counted, per row and per slot of a problem

// How far behind its partition's newest broker time a record may be and still be filed under its
// own event time; older ones are filed at the frontier's edge. See ARCHITECTURE.md, "Time".
inline constexpr Duration kAllowedLateness = seconds(30);
// Event times further ahead of the broker's clock than this are clamped.
inline constexpr Duration kAllowedSkew = seconds(5);

// Everything that makes two rows the same row, as one comparable string. Sorting by it groups a
// slot's rows by (slot, cluster, signature, entity), the order in which the fold takes them.
std::string RowKey(const state::v1::Row& row);

// The key of a problem, unique over clusters: "cluster\0signature\0kind/name".
std::string ProblemKey(std::string_view cluster, std::string_view signature,
                       std::string_view entity);
// The key of what a problem was to an incident before it began anew (Problem.past_of).
std::string PastKey(std::string_view problem_key, std::string_view incident);
inline std::string ProblemKey(const state::v1::Problem& problem) {
  std::string key = ProblemKey(problem.cluster(), problem.signature(), problem.entity());
  return problem.past_of().empty() ? key : PastKey(key, problem.past_of());
}

// Adds `from` into `into`; both have the same key.
void MergeRow(const state::v1::Row& from, state::v1::Row& into);

// The order of evidence: by time, then address. Total, so that "the smallest few" is well defined.
bool SampleLess(const state::v1::Sample& a, const state::v1::Sample& b);

// Keeps `samples` sorted, unique and at most `max` long.
void AddSample(const state::v1::Sample& sample, int max,
               google::protobuf::RepeatedPtrField<state::v1::Sample>& samples);

// Adds to a sorted set capped at `max`. When it is full the largest names fall out, so the outcome
// does not depend on the order of arrival. Returns false if something fell out.
bool AddToSet(std::string_view item, int max, google::protobuf::RepeatedPtrField<std::string>& set);

// Adds `count` lines to the marks, which stay sorted and at most kMarksMax.
void AddMark(const state::v1::Mark& mark,
             google::protobuf::RepeatedPtrField<state::v1::Mark>& marks);

// Adds to a sorted set of at most kDistinctMax numbers, of which the smallest are kept.
void AddDistinct(uint64_t value, google::protobuf::RepeatedField<uint64_t>& set);

// A tally travels as a row of no signature: what a node or container logged in a slot.
inline bool IsTally(const state::v1::Row& row) { return row.signature().empty(); }

// What a lane hands to the fold at once: rows and positions go into one write batch together, so
// the state never disagrees with the offsets it came from.
struct Batch {
  std::vector<state::v1::Row> rows;
  std::vector<state::v1::Tally> tallies;       // not empty only when a lane flushes all of them
  std::vector<state::v1::Position> positions;  // of the partitions touched
  size_t bytes = 0;                            // memory held, for the channel's limit

  bool empty() const { return rows.empty() && tallies.empty() && positions.empty(); }
};

}  // namespace tocsin
