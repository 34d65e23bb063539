// SPDX-License-Identifier: Apache-2.0
//
// What is shown at once, settled incidents under the live overlay, equals everything folded anew
// from the first row on.
#include <random>

#include <gtest/gtest.h>

#include "correlate/incidents.h"
#include "correlate/problems.h"
#include "tests/pipeline/testing.h"

namespace tocsin::pipeline {
namespace {

using Incidents = std::map<std::string, std::string>;

// Keeps every row ever folded and computes what should be shown from nothing.
class Recompute {
 public:
  void Add(const Batch& batch) {
    for (const state::v1::Row& row : batch.rows) {
      auto [it, inserted] = rows_.emplace(RowKey(row), row);
      if (!inserted) MergeRow(row, it->second);
    }
    tallies_.insert(tallies_.end(), batch.tallies.begin(), batch.tallies.end());
  }

  Incidents Shown(Time frontier) const {
    const Catalogue& catalogue = *World::Get().catalogue;
    correlate::State state;
    for (const state::v1::Tally& tally : tallies_) {
      state.Heard(tally.cluster(), tally.node(), TimeFromNanos(tally.last()));
    }
    Incidents shown;
    auto apply = [&](const correlate::Layer& layer, bool settled) {
      for (auto [name, incident] : layer.incidents()) {
        incident.set_settled(settled);
        shown[name] = pipeline::Shown(std::move(incident));
      }
      if (settled) layer.ApplyTo(state);
    };
    Slot last = frontier == kNoTime ? kNoSlot : SlotOf(frontier) - 1;
    auto begin = rows_.begin();
    while (begin != rows_.end() && begin->second.slot() <= last) {
      auto end = correlate::EndOfSlot(rows_, begin->second.slot());
      correlate::Layer layer(state, catalogue);
      correlate::FoldSlots(begin, end, layer);
      apply(layer, true);
      begin = end;
    }
    if (frontier != kNoTime) {
      correlate::Layer layer(state, catalogue);
      correlate::Refresh(correlate::EndQuiet(SlotEnd(last), layer), layer);
      apply(layer, true);
    }
    correlate::Layer live(state, catalogue);
    correlate::FoldSlots(begin, rows_.end(), live);
    apply(live, false);
    return shown;
  }

 private:
  correlate::PendingRows rows_;
  std::vector<state::v1::Tally> tallies_;
};

Incidents ShownBy(const api::Board& board) {
  Incidents shown;
  auto scanned = board.Scan("", [&](const v1::Incident& incident) {
    shown[incident.name()] = Shown(incident);
    return true;
  });
  EXPECT_TRUE(scanned.ok()) << scanned.status();
  return shown;
}

TEST(LiveTest, WhatIsShownEqualsTheFullRecompute) {
  const uint64_t base = BaseSeed(7);
  const int logs = std::getenv("TOCSIN_TEST_SEED") != nullptr ? 1 : 2;
  for (int i = 0; i < logs; ++i) {
    const uint64_t seed = base + static_cast<uint64_t>(i);
    Log log = MakeLog(seed, 4, 160);
    std::mt19937_64 rng(seed);
    auto pick = [&](size_t n) { return static_cast<size_t>(rng() % n); };
    TempDir dir;
    Process process(dir.path(), log, {0, 1, 0, 1});
    Recompute recompute;
    process.on_add = [&](const Batch& batch) { recompute.Add(batch); };
    size_t compared = 0, open = 0;
    for (int step = 0; step < 420; ++step) {
      size_t partition = pick(log.size()), lane = pick(2);
      switch (pick(6)) {
        case 0:
        case 1:
          for (size_t n = 1 + pick(8); n > 0 && !process.AtEnd(partition); --n) {
            process.Read(partition);
          }
          break;
        case 2:
          process.Flush(lane, pick(3) == 0);
          break;
        case 3:
        case 4:
          process.Add(lane);
          break;
        case 5:
          process.Commit();
          Incidents shown = ShownBy(process.board());
          std::string difference =
              Difference(recompute.Shown(process.fold().stats().frontier), shown);
          ASSERT_EQ(difference, "") << "TOCSIN_TEST_SEED=" << seed << ", step " << step;
          ++compared;
          open += shown.size();
      }
    }
    ASSERT_GT(compared, 40u);
    ASSERT_GT(open, compared) << "the generated cluster is too quiet to prove anything";
  }
}

}  // namespace
}  // namespace tocsin::pipeline
