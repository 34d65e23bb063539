// SPDX-License-Identifier: Apache-2.0
//
// For the same records the settled incidents are the same, byte for byte: in any interleaving, any
// batch cut, any assignment of partitions to lanes, any number of restarts and kills.
#include <random>

#include <gtest/gtest.h>

#include "tests/pipeline/testing.h"

namespace tocsin::pipeline {
namespace {

std::map<std::string, std::string> InOnePass(const Log& log) {
  TempDir dir;
  Process process(dir.path(), log, std::vector<size_t>(log.size(), 0));
  process.Finish();
  return Settled(process.store());
}

std::map<std::string, std::string> InDisorder(const Log& log, uint64_t seed) {
  std::mt19937_64 rng(seed);
  auto pick = [&](size_t n) { return static_cast<size_t>(rng() % n); };
  TempDir dir;
  const size_t lanes = 1 + pick(4);
  auto start = [&] {
    std::vector<size_t> lane_of;
    for (size_t p = 0; p < log.size(); ++p) lane_of.push_back(pick(lanes));
    return std::make_unique<Process>(dir.path(), log, std::move(lane_of));
  };
  std::unique_ptr<Process> process = start();
  const size_t run = 1 + pick(30);           // messages read in a row, at most
  const size_t kill_every = 40 + pick(400);  // steps
  for (int step = 0; step < 3000; ++step) {
    size_t partition = pick(log.size()), lane = pick(process->lanes());
    bool left = false;
    for (size_t p = 0; p < log.size(); ++p) left = left || !process->AtEnd(p);
    if (!left) break;
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
        for (size_t i = pick(run) + 1; i > 0 && !process->AtEnd(partition); --i) {
          process->Read(partition);
        }
        break;
      case 3:
      case 4:
        process->Flush(lane, pick(4) == 0);
        break;
      case 5:
      case 6:
        process->Add(lane);
        break;
      case 7:
        process->Commit();
    }
    if (pick(kill_every) == 0) {
      process.reset();
      process = start();
    }
  }
  process->Finish();
  return Settled(process->store());
}

TEST(SettleTest, TheSameRecordsGiveTheSameIncidents) {
  const uint64_t base = BaseSeed(20240520);
  const bool repeat = std::getenv("TOCSIN_TEST_SEED") != nullptr;
  const int logs = repeat ? 1 : 3;
  std::string all;
  for (int i = 0; i < logs; ++i) {
    uint64_t seed = base + static_cast<uint64_t>(i);
    Log log = MakeLog(seed, 4 + i % 3, 300);
    auto expected = InOnePass(log);
    ASSERT_GT(expected.size(), 14u) << "the generated cluster is too quiet to prove anything";
    for (const auto& [name, text] : expected) all += text;
    for (uint64_t run = 0; run < 6; ++run) {
      std::string difference = Difference(expected, InDisorder(log, seed * 1000 + run));
      ASSERT_EQ(difference, "") << "TOCSIN_TEST_SEED=" << seed << ", run " << run;
    }
  }
  if (repeat) return;
  for (const char* rule :
       {"limit", "loop", "stuck", "gone", "chatty", "many-hosts", "lasting", "stays-full"}) {
    EXPECT_NE(all.find(fmt::format("signature: \"{}\"", rule)), std::string::npos)
        << rule << " never rang: its rule was not put to the test";
  }
  for (const char* mark : {"flapping: true", "chronic: true", "NODE_GONE"}) {
    EXPECT_NE(all.find(mark), std::string::npos)
        << mark << " never came: it was not put to the test";
  }
}

}  // namespace
}  // namespace tocsin::pipeline
