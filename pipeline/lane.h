// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "base/row.h"
#include "ingest/dead_letter.h"
#include "ingest/decoder.h"
#include "ingest/file_source.h"
#include "ingest/kafka.h"
#include "matcher/pattern_set.h"
#include "matcher/row_builder.h"
#include "matcher/tagger.h"

namespace tocsin::pipeline {

// Bytes in, rows out: decoder, tagger and row builder of one thread. Shares nothing with other
// lanes but the immutable pattern set. Allocates nothing per ordinary record.
class Lane final : private ingest::Sink {
 public:
  struct Options {
    ingest::DecodeOptions decode;
    std::string log_id;                              // Kafka cluster id the offsets belong to
    ingest::DeadLetterFile* dead_letters = nullptr;  // outlives the lane; may be shared
    // Called for every finding, before it becomes part of a row. May be empty.
    std::function<void(const matcher::Finding&)> on_finding;
    bool rows = true;  // false: findings only (`tocsin match`)
  };
  struct Counts {
    uint64_t records = 0;
    uint64_t bytes = 0;
    uint64_t findings = 0;
    std::map<std::string, uint64_t, std::less<>> bad;  // by reason
  };

  // `patterns` outlives the lane.
  Lane(const matcher::PatternSet& patterns, Options options);

  // Where a partition was left: hits below `next_hit` are in the state already and are not counted
  // again, tallies from `next_tally` on are not.
  void Restore(const state::v1::Position& position);

  // Decodes and tags one message. Its views need to live only for the call.
  void Take(const ingest::Message& message);
  // The partition is confirmed at its end (or no longer is): it stops holding the frontier back.
  void SetIdle(std::string_view topic, int32_t partition, int64_t offset, bool idle);

  // Reads a file to its end. As ingest::ReadFile.
  absl::StatusOr<ingest::FileProgress> TakeFile(const std::string& path,
                                                const ingest::OnProgress& on_progress);

  // Everything since the last Flush, with the positions it brings the state to. Tallies come along
  // when `tallies` says so or when enough nodes have gathered (MustFlushTallies).
  Batch Flush(bool tallies);
  bool MustFlushTallies() const;
  bool HasNews() const { return news_; }

  const Counts& counts() const { return counts_; }

 private:
  struct Source {
    state::v1::Position position;  // next_tally is where tallies were last flushed
    int64_t suppress_below = 0;    // hits of offsets below are in the state
    int64_t next = 0;
    Time progress = kNoTime;  // position has it as of the last tallies where slots are tallied
    bool changed = false;
  };

  void OnRecord(const Record& record) override;
  void OnBad(ingest::BadReason reason, std::string_view payload, const Address& address) override;
  Source& SourceOf(std::string_view topic, int32_t partition);

  const Options options_;
  ingest::Decoder decoder_;
  matcher::Tagger tagger_;
  matcher::RowBuilder rows_;
  // By topic, then partition: a topic's name is looked up once per run of its messages.
  std::map<std::string, std::map<int32_t, Source>, std::less<>> sources_;
  Counts counts_;
  Time progress_ = kNoTime;  // of the partition whose message is being decoded
  bool suppress_hits_ = false;
  bool news_ = false;
};

}  // namespace tocsin::pipeline
