// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"

#include "store/store.h"

// Inside the store only: an open RocksDB with our column families, and the translation of its
// errors.
namespace tocsin::store {

// Stored as directories of keys; FORMAT.md. The order is that of kFamilyNames.
enum class Family : size_t {
  kMeta,
  kPositions,
  kRows,
  kProblems,
  kIncidents,
  kByRevision,
  kAliases,
  kAliasTargets,
  kTallies,
  kExpiry,
};
inline constexpr std::array<const char*, 10> kFamilyNames = {
    "default",  // RocksDB insists on one of this name: it is our meta
    "positions", "rows",          "problems", "incidents", "by_revision",
    "aliases",   "alias_targets", "tallies",  "expiry",
};

// UNAVAILABLE for what may pass (disk full, I/O errors), DATA_LOSS for corruption,
// FAILED_PRECONDITION for what somebody must repair. `doing` begins the message: "cannot write to
// the store".
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing);

// One opened database. Destroying it closes it and frees its lock; no reader may be inside.
class Database {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  // kReadOnly takes no lock, writes nothing, and sees what was committed before it was opened.
  // kReadWrite creates what is missing, but never a new database over the remains of an old one.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options, Mode mode);
  // The format version of what stands in the directory, opened by itself and read only, so that a
  // newer store is not touched by code that does not know it. nullopt if there is none or it cannot
  // be read.
  static std::optional<int64_t> PeekFormat(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<size_t>(family)];
  }
  bool read_only() const { return mode_ == Mode::kReadOnly; }
  uint64_t cache_bytes() const;

  // OK with `found` false if there is no such key. `snapshot` may be null.
  absl::Status Get(Family family, std::string_view key, const rocksdb::Snapshot* snapshot,
                   std::string& value, bool& found) const;

 private:
  Database() = default;

  Mode mode_ = Mode::kReadWrite;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// A view of ours for a slice of theirs, and back.
inline std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
inline rocksdb::Slice Bytes(std::string_view view) { return {view.data(), view.size()}; }

// DATA_LOSS naming family and key.
absl::Status BadEntry(Family family, std::string_view key);

}  // namespace tocsin::store
