// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/row.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {

// Gathers a lane's findings into rows and its lines into tallies, between two hand-overs to the
// fold. One per lane; not thread-safe. A finding whose row is known and a line whose node is known
// allocate nothing. What it stores is valid UTF-8 and evidence is redacted.
//
// Caps. Per (slot, cluster, signature): the 1,000 entities of a node and the 20,000 of the cluster
// with the smallest hashes keep rows of their own; the others of a batch are added into one row
// each per namespace (or the cluster, where they have none or there are more than 100), with
// `related_dropped` set. Which entities those are does not depend on the order of records in the
// batch.
class RowBuilder {
 public:
  struct Counters {
    uint64_t clamped = 0;         // records dated more than kAllowedSkew ahead of the broker
    uint64_t late = 0;            // findings filed at the frontier's edge instead of their own slot
    uint64_t overflowed = 0;      // rows that went into an overflow row
    uint64_t tallies_shared = 0;  // lines counted for no node because the lane saw too many
  };

  // `tally_nodes`, `tally_containers`: what of Catalogue::tallies_* is true.
  explicit RowBuilder(bool tally_nodes = false, bool tally_containers = false);
  ~RowBuilder();
  RowBuilder(const RowBuilder&) = delete;
  RowBuilder& operator=(const RowBuilder&) = delete;

  // `progress`: the largest broker time of the record's partition so far, this record's included;
  // kNoTime for files, where nothing is ever late. Planned work is announced by a second row
  // (kPlannedAhead).
  void Add(const Finding& finding, Time progress);

  // Counts a record, matched or not, for its (cluster, node, stream). Tens of nanoseconds.
  // `progress` as for Add; it matters only where slots are tallied.
  void CountLine(const Record& record, Time progress = kNoTime);

  // The rows since the last call, in no order, with an estimate of their bytes; positions are the
  // caller's to add.
  Batch TakeRows();
  // How many tallies TakeTallies would append.
  size_t TallyCount() const;
  // Whether tallies hold rows of slots: then no slot is complete before they have been taken.
  bool TalliesSlots() const;
  // Appends the tallies since the last call to `batch` (those of slots to its rows) and to its
  // bytes.
  void TakeTallies(Batch& batch);

  // Roughly what the rows hold. Take them when it passes what a batch should weigh: nothing else
  // bounds the rows of a storm with very many signatures.
  size_t bytes() const;
  const Counters& counters() const;

 private:
  void CountTally(const Record& record);

  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// The event time as rows and tallies have it: at most kAllowedSkew ahead of the broker's, the
// broker's where the record has none.
Time EffectiveTime(const Record& record);

}  // namespace tocsin::matcher
