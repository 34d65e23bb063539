// SPDX-License-Identifier: Apache-2.0
//
// Commits, and what happens when one fails.
//
// After a failed write nobody knows what the log holds: nothing of the commit, half a record, or
// all of it (a failed fsync). RocksDB's own Resume() would go on writing behind the half record,
// and its write buffer may still put the failed record there later; a retry would then add tallies
// twice, or be lost behind the damage on the next start. So the first failure ends the use of that
// log: readers keep the open database, and the next Commit probes the disk, closes and reopens.
// Recovery then says what the log really held, and the number of the last commit (kMetaCommits)
// says whether the doubtful one is in.
#include "store/store.h"

#include <random>
#include <unordered_map>
#include <utility>

#include "rocksdb/env.h"

#include "base/row.h"
#include "base/status.h"
#include "store/rocks_store.h"

namespace tocsin::store {
namespace {

constexpr size_t kProbe_bytes = 1 << 20;  // free space worth reopening for

std::string RandomUuid() {
  std::random_device random;
  std::array<uint8_t, 16> bytes;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  bytes[6] = (bytes[6] & 0x0F) | 0x40;  // version 4
  bytes[8] = (bytes[8] & 0x3F) | 0x80;
  std::string uuid;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += fmt::format("{:02x}", bytes[i]);
  }
  return uuid;
}

// Which element of a list counts for each name: the last.
template <typename T, typename NameOf>
std::unordered_map<std::string, size_t> LastByName(const std::vector<T>& list, NameOf name_of) {
  std::unordered_map<std::string, size_t> last;
  for (size_t i = 0; i < list.size(); ++i) last[ToUtf8(name_of(list[i]))] = i;
  return last;
}

// Version 1 is the first: nothing to do yet. A later version adds its step here, one per version,
// each a write batch that also sets kMetaFormat.
absl::Status Migrate(int64_t from) {
  if (from == static_cast<int64_t>(kFormatVersion)) return absl::OkStatus();
  return DataLoss("the store names format {}, which never existed", from);
}

}  // namespace

bool WriteSet::empty() const {
  return rows.empty() && rows_deleted.empty() && problems.empty() && problems_deleted.empty() &&
         incidents.empty() && incidents_deleted.empty() && aliases.empty() && tallies.empty() &&
         positions.empty() && silences.empty() && silences_deleted.empty() && !frontier &&
         !revision;
}

std::string ProblemId(const state::v1::Problem& problem) { return ProblemKey(problem); }

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options) {
  auto store = std::make_unique<RocksStore>(options);
  RETURN_IF_ERROR(store->Start());
  return std::unique_ptr<Store>(std::move(store));
}

absl::Status RocksStore::Start() {
  std::optional<int64_t> format = Database::PeekFormat(options_);
  if (format && *format > static_cast<int64_t>(kFormatVersion)) {
    return FailedPrecondition(
        "the store in {} has format {}, written by a newer tocsin; this one knows {}: run the "
        "newer "
        "release, or start empty with another --data-dir",
        options_.dir, *format, kFormatVersion);
  }
  std::lock_guard lock(writer_mu_);
  ASSIGN_OR_RETURN(database_, Database::Open(options_, Database::Mode::kReadWrite));
  RETURN_IF_ERROR(CreateMeta());
  return ReadMeta();
}

// Writes the meta of a new store; leaves an existing one alone.
absl::Status RocksStore::CreateMeta() {
  std::string value;
  bool found = false;
  RETURN_IF_ERROR(database_->Get(Family::kMeta, kMetaStoreId, nullptr, value, found));
  if (found) return absl::OkStatus();
  for (size_t i = 0; i < kFamilyNames.size(); ++i) {
    std::unique_ptr<rocksdb::Iterator> it(database_->db().NewIterator(
        rocksdb::ReadOptions(), database_->family(static_cast<Family>(i))));
    it->SeekToFirst();
    if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read the store");
    if (it->Valid()) {
      return DataLoss("the store in {} holds {} but no id: it is damaged, or not tocsin's",
                      options_.dir, kFamilyNames[i]);
    }
  }
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = database_->family(Family::kMeta);
  batch.Put(meta, Bytes(kMetaFormat), OrderedValue(static_cast<int64_t>(kFormatVersion)));
  batch.Put(meta, Bytes(kMetaStoreId), RandomUuid());
  batch.Put(meta, Bytes(kMetaCommits), OrderedValue(0));
  batch.Put(meta, Bytes(kMetaFrontier), OrderedValue(0));
  batch.Put(meta, Bytes(kMetaRevision), OrderedValue(0));
  return Write(batch, /*sync=*/true);
}

absl::Status RocksStore::ReadMeta() {
  std::string value;
  bool found = false;
  RETURN_IF_ERROR(database_->Get(Family::kMeta, kMetaStoreId, nullptr, value, found));
  if (!found) return BadEntry(Family::kMeta, kMetaStoreId);
  id_ = value;
  auto number = [&](std::string_view key) -> absl::StatusOr<int64_t> {
    RETURN_IF_ERROR(database_->Get(Family::kMeta, key, nullptr, value, found));
    std::optional<int64_t> parsed = found ? ParseOrderedValue(value) : std::nullopt;
    if (!parsed) return BadEntry(Family::kMeta, key);
    return *parsed;
  };
  ASSIGN_OR_RETURN(int64_t format, number(kMetaFormat));
  RETURN_IF_ERROR(Migrate(format));
  ASSIGN_OR_RETURN(commits_, number(kMetaCommits));
  ASSIGN_OR_RETURN(int64_t frontier, number(kMetaFrontier));
  ASSIGN_OR_RETURN(int64_t revision, number(kMetaRevision));
  frontier_ = frontier;
  revision_ = revision;
  return absl::OkStatus();
}

absl::Status RocksStore::Write(rocksdb::WriteBatch& batch, bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  rocksdb::Status status = database_->db().Write(options, &batch);
  if (status.ok()) return absl::OkStatus();
  broken_ = true;
  return FromRocksDb(status, "cannot write to the store");
}

absl::Status RocksStore::ProbeDisk() const {
  rocksdb::Env* env = options_.env != nullptr ? options_.env : rocksdb::Env::Default();
  std::string file = options_.dir + "/PROBE";
  rocksdb::Status status =
      rocksdb::WriteStringToFile(env, std::string(kProbe_bytes, '\0'), file, /*should_sync=*/true);
  env->DeleteFile(file).PermitUncheckedError();
  return FromRocksDb(status, "cannot write to the store");
}

// Readers never lose sight: they read the old database until the disk works again, and if it fails
// in the very moment of reopening, a read-only one from then on.
absl::Status RocksStore::Reopen() {
  std::unique_lock lock(database_mu_);
  bool was_read_only = database_ != nullptr && database_->read_only();
  if (!was_read_only) database_.reset();
  absl::StatusOr<std::unique_ptr<Database>> opened =
      Database::Open(options_, Database::Mode::kReadWrite);
  if (opened.ok()) {
    database_ = std::move(*opened);
    return absl::OkStatus();
  }
  if (!was_read_only) {
    absl::StatusOr<std::unique_ptr<Database>> fallback =
        Database::Open(options_, Database::Mode::kReadOnly);
    if (fallback.ok()) database_ = std::move(*fallback);
  }
  return opened.status();
}

absl::Status RocksStore::Recover() {
  if (!broken_) return absl::OkStatus();
  RETURN_IF_ERROR(ProbeDisk());
  RETURN_IF_ERROR(Reopen());
  int64_t acknowledged = commits_;
  RETURN_IF_ERROR(ReadMeta());
  broken_ = false;
  sweep_from_.fill("");
  if (commits_ < acknowledged) {
    refused_ = FailedPrecondition(
        "the disk lost commits {} to {} of the store in {}: restart, to go on from what it still "
        "has",
        commits_ + 1, acknowledged, options_.dir);
  }
  return refused_;
}

void RocksStore::Publish(const WriteSet& set) {
  if (set.frontier) frontier_ = ToNanos(*set.frontier);
  if (set.revision) revision_ = *set.revision;
  NoteExpiries(set);
}

absl::Status RocksStore::Commit(const WriteSet& set) {
  if (set.empty()) return absl::OkStatus();
  std::lock_guard lock(writer_mu_);
  RETURN_IF_ERROR(refused_);
  RETURN_IF_ERROR(Recover());
  if (doubtful_) {
    rocksdb::WriteBatch again;
    AddPuts(set, again);
    bool landed = commits_ >= doubtful_->number;
    bool same = again.Data() == doubtful_->bytes;
    doubtful_.reset();
    if (landed && same) {
      Publish(set);
      return absl::OkStatus();
    }
    if (landed) {
      refused_ = FailedPrecondition(
          "commit {} of the store in {} became durable although it was reported as failed, and "
          "another "
          "one follows: restart, to go on from what is stored",
          commits_, options_.dir);
      return refused_;
    }
  }
  TOCSIN_CHECK(!set.frontier || *set.frontier >= frontier());
  TOCSIN_CHECK(!set.revision || *set.revision >= revision());

  rocksdb::WriteBatch batch;
  RETURN_IF_ERROR(AddCleanups(set, batch));
  AddPuts(set, batch);
  batch.Put(database_->family(Family::kMeta), Bytes(kMetaCommits), OrderedValue(commits_ + 1));
  if (absl::Status status = Write(batch, set.sync); !status.ok()) {
    rocksdb::WriteBatch puts;
    AddPuts(set, puts);
    doubtful_ = Doubtful{commits_ + 1, puts.Data()};
    return status;
  }
  ++commits_;
  Publish(set);
  // What cannot be reclaimed now stays hidden all the same; a failed write is met by the next
  // commit.
  Sweep().IgnoreError();
  return absl::OkStatus();
}

// Everything that depends on what is stored: deletions, and index entries of what is replaced.
absl::Status RocksStore::AddCleanups(const WriteSet& set, rocksdb::WriteBatch& batch) {
  for (const std::string& key : set.rows_deleted) {
    batch.Delete(database_->family(Family::kRows), key);
  }
  for (const std::string& name : set.silences_deleted) {
    batch.Delete(database_->family(Family::kMeta), std::string(kMetaSilence) + name);
  }
  for (const std::string& id : set.problems_deleted) {
    batch.Delete(database_->family(Family::kProblems), id);
  }
  std::string value;
  auto drop_indexes = [&](const std::string& name) -> absl::Status {
    bool found = false;
    RETURN_IF_ERROR(database_->Get(Family::kIncidents, name, nullptr, value, found));
    if (!found) return absl::OkStatus();
    std::optional<IncidentValue> old = DecodeIncidentValue(value);
    if (!old) return BadEntry(Family::kIncidents, name);
    batch.Delete(database_->family(Family::kByRevision), EncodeRevisionKey(old->revision, name));
    if (old->resolved != kNoTime) {
      batch.Delete(database_->family(Family::kExpiry),
                   EncodeExpiryKey(ExpiryKind::kIncident, old->resolved, name));
    }
    return absl::OkStatus();
  };
  for (const v1::Incident& incident : set.incidents) {
    RETURN_IF_ERROR(drop_indexes(ToUtf8(incident.name())));
  }
  for (const std::string& raw : set.incidents_deleted) {
    std::string name = ToUtf8(raw);
    RETURN_IF_ERROR(drop_indexes(name));
    batch.Delete(database_->family(Family::kIncidents), name);
    batch.Put(database_->family(Family::kExpiry),
              EncodeExpiryKey(ExpiryKind::kAliases, kNoTime, name), "");
  }
  return absl::OkStatus();
}

// Everything that follows from the set alone, so that equal sets give equal bytes.
void RocksStore::AddPuts(const WriteSet& set, rocksdb::WriteBatch& batch) const {
  auto put = [&](Family family, const std::string& key, const std::string& value) {
    batch.Put(database_->family(family), key, value);
  };
  for (const auto& [key, row] : set.rows) put(Family::kRows, key, row.SerializeAsString());
  for (const state::v1::Problem& problem : set.problems) {
    std::string id = ProblemId(problem);
    put(Family::kProblems, id, problem.SerializeAsString());
    if (!problem.active() && problem.cleared() != 0) {
      put(Family::kExpiry,
          EncodeExpiryKey(ExpiryKind::kProblem, TimeFromNanos(problem.cleared()), id), "");
    }
  }
  auto last = LastByName(set.incidents, [](const v1::Incident& i) { return i.name(); });
  for (size_t i = 0; i < set.incidents.size(); ++i) {
    std::string name = ToUtf8(set.incidents[i].name());
    if (last[name] != i) continue;
    v1::Incident incident = set.incidents[i];
    MakeUtf8(incident);
    Time resolved = ResolvedTime(incident);
    put(Family::kIncidents, name,
        EncodeIncidentHeader(incident.revision(), resolved) + incident.SerializeAsString());
    put(Family::kByRevision, EncodeRevisionKey(incident.revision(), name), "");
    if (resolved != kNoTime) {
      put(Family::kExpiry, EncodeExpiryKey(ExpiryKind::kIncident, resolved, name), "");
    }
  }
  for (const auto& [raw_alias, raw_target] : set.aliases) {
    std::string alias = ToUtf8(raw_alias);
    std::string target = ToUtf8(raw_target);
    if (alias == target) continue;
    put(Family::kAliases, alias, target);
    put(Family::kAliasTargets, EncodeAliasTargetKey(target, alias), "");
  }
  for (const state::v1::Tally& tally : set.tallies) {
    state::v1::Tally value = tally;
    value.clear_cluster();
    value.clear_node();
    value.clear_stream();
    batch.Merge(database_->family(Family::kTallies),
                EncodeTallyKey(ToUtf8(tally.cluster()), ToUtf8(tally.node()), tally.stream()),
                value.SerializeAsString());
  }
  for (const state::v1::Position& position : set.positions) {
    put(Family::kPositions, EncodePositionKey(position.source(), position.partition()),
        position.SerializeAsString());
  }
  for (const v1::Silence& silence : set.silences) {
    v1::Silence written = silence;
    MakeUtf8(written);
    put(Family::kMeta, std::string(kMetaSilence) + written.name(), written.SerializeAsString());
  }
  if (set.frontier)
    put(Family::kMeta, std::string(kMetaFrontier), OrderedValue(ToNanos(*set.frontier)));
  if (set.revision) put(Family::kMeta, std::string(kMetaRevision), OrderedValue(*set.revision));
}

absl::Status RocksStore::ResetPositions() {
  std::lock_guard lock(writer_mu_);
  RETURN_IF_ERROR(refused_);
  RETURN_IF_ERROR(Recover());
  rocksdb::WriteBatch batch;
  std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->family(Family::kPositions)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    batch.Delete(database_->family(Family::kPositions), it->key());
  }
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read the store");
  return Write(batch, /*sync=*/true);
}

}  // namespace tocsin::store
