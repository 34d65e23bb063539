// SPDX-License-Identifier: Apache-2.0
//
// Reclaiming. Reads hide what is expired at once; here the space comes back, at most kSweepMax
// steps per commit and in a write batch of its own, so that a burst of expiries never delays a
// commit by much. `expiry` lists what may go by (kind, since): only its head is looked at. Its
// entries are hints: a problem that became active again leaves a stale one behind, so each is
// checked before it is obeyed.
#include <algorithm>
#include <memory>
#include <utility>

#include "rocksdb/iterator.h"

#include "base/status.h"
#include "store/rocks_store.h"

namespace tocsin::store {
namespace {

constexpr size_t kSweepMax = 256;

}  // namespace

Time RocksStore::ExpiredBefore(Duration retention) const {
  Time now = frontier();
  // Saturates: a retention longer than time itself keeps everything.
  if (now.time_since_epoch() < Time::min().time_since_epoch() + retention) return Time::min();
  return now - retention;
}

bool RocksStore::IncidentExpired(Time resolved) const {
  return resolved != kNoTime && resolved < ExpiredBefore(options_.retention);
}

bool RocksStore::ProblemExpired(const state::v1::Problem& problem) const {
  return !problem.active() && problem.cleared() != 0 &&
         TimeFromNanos(problem.cleared()) < ExpiredBefore(options_.problem_retention);
}

void RocksStore::NoteExpiry(const std::string& key) {
  for (size_t i = 0; i < std::size(kExpiryKinds); ++i) {
    if (key.front() == static_cast<char>(kExpiryKinds[i]) && key < sweep_from_[i])
      sweep_from_[i] = key;
  }
}

void RocksStore::NoteExpiries(const WriteSet& set) {
  for (const state::v1::Problem& problem : set.problems) {
    if (problem.active() || problem.cleared() == 0) continue;
    NoteExpiry(EncodeExpiryKey(ExpiryKind::kProblem, TimeFromNanos(problem.cleared()),
                               ProblemId(problem)));
  }
  for (const v1::Incident& incident : set.incidents) {
    Time resolved = ResolvedTime(incident);
    if (resolved == kNoTime) continue;
    NoteExpiry(EncodeExpiryKey(ExpiryKind::kIncident, resolved, ToUtf8(incident.name())));
  }
  for (const std::string& name : set.incidents_deleted) {
    NoteExpiry(EncodeExpiryKey(ExpiryKind::kAliases, kNoTime, ToUtf8(name)));
  }
}

absl::Status RocksStore::Sweep() {
  size_t budget = kSweepMax;
  rocksdb::WriteBatch batch;
  auto from = sweep_from_;
  absl::Status status = SweepKind(ExpiryKind::kAliases, kMaxTime, budget, batch);
  if (status.ok()) {
    status = SweepKind(ExpiryKind::kIncident, ExpiredBefore(options_.retention), budget, batch);
  }
  if (status.ok()) {
    status =
        SweepKind(ExpiryKind::kProblem, ExpiredBefore(options_.problem_retention), budget, batch);
  }
  if (status.ok() && batch.Count() > 0) status = Write(batch, /*sync=*/false);
  if (!status.ok()) sweep_from_ = from;
  return status;
}

absl::Status RocksStore::SweepKind(ExpiryKind kind, Time before, size_t& budget,
                                   rocksdb::WriteBatch& batch) {
  size_t index = std::find(std::begin(kExpiryKinds), std::end(kExpiryKinds), kind) - kExpiryKinds;
  // What is noted meanwhile lowers it again.
  std::string after_kind(1, static_cast<char>(static_cast<char>(kind) + 1));
  std::string reached = std::exchange(sweep_from_[index], after_kind);
  std::string begin(1, static_cast<char>(kind));
  if (reached < begin) reached = begin;
  std::string end = EncodeExpiryKey(kind, before, "");
  rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(options, database_->family(Family::kExpiry)));
  for (it->Seek(reached); it->Valid() && budget > 0; it->Next()) {
    std::optional<ExpiryKey> entry = DecodeExpiryKey(View(it->key()));
    if (!entry) return BadEntry(Family::kExpiry, View(it->key()));
    reached = it->key().ToString();
    --budget;
    bool done = true;
    RETURN_IF_ERROR(SweepEntry(*entry, budget, batch, done));
    if (!done) break;  // the budget ran out inside: its entry stays for the next commit
    batch.Delete(database_->family(Family::kExpiry), it->key());
  }
  sweep_from_[index] = std::min(sweep_from_[index], reached);
  return FromRocksDb(it->status(), "cannot read the store");
}

absl::Status RocksStore::SweepEntry(const ExpiryKey& entry, size_t& budget,
                                    rocksdb::WriteBatch& batch, bool& done) {
  std::string value;
  bool found = false;
  switch (entry.kind) {
    case ExpiryKind::kAliases:
      return SweepAliases(entry.id, budget, batch, done);
    case ExpiryKind::kIncident: {
      RETURN_IF_ERROR(database_->Get(Family::kIncidents, entry.id, nullptr, value, found));
      if (!found) return absl::OkStatus();
      std::optional<IncidentValue> incident = DecodeIncidentValue(value);
      if (!incident) return BadEntry(Family::kIncidents, entry.id);
      if (incident->resolved != entry.since) return absl::OkStatus();
      batch.Delete(database_->family(Family::kIncidents), Bytes(entry.id));
      batch.Delete(database_->family(Family::kByRevision),
                   EncodeRevisionKey(incident->revision, entry.id));
      std::string aliases = EncodeExpiryKey(ExpiryKind::kAliases, kNoTime, entry.id);
      batch.Put(database_->family(Family::kExpiry), aliases, "");
      NoteExpiry(aliases);
      return absl::OkStatus();
    }
    case ExpiryKind::kProblem: {
      RETURN_IF_ERROR(database_->Get(Family::kProblems, entry.id, nullptr, value, found));
      if (!found) return absl::OkStatus();
      state::v1::Problem problem;
      if (!problem.ParseFromString(value)) return BadEntry(Family::kProblems, entry.id);
      if (problem.active() || problem.cleared() != ToNanos(entry.since)) return absl::OkStatus();
      batch.Delete(database_->family(Family::kProblems), Bytes(entry.id));
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

// Removes what points at a name that is gone, and marks the removed aliases in turn: aliases of
// aliases lead nowhere any more either. A name that has become an alias itself, or an incident
// again, keeps its own.
absl::Status RocksStore::SweepAliases(std::string_view target, size_t& budget,
                                      rocksdb::WriteBatch& batch, bool& done) {
  std::string value;
  bool found = false;
  RETURN_IF_ERROR(database_->Get(Family::kIncidents, target, nullptr, value, found));
  if (found) return absl::OkStatus();
  RETURN_IF_ERROR(database_->Get(Family::kAliases, target, nullptr, value, found));
  if (found) return absl::OkStatus();

  std::string prefix = AliasTargetPrefix(target);
  std::string end = PrefixEnd(prefix);
  rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(options, database_->family(Family::kAliasTargets)));
  for (it->Seek(prefix); it->Valid(); it->Next()) {
    if (budget == 0) {
      done = false;
      return absl::OkStatus();
    }
    --budget;
    std::optional<AliasTargetKey> entry = DecodeAliasTargetKey(View(it->key()));
    if (!entry) return BadEntry(Family::kAliasTargets, View(it->key()));
    RETURN_IF_ERROR(database_->Get(Family::kAliases, entry->alias, nullptr, value, found));
    if (found && value == target) {
      batch.Delete(database_->family(Family::kAliases), Bytes(entry->alias));
      std::string chained = EncodeExpiryKey(ExpiryKind::kAliases, kNoTime, entry->alias);
      batch.Put(database_->family(Family::kExpiry), chained, "");
      NoteExpiry(chained);
    }
    batch.Delete(database_->family(Family::kAliasTargets), it->key());
  }
  return FromRocksDb(it->status(), "cannot read the store");
}

}  // namespace tocsin::store
