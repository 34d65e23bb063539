// SPDX-License-Identifier: Apache-2.0
#include "matcher/row_builder.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "matcher/hash_index.h"
#include "matcher/redact.h"
#include "matcher/slot_tally.h"
#include "matcher/stable_hash.h"
#include "matcher/utf8.h"

namespace tocsin::matcher {
namespace {

using state::v1::Row;

constexpr size_t kPerNodeMax = 1'000;
constexpr size_t kPerClusterMax = 20'000;
constexpr size_t kOverflowNamespacesMax = 100;
// Checked when this many rows were added since the last check, so that a batch can not hold many
// more.
constexpr size_t kCompactEvery = 40'000;
constexpr size_t kTalliesMax = 100'000;
// More of a line than this is never looked at for evidence: redaction costs by the byte.
constexpr size_t kEvidenceWindow_bytes = 8 * kSampleTextMax_bytes;

// Of an overflow row, which is no entity of its own: neither counted nor ever beyond the cap.
constexpr uint64_t kOverflowHash = 0;

struct RowState {
  Row row;
  const Signature* signature = nullptr;
  uint64_t entity_hash = 0;
  // Of the records whose names were added to `related` last: most come again.
  std::array<uint64_t, 4> related_seen{};
  uint8_t related_next = 0;
  // The last record counted in `lines`; an `each` signature brings the same one several times.
  const char* source = nullptr;
  int32_t partition = 0;
  int64_t offset = -1;
  int32_t index = 0;
  bool ahead = false;  // announces planned work (kPlannedAhead)
};

struct TallyState {
  std::string cluster, node;  // as they came, not yet UTF-8
  Stream stream = Stream::kText;
  int64_t lines = 0;
  int64_t bytes = 0;
  Time first = kNoTime;
  Time last = kNoTime;
};

size_t EstimateBytes(const state::v1::Sample& sample) {
  return sizeof(sample) + sample.text().size() + sample.node().size() + sample.source().size() + 96;
}

uint64_t HashOfNames(const Identity& id) {
  uint64_t hash = 0;
  for (std::string_view name :
       {id.cluster, id.node, id.ns, id.pod, id.workload, id.container, id.pod_uid, id.container_id,
        id.image, id.registry, id.volume, id.device, id.service, id.host, id.release}) {
    hash = StableHash(name, hash);
  }
  return hash | 1;  // never the empty slot's 0
}

// Where the entities of `row` beyond the cap are counted.
std::string OverflowEntity(const Row& row, EntityKind kind) {
  if (kind != EntityKind::kNamespace) {
    for (const std::string& related : row.related()) {
      if (related.rfind("namespace/", 0) == 0) return related;
    }
  }
  return ToString(Entity{EntityKind::kCluster, row.cluster()});
}

// Where a record of this time is filed: what is older than the lateness allowed stands at its edge.
Time Filed(Time time, Time progress) {
  return progress == kNoTime ? time : std::max(time, progress - kAllowedLateness);
}

// What a capture says or, where there is none of this name, what is known of who is involved.
std::string_view ValueOf(const Finding& finding, std::string_view name) {
  for (const Capture& capture : finding.captures) {
    if (capture.name == name) return capture.value;
  }
  const Identity& id = finding.identity;
  const std::pair<std::string_view, std::string_view> known[] = {
      {"pod", id.pod},         {"node", id.node},
      {"namespace", id.ns},    {"container", id.container},
      {"image", id.image},     {"registry", id.registry},
      {"volume", id.volume},   {"device", id.device},
      {"service", id.service}, {"workload", id.workload},
      {"host", id.host},       {"release", id.release}};
  for (const auto& [known_name, value] : known) {
    if (known_name == name) return value;
  }
  return {};
}

}  // namespace

Time EffectiveTime(const Record& record) {
  if (record.time == kNoTime) return record.broker_time;
  if (record.broker_time == kNoTime) return record.time;
  return std::min(record.time, record.broker_time + kAllowedSkew);
}

struct RowBuilder::Impl {
  Impl(bool tally_nodes, bool tally_containers) : slot_tallies(tally_nodes, tally_containers) {}

  Redactor redactor;
  std::vector<RowState> rows;
  HashIndex row_index;
  size_t bytes = 0;
  size_t compacted_at = 0;
  std::vector<TallyState> tallies;
  HashIndex tally_index;
  size_t last_tally = 0;
  size_t tallies_due = 0;  // with lines
  Counters counters;
  SlotTallies slot_tallies;
  // Reused by Add.
  std::string cluster_scratch, node_scratch, entity_scratch, entity;

  RowState& FindOrAdd(const Finding& finding, Slot slot, bool ahead = false);
  void AddRelated(const Finding& finding, RowState& state);
  void AddEvidence(const Record& record, Time time, RowState& state);
  void AddHit(const Finding& finding, Time time, Row& row);
  void Compact();
  void Overflow(const std::vector<size_t>& members, size_t keep, bool per_node,
                std::vector<bool>& gone);
};

RowBuilder::RowBuilder(bool tally_nodes, bool tally_containers)
    : impl_(std::make_unique<Impl>(tally_nodes, tally_containers)) {}
RowBuilder::~RowBuilder() = default;
size_t RowBuilder::bytes() const { return impl_->bytes; }
const RowBuilder::Counters& RowBuilder::counters() const { return impl_->counters; }

RowState& RowBuilder::Impl::FindOrAdd(const Finding& finding, Slot slot, bool ahead) {
  const Record& record = *finding.record;
  std::string_view cluster = ValidUtf8(record.cluster, cluster_scratch);
  std::string_view node = ValidUtf8(record.node, node_scratch);
  entity.assign(EntityKindName(finding.entity.kind));
  entity += '/';
  entity.append(ValidUtf8(finding.entity.name, entity_scratch));
  auto stream = static_cast<uint32_t>(record.stream);

  uint64_t entity_hash = StableHash(entity);
  uint64_t hash = StableHash(node, StableHash(cluster, entity_hash));
  hash = StableHash(finding.signature->id, hash ^ (static_cast<uint64_t>(slot) << 8 | stream));
  if (ahead) hash = ~hash;
  size_t found = row_index.Find(hash, [&](size_t i) {
    const RowState& state = rows[i];
    return state.row.slot() == slot && state.signature == finding.signature &&
           state.row.stream() == stream && state.row.entity() == entity &&
           state.row.node() == node && state.row.cluster() == cluster && state.ahead == ahead;
  });
  if (found != HashIndex::kNone) return rows[found];

  if (rows.size() >= compacted_at + kCompactEvery) Compact();
  row_index.Add(hash, rows.size());
  RowState& state = rows.emplace_back();
  state.signature = finding.signature;
  state.entity_hash = entity_hash;
  state.row.set_cluster(cluster.data(), cluster.size());
  state.row.set_node(node.data(), node.size());
  state.row.set_stream(stream);
  state.row.set_signature(finding.signature->id);
  if (ahead) state.row.mutable_signature()->append(kAheadSuffix);
  state.ahead = ahead;
  state.row.set_entity(entity);
  state.row.set_slot(slot);
  bytes += sizeof(RowState) + 5 * sizeof(std::string) + cluster.size() + node.size() +
           finding.signature->id.size() + entity.size();
  return state;
}

void RowBuilder::Impl::AddRelated(const Finding& finding, RowState& state) {
  uint64_t names = HashOfNames(finding.identity);
  if (std::find(state.related_seen.begin(), state.related_seen.end(), names) !=
      state.related_seen.end()) {
    return;
  }
  state.related_seen[state.related_next++ % state.related_seen.size()] = names;
  std::string scratch;
  for (const std::string& name : finding.Related()) {
    int before = state.row.related_size();
    if (!AddToSet(ValidUtf8(name, scratch), kRelatedMax, *state.row.mutable_related())) {
      state.row.set_related_dropped(1);
    }
    if (state.row.related_size() > before) bytes += name.size() + sizeof(std::string) + 16;
  }
}

void RowBuilder::Impl::AddEvidence(const Record& record, Time time, RowState& state) {
  const auto& samples = state.row.samples();
  std::string scratch;
  std::string_view source = ValidUtf8(record.address.source, scratch);
  if (samples.size() >= kSamplesMax) {
    // SampleLess without the sample: in a storm nearly every record ends here.
    const state::v1::Sample& last = samples[kSamplesMax - 1];
    if (std::tuple(ToNanos(time), source, record.address.partition, record.address.offset,
                   record.address.index) >= std::tuple(last.time(), std::string_view(last.source()),
                                                       last.partition(), last.offset(),
                                                       last.index())) {
      return;
    }
  }
  state::v1::Sample sample;
  sample.set_time(ToNanos(time));
  sample.set_source(source.data(), source.size());
  std::string_view node = ValidUtf8(record.node, scratch);
  sample.set_node(node.data(), node.size());
  sample.set_stream(static_cast<uint32_t>(record.stream));
  sample.set_partition(record.address.partition);
  sample.set_offset(record.address.offset);
  sample.set_index(record.address.index);

  std::string_view text = MatchedText(record.text);
  if (text.size() > kEvidenceWindow_bytes) {
    // A secret cut in two might not be recognised: the cut falls between words.
    text = text.substr(0, kEvidenceWindow_bytes);
    size_t space = text.find_last_of(" \t\n");
    text = text.substr(0, space == std::string_view::npos ? kSampleTextMax_bytes : space);
  }
  std::string redacted = redactor.Redact(text);
  std::string_view kept = CutUtf8(ValidUtf8(redacted, scratch), kSampleTextMax_bytes);
  sample.set_text(kept.data(), kept.size());
  if (samples.size() < kSamplesMax) bytes += EstimateBytes(sample);
  AddSample(sample, kSamplesMax, *state.row.mutable_samples());
}

// One more hit, and what tells whether it is a copy of another.
void RowBuilder::Impl::AddHit(const Finding& finding, Time time, Row& row) {
  const Record& record = *finding.record;
  row.set_hits(row.hits() + 1);
  state::v1::Mark mark;
  mark.set_time(ToNanos(time));
  mark.set_count(1);
  uint64_t path = StableHash(record.way_file, StableHash(record.address.source, record.way));
  mark.set_path(static_cast<uint32_t>(path));
  if (finding.signature->occurrence_key.empty()) {
    mark.set_key(StableHash(MatchedText(record.text)) | 1);
  } else {
    uint64_t key = 0;
    bool any = false;
    for (const std::string& name : finding.signature->occurrence_key) {
      std::string_view value = ValueOf(finding, name);
      key = StableHash(value, key);
      any |= !value.empty();
    }
    mark.set_key(any ? key | 1 : 0);
  }
  int before = row.marks_size();
  AddMark(mark, *row.mutable_marks());
  if (row.marks_size() > before) bytes += sizeof(state::v1::Mark) + 16;
}

void RowBuilder::Add(const Finding& finding, Time progress) {
  Impl& impl = *impl_;
  const Record& record = *finding.record;
  Time time = EffectiveTime(record);
  if (time < record.time) ++impl.counters.clamped;
  Time filed = Filed(time, progress);
  if (filed > time) ++impl.counters.late;
  RowState& state = impl.FindOrAdd(finding, SlotOf(filed));
  Row& row = state.row;

  const Address& at = record.address;
  bool same_record = row.lines() > 0 && state.source == at.source.data() &&
                     state.partition == at.partition && state.offset == at.offset &&
                     state.index == at.index;
  if (!same_record) {
    row.set_lines(row.lines() + 1);
    state.source = at.source.data();
    state.partition = at.partition;
    state.offset = at.offset;
    state.index = at.index;
  }
  if (record.event.uid.empty()) {
    impl.AddHit(finding, time, row);
  } else {
    // A version seen twice is one: merging keeps the set sorted, unique and capped.
    int before = row.versions_size();
    Row version;
    state::v1::EventVersion* added = version.add_versions();
    added->set_uid(StableHash(record.event.uid));
    added->set_count(record.event.count);
    uint32_t dropped = row.related_dropped();
    MergeRow(version, row);
    row.set_related_dropped(dropped);
    if (row.versions_size() > before) impl.bytes += sizeof(state::v1::EventVersion) + 16;
  }
  if (!finding.signature->threshold_distinct.empty()) {
    std::string_view value = ValueOf(finding, finding.signature->threshold_distinct);
    if (!value.empty()) AddDistinct(StableHash(value), *row.mutable_distinct());
  }
  int64_t nanos = ToNanos(time);
  if (row.first() == 0 || nanos < row.first()) row.set_first(nanos);
  if (nanos > row.last()) row.set_last(nanos);
  impl.AddRelated(finding, state);
  if (!same_record) impl.AddEvidence(record, time, state);
  if (!finding.signature->context) return;
  Slot early = SlotOf(Filed(time - kPlannedAhead, progress));
  RowState& ahead = impl.FindOrAdd(finding, early, true);  // `state` may have moved
  if (ahead.row.first() == 0 || nanos < ahead.row.first()) ahead.row.set_first(nanos);
  if (nanos > ahead.row.last()) ahead.row.set_last(nanos);
  impl.AddRelated(finding, ahead);
}

void RowBuilder::CountLine(const Record& record, Time progress) {
  Impl& impl = *impl_;
  if (impl.slot_tallies.any()) {
    Time at = EffectiveTime(record);
    impl.slot_tallies.Add(record, at, SlotOf(Filed(at, progress)));
  }
  CountTally(record);
}

void RowBuilder::CountTally(const Record& record) {
  Impl& impl = *impl_;
  auto is = [&](size_t i) {
    const TallyState& tally = impl.tallies[i];
    return tally.stream == record.stream && tally.node == record.node &&
           tally.cluster == record.cluster;
  };
  size_t at = impl.last_tally;
  // Neighbouring records are mostly of one node.
  if (at >= impl.tallies.size() || !is(at)) {
    uint64_t hash =
        StableHash(record.node, StableHash(record.cluster, static_cast<uint64_t>(record.stream)));
    at = impl.tally_index.Find(hash, is);
    if (at == HashIndex::kNone) {
      if (impl.tallies.size() >= kTalliesMax && !record.node.empty()) {
        ++impl.counters.tallies_shared;
        Record nobody = record;
        nobody.node = {};
        return CountTally(nobody);
      }
      at = impl.tallies.size();
      impl.tally_index.Add(hash, at);
      TallyState& tally = impl.tallies.emplace_back();
      tally.cluster = record.cluster;
      tally.node = record.node;
      tally.stream = record.stream;
    }
    impl.last_tally = at;
  }
  TallyState& tally = impl.tallies[at];
  Time time = EffectiveTime(record);
  if (tally.lines++ == 0) ++impl.tallies_due;
  tally.bytes += static_cast<int64_t>(record.text.size());
  if (tally.first == kNoTime || time < tally.first) tally.first = time;
  if (time > tally.last) tally.last = time;
}

// Moves all but the `keep` smallest entity hashes of `members` (rows of one slot, cluster,
// signature and, where `per_node`, node) into overflow rows.
void RowBuilder::Impl::Overflow(const std::vector<size_t>& members, size_t keep, bool per_node,
                                std::vector<bool>& gone) {
  // An entity can have several rows (nodes, streams): the cap counts entities.
  std::vector<uint64_t> hashes;
  hashes.reserve(members.size());
  for (size_t i : members) {
    if (rows[i].entity_hash != kOverflowHash) hashes.push_back(rows[i].entity_hash);
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  if (hashes.size() <= keep) return;
  uint64_t largest_kept = hashes[keep - 1];

  std::map<std::tuple<std::string, uint32_t>, size_t> into;  // entity, stream -> row
  for (size_t i : members) {                                 // those of an earlier compaction go on
    const Row& row = rows[i].row;
    if (rows[i].entity_hash == kOverflowHash && (per_node || row.node().empty())) {
      into.emplace(std::tuple(row.entity(), row.stream()), i);
    }
  }
  for (size_t i : members) {
    EntityKind kind = rows[i].signature->entity;
    if (rows[i].entity_hash <= largest_kept || kind == EntityKind::kCluster) continue;
    std::string name = OverflowEntity(rows[i].row, kind);
    uint32_t stream = rows[i].row.stream();
    if (into.size() >= kOverflowNamespacesMax && into.count({name, stream}) == 0) {
      name = ToString(Entity{EntityKind::kCluster, rows[i].row.cluster()});
    }
    auto [at, inserted] = into.emplace(std::tuple(name, stream), rows.size());
    if (inserted) {
      RowState& state = rows.emplace_back();
      gone.push_back(false);
      const Row& from = rows[i].row;
      state.signature = rows[i].signature;
      state.ahead = rows[i].ahead;
      state.entity_hash = kOverflowHash;
      state.row.set_cluster(from.cluster());
      if (per_node) state.row.set_node(from.node());
      state.row.set_stream(stream);
      state.row.set_signature(from.signature());
      state.row.set_entity(name);
      state.row.set_slot(from.slot());
    }
    Row& target = rows[at->second].row;
    MergeRow(rows[i].row, target);
    target.set_related_dropped(1);
    gone[i] = true;
    ++counters.overflowed;
  }
}

// Applies the caps. Costs a sort of the rows, and nothing where there are too few to pass a cap.
void RowBuilder::Impl::Compact() {
  if (rows.size() <= kPerNodeMax) return;
  std::vector<bool> gone(rows.size(), false);
  for (bool per_node : {true, false}) {
    std::vector<size_t> order;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!gone[i]) order.push_back(i);
    }
    auto group = [&](size_t i) {
      const RowState& s = rows[i];
      return std::tuple(s.row.slot(), std::string_view(s.row.cluster()),
                        std::string_view(s.row.signature()),
                        per_node ? std::string_view(s.row.node()) : std::string_view());
    };
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return group(a) < group(b); });
    size_t cap = per_node ? kPerNodeMax : kPerClusterMax;
    std::vector<size_t> members;
    for (size_t begin = 0; begin < order.size();) {
      size_t end = begin;
      while (end < order.size() && group(order[end]) == group(order[begin])) ++end;
      if (end - begin > cap) {
        members.assign(order.begin() + static_cast<std::ptrdiff_t>(begin),
                       order.begin() + static_cast<std::ptrdiff_t>(end));
        Overflow(members, cap, per_node, gone);
      }
      begin = end;
    }
  }
  std::vector<RowState> kept;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!gone[i]) kept.push_back(std::move(rows[i]));
  }
  rows = std::move(kept);
  compacted_at = rows.size();
  bytes = 0;
  row_index.Clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i].row;
    uint64_t hash = StableHash(row.node(), StableHash(row.cluster(), StableHash(row.entity())));
    hash = StableHash(rows[i].signature->id,
                      hash ^ (static_cast<uint64_t>(row.slot()) << 8 | row.stream()));
    if (rows[i].ahead) hash = ~hash;
    row_index.Add(hash, i);
    bytes += sizeof(RowState) + 5 * sizeof(std::string) + row.ByteSizeLong() +
             static_cast<size_t>(row.samples_size()) * 160 +
             static_cast<size_t>(row.related_size() + row.marks_size()) * 48;
  }
}

Batch RowBuilder::TakeRows() {
  Impl& impl = *impl_;
  impl.Compact();
  Batch batch;
  batch.rows.reserve(impl.rows.size());
  for (RowState& state : impl.rows) batch.rows.push_back(std::move(state.row));
  batch.bytes = impl.bytes;
  impl.rows.clear();
  impl.row_index.Clear();
  impl.bytes = 0;
  impl.compacted_at = 0;
  return batch;
}

size_t RowBuilder::TallyCount() const { return impl_->tallies_due; }

bool RowBuilder::TalliesSlots() const { return impl_->slot_tallies.any(); }

void RowBuilder::TakeTallies(Batch& batch) {
  Impl& impl = *impl_;
  impl.slot_tallies.Take(batch);
  bool idle = false;
  std::string scratch;
  for (TallyState& tally : impl.tallies) {
    idle |= tally.lines == 0;
    if (tally.lines == 0) continue;
    state::v1::Tally& out = batch.tallies.emplace_back();
    out.set_cluster(std::string(ValidUtf8(tally.cluster, scratch)));
    out.set_node(std::string(ValidUtf8(tally.node, scratch)));
    out.set_stream(static_cast<uint32_t>(tally.stream));
    out.set_lines(tally.lines);
    out.set_bytes(tally.bytes);
    out.set_first(ToNanos(tally.first));
    out.set_last(ToNanos(tally.last));
    batch.bytes += sizeof(state::v1::Tally) + tally.cluster.size() + tally.node.size();
    tally.lines = tally.bytes = 0;
    tally.first = tally.last = kNoTime;
  }
  impl.tallies_due = 0;
  // Known keys stay, so that the next lines allocate nothing; once some fell silent all are learned
  // anew, so that nodes which left (or names somebody made up) do not add up.
  if (idle) {
    impl.tallies.clear();
    impl.tally_index.Clear();
  }
}

}  // namespace tocsin::matcher
