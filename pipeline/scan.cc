// SPDX-License-Identifier: Apache-2.0
#include "pipeline/scan.h"

#include <algorithm>
#include <tuple>

#include <sys/stat.h>

#include "base/row.h"
#include "base/status.h"
#include "correlate/fold.h"
#include "correlate/incidents.h"
#include "correlate/render.h"
#include "matcher/pattern_set.h"
#include "matcher/redact.h"
#include "pipeline/lane.h"

namespace tocsin::pipeline {
namespace {

constexpr uint64_t kFlushEveryLines = 100'000;  // bounds the rows a lane holds unmerged

uint64_t FileSize(const std::string& path) {
  struct stat info;
  if (path == "-" || stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return 0;
  return static_cast<uint64_t>(info.st_size);
}

void AddStats(const Lane& lane, ScanStats& stats) {
  stats.records = lane.counts().records;
  stats.findings = lane.counts().findings;
  for (const auto& [reason, count] : lane.counts().bad) stats.bad[reason] = count;
}

// Reads all files through `lane`; one that can not be read does not keep the others from being
// read.
ScanStats ReadFiles(const ScanOptions& options, Lane& lane, const std::function<void()>& on_block) {
  ScanStats stats;
  ScanOptions::Progress progress;
  for (const std::string& path : options.files) {
    uint64_t size = FileSize(path);
    progress.total_bytes = size == 0 ? 0 : progress.total_bytes + size;
    if (size == 0) break;
  }
  for (const std::string& path : options.files) {
    uint64_t bytes_before = stats.bytes, lines_before = stats.lines;
    auto on_progress = [&](const ingest::FileProgress& file) {
      stats.bytes = bytes_before + static_cast<uint64_t>(file.bytes);
      stats.lines = lines_before + static_cast<uint64_t>(file.lines);
      if (on_block) on_block();
      if (options.progress) {
        progress.bytes = stats.bytes;
        progress.lines = stats.lines;
        progress.findings = lane.counts().findings;
        options.progress(progress);
      }
      return true;
    };
    absl::StatusOr<ingest::FileProgress> read = lane.TakeFile(path, on_progress);
    if (!read.ok()) {
      stats.unreadable.push_back(Message(read.status()));
      continue;
    }
    on_progress(*read);
  }
  AddStats(lane, stats);
  return stats;
}

// The latest time any record of the input carries: the end of what the input proves.
struct Heard {
  Time last = kNoTime;
  void Add(const state::v1::Tally& tally, correlate::State& state) {
    last = std::max(last, TimeFromNanos(tally.last()));
    state.Heard(tally.cluster(), tally.node(), TimeFromNanos(tally.last()));
  }
};

v1::Finding ToProto(const matcher::Finding& finding, const matcher::Redactor& redactor) {
  const Record& record = *finding.record;
  v1::Finding out;
  out.set_signature(finding.signature->id);
  // What needs a neighbour is no failure by itself, and here is only this one line.
  out.set_severity(finding.signature->requires_near ? v1::INFO
                                                    : static_cast<v1::Severity>(finding.severity));
  out.set_shadow(finding.shadow);
  out.set_stream(std::string(StreamName(record.stream)));
  out.set_cluster(std::string(finding.identity.cluster));
  out.set_node(std::string(finding.identity.node));
  out.set_namespace_(std::string(finding.identity.ns));
  out.set_pod(std::string(finding.identity.pod));
  out.set_container(std::string(finding.identity.container));
  correlate::SetTime(record.time, *out.mutable_time());
  for (const matcher::Capture& capture : finding.captures) {
    (*out.mutable_captures())[std::string(capture.name)] = redactor.Redact(capture.value);
  }
  out.set_text(redactor.Redact(matcher::MatchedText(record.text)));
  v1::Source* source = out.mutable_source();
  if (record.address.partition < 0) {
    source->set_file(std::string(record.address.source));
    source->set_line(record.address.offset);
  } else {
    source->set_topic(std::string(record.address.source));
    source->set_partition(record.address.partition);
    source->set_offset(record.address.offset);
  }
  source->set_index(record.address.index);
  return out;
}

}  // namespace

ScanResult Scan(const matcher::PatternSet& patterns, const ScanOptions& options) {
  const Catalogue& catalogue = patterns.catalogue();
  Lane lane(patterns, {.decode = options.decode});
  correlate::PendingRows rows;
  correlate::State state;
  state.set_silence_counts(options.complete);
  Heard heard;
  auto take = [&](bool tallies) {
    Batch batch = lane.Flush(tallies);
    for (state::v1::Row& row : batch.rows) {
      auto [it, inserted] = rows.try_emplace(RowKey(row));
      if (inserted) {
        it->second = std::move(row);
      } else {
        MergeRow(row, it->second);
      }
    }
    for (const state::v1::Tally& tally : batch.tallies) heard.Add(tally, state);
  };
  uint64_t next_flush = kFlushEveryLines;
  ScanResult result;
  result.stats = ReadFiles(options, lane, [&] {
    if (lane.counts().records < next_flush) return;
    next_flush = lane.counts().records + kFlushEveryLines;
    take(false);
  });
  take(true);

  correlate::Layer layer(state, catalogue);
  correlate::FoldSlots(rows.begin(), rows.end(), layer);
  layer.ApplyTo(state);
  correlate::Layer end(state, catalogue);
  correlate::Refresh(correlate::EndQuiet(heard.last, end), end);

  std::map<std::string, v1::Incident> incidents = layer.incidents();
  for (const auto& [name, incident] : end.incidents()) incidents[name] = incident;
  for (auto& [name, incident] : incidents) {
    // What was merged is part of another incident, which is printed.
    if (incident.resolve_reason() == v1::Incident::MERGED) continue;
    incident.set_settled(true);
    correlate::Localise(catalogue, options.lang, incident);
    result.incidents.push_back(std::move(incident));
  }
  std::sort(result.incidents.begin(), result.incidents.end(),
            [](const v1::Incident& a, const v1::Incident& b) {
              auto rank = [](const v1::Incident& i) {
                return std::tuple(i.open_time().seconds(), i.open_time().nanos(),
                                  std::string_view(i.name()));
              };
              return rank(a) < rank(b);
            });
  return result;
}

ScanStats Match(const matcher::PatternSet& patterns, const ScanOptions& options,
                const std::function<void(const v1::Finding&)>& visit) {
  matcher::Redactor redactor;
  Lane lane(
      patterns,
      {.decode = options.decode,
       .on_finding = [&](const matcher::Finding& finding) { visit(ToProto(finding, redactor)); },
       .rows = false});
  return ReadFiles(options, lane, nullptr);
}

}  // namespace tocsin::pipeline
