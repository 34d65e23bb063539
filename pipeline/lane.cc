// SPDX-License-Identifier: Apache-2.0
#include "pipeline/lane.h"

#include <algorithm>

#include "base/status.h"

namespace tocsin::pipeline {

Lane::Lane(const matcher::PatternSet& patterns, Options options)
    : options_(std::move(options)),
      decoder_(options_.decode),
      tagger_(patterns),
      rows_(patterns.catalogue().tallies_nodes(), patterns.catalogue().tallies_containers()) {}

Lane::Source& Lane::SourceOf(std::string_view topic, int32_t partition) {
  auto by_topic = sources_.find(topic);
  if (by_topic == sources_.end()) by_topic = sources_.try_emplace(std::string(topic)).first;
  auto [it, inserted] = by_topic->second.try_emplace(partition);
  if (inserted) {
    it->second.position.set_source(by_topic->first);
    it->second.position.set_partition(partition);
    it->second.position.set_log_id(options_.log_id);
  }
  return it->second;
}

void Lane::Restore(const state::v1::Position& position) {
  Source& source = SourceOf(position.source(), position.partition());
  source.position = position;
  source.position.set_idle(false);
  source.position.set_log_id(options_.log_id);
  source.suppress_below = position.next_hit();
  source.next = position.next_tally();
  source.progress = TimeFromNanos(position.progress());
}

void Lane::Take(const ingest::Message& message) {
  Source& source = SourceOf(message.topic, message.partition);
  // Progress is the largest broker time so far, in the order of the partition: the same in every
  // run.
  source.progress = std::max(source.progress, message.broker_time);
  progress_ = source.progress;
  suppress_hits_ = message.offset < source.suppress_below;
  TOCSIN_CHECK(message.offset >= source.next);
  source.next = message.offset + 1;
  source.position.set_idle(false);
  source.changed = true;
  news_ = true;

  ingest::Envelope envelope;
  envelope.cluster = message.cluster;
  envelope.node = message.node;
  envelope.broker_time = message.broker_time;
  envelope.address = {.source = message.topic,
                      .partition = message.partition,
                      .offset = message.offset,
                      .index = 0};
  decoder_.Decode(message.payload, envelope, *this);
  counts_.bytes += message.payload.size();
}

void Lane::SetIdle(std::string_view topic, int32_t partition, int64_t offset, bool idle) {
  Source& source = SourceOf(topic, partition);
  if (source.position.idle() == idle) return;
  source.position.set_idle(idle);
  source.next = std::max(source.next, offset);
  source.changed = true;
  news_ = true;
}

absl::StatusOr<ingest::FileProgress> Lane::TakeFile(const std::string& path,
                                                    const ingest::OnProgress& on_progress) {
  progress_ = kNoTime;
  suppress_hits_ = false;
  news_ = true;
  return ingest::ReadFile(path, {.max_line_bytes = options_.decode.max_payload_bytes}, decoder_,
                          *this, on_progress);
}

void Lane::OnRecord(const Record& record) {
  ++counts_.records;
  if (options_.rows) rows_.CountLine(record, progress_);
  if (suppress_hits_) return;
  tagger_.Tag(record, [this](const matcher::Finding& finding) {
    ++counts_.findings;
    if (options_.on_finding) options_.on_finding(finding);
    if (options_.rows && !finding.shadow) rows_.Add(finding, progress_);
  });
}

void Lane::OnBad(ingest::BadReason reason, std::string_view payload, const Address& address) {
  std::string_view name = ingest::BadReasonName(reason);
  auto it = counts_.bad.find(name);
  if (it == counts_.bad.end()) it = counts_.bad.try_emplace(std::string(name), 0).first;
  ++it->second;
  // A record read again only for its tallies was kept the first time.
  if (options_.dead_letters == nullptr || suppress_hits_) return;
  options_.dead_letters->Append(
      {.time = progress_, .reason = name, .address = address, .bytes = payload});
}

bool Lane::MustFlushTallies() const { return rows_.TallyCount() >= 2000; }

Batch Lane::Flush(bool tallies) {
  Batch batch = rows_.TakeRows();
  tallies = tallies || MustFlushTallies();
  if (tallies) rows_.TakeTallies(batch);
  for (auto& [topic, partitions] : sources_) {
    for (auto& [partition, source] : partitions) {
      // Without tallies only what moved; with them every partition, for each is now fully counted.
      bool caught_up = source.position.next_tally() == source.next;
      if (!source.changed && (!tallies || caught_up)) continue;
      source.position.set_next_hit(std::max(source.next, source.suppress_below));
      if (tallies) source.position.set_next_tally(source.next);
      // The frontier passes no slot whose tallies are still here.
      if (tallies || !rows_.TalliesSlots()) source.position.set_progress(ToNanos(source.progress));
      batch.positions.push_back(source.position);
      source.changed = false;
    }
  }
  batch.bytes += batch.positions.size() * sizeof(state::v1::Position);
  news_ = false;
  return batch;
}

}  // namespace tocsin::pipeline
