// SPDX-License-Identifier: Apache-2.0
//
// How RocksDB is set up, and why:
// - atomic_flush: the files on disk are always one prefix of the commits, over all families.
// Whatever
//   a crash or a power loss takes from the end of the log, positions and state go back together.
// - point-in-time recovery: a torn or damaged log ends the replay there instead of refusing to
// open;
//   what came later is read again from its source, because the positions went back with it.
// - memory: write buffers of all families together 32 MiB, one block cache (Options), index and
// filter
//   blocks counted in it; at most 256 files open. One flush and one compaction thread.
// - LZ4 where the library has it: problems and incidents shrink to a third.
// - the information log keeps two files of 1 MiB, warnings only.
#include "store/database.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"

#include "base/status.h"
#include "store/keys.h"
#include "store/tally_merge.h"

namespace tocsin::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kWriteBuffers_bytes = 32 << 20;  // of all families together
constexpr size_t kLogMax_bytes = 64 << 20;        // write-ahead log before a flush is forced
constexpr int kOpenFilesMax = 256;

// For read-only opening, which must leave no trace, least of all in another process's log.
class NoLog final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DbOptions(const Options& options, Database::Mode mode) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = mode == Database::Mode::kReadWrite;
  db.create_missing_column_families = db.create_if_missing;
  db.atomic_flush = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.manual_wal_flush = false;
  db.db_write_buffer_size = kWriteBuffers_bytes;
  db.max_total_wal_size = kLogMax_bytes;
  db.max_background_jobs = 2;
  db.max_open_files = kOpenFilesMax;
  db.bytes_per_sync = 1 << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 1 << 20;
  db.keep_log_file_num = 2;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  if (mode == Database::Mode::kReadOnly) db.info_log = std::make_shared<NoLog>();
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(
    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = 16 << 20;
  family.level_compaction_dynamic_level_bytes = true;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  std::vector<rocksdb::CompressionType> can = rocksdb::GetSupportedCompressions();
  bool lz4 = std::find(can.begin(), can.end(), rocksdb::kLZ4Compression) != can.end();
  family.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;

  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) families.emplace_back(name, family);
  families[static_cast<size_t>(Family::kTallies)].options.merge_operator = MakeTallyMerge();
  return families;
}

// The process that holds `file`'s lock, 0 if unknown. Must not be asked about a lock of our own:
// closing any descriptor of a file drops the locks that its process has on it.
pid_t LockHolder(const std::string& file) {
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  bool held = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return held ? lock.l_pid : 0;
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& dir) {
  std::string text = status.ToString();
  if (text.find("/LOCK") != std::string::npos && text.find("lock") != std::string::npos &&
      !status.IsNoSpace()) {
    bool ours = text.find("current process") != std::string::npos;
    pid_t holder = ours ? ::getpid() : LockHolder(dir + "/LOCK");
    // No process of this namespace, yet somebody's: a container that shares the volume.
    bool elsewhere = text.find("temporarily unavailable") != std::string::npos;
    if (holder > 0 || elsewhere) {
      return FailedPrecondition(
          "{} is in use by another tocsin ({}): stop it, or give this one its own --data-dir", dir,
          holder > 0 ? fmt::format("process {}", holder)
                     : "in another container or on another host");
    }
  }
  bool missing_file =
      status.IsPathNotFound() || text.find("No such file or directory") != std::string::npos;
  if (missing_file) {
    return DataLoss(
        "the store in {} lacks a file ({}): restore it from a backup, or move the "
        "directory away to start empty and read the topics from their beginning",
        dir, text);
  }
  return FromRocksDb(status, fmt::format("cannot open the store in {}", dir));
}

// RocksDB takes a directory without CURRENT for an empty one and deletes the files it does not
// know.
absl::Status CheckRemains(const std::string& dir) {
  std::error_code error;
  if (fs::exists(dir + "/CURRENT", error)) return absl::OkStatus();
  for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
    std::string extension = entry.path().extension().string();
    if (extension == ".sst" || extension == ".log") {
      return DataLoss(
          "{} holds a store's files but no CURRENT: restore it from a backup, or move "
          "the directory away to start empty",
          dir);
    }
  }
  if (error) return Unavailable("cannot read the directory {}: {}", dir, error.message());
  return absl::OkStatus();
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  std::string why = status.ToString();
  if (status.IsNoSpace()) return Unavailable("{}: the disk is full ({})", doing, why);
  if (status.IsCorruption()) {
    return DataLoss("{}: its files are damaged ({})", doing, why);
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return FailedPrecondition("{}: {}", doing, why);
  }
  return Unavailable("{}: {}", doing, why);
}

absl::Status BadEntry(Family family, std::string_view key) {
  return DataLoss("the store's {} holds an entry that cannot be read, key {}",
                  kFamilyNames[static_cast<size_t>(family)], Bytes(key).ToString(true));
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options, Mode mode) {
  if (mode == Mode::kReadWrite) {
    std::error_code error;
    fs::create_directories(options.dir, error);
    if (error) return Unavailable("cannot create {}: {}", options.dir, error.message());
    RETURN_IF_ERROR(CheckRemains(options.dir));
  }
  std::unique_ptr<Database> opened(new Database);
  opened->mode_ = mode;
  opened->cache_ = rocksdb::NewLRUCache(options.block_cache_bytes);
  rocksdb::DBOptions db_options = DbOptions(options, mode);
  std::vector<rocksdb::ColumnFamilyDescriptor> families = Families(opened->cache_);
  rocksdb::DB* db = nullptr;
  rocksdb::Status status =
      mode == Mode::kReadWrite
          ? rocksdb::DB::Open(db_options, options.dir, families, &opened->handles_, &db)
          : rocksdb::DB::OpenForReadOnly(db_options, options.dir, families, &opened->handles_, &db);
  if (!status.ok()) return OpenError(status, options.dir);
  opened->db_.reset(db);
  return opened;
}

std::optional<int64_t> Database::PeekFormat(const Options& options) {
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  std::vector<rocksdb::ColumnFamilyDescriptor> meta = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions()}};
  rocksdb::Status status = rocksdb::DB::OpenForReadOnly(DbOptions(options, Mode::kReadOnly),
                                                        options.dir, meta, &handles, &raw);
  if (!status.ok()) return std::nullopt;
  std::unique_ptr<rocksdb::DB> db(raw);
  std::string value;
  status = db->Get(rocksdb::ReadOptions(), handles[0], Bytes(kMetaFormat), &value);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  return status.ok() ? ParseOrderedValue(value) : std::nullopt;
}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

uint64_t Database::cache_bytes() const { return cache_->GetUsage(); }

absl::Status Database::Get(Family from, std::string_view key, const rocksdb::Snapshot* snapshot,
                           std::string& value, bool& found) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  rocksdb::Status status = db_->Get(options, family(from), Bytes(key), &value);
  found = status.ok();
  if (status.ok() || status.IsNotFound()) return absl::OkStatus();
  return FromRocksDb(status, "cannot read the store");
}

}  // namespace tocsin::store
