// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "rocksdb/write_batch.h"

#include "store/database.h"
#include "store/keys.h"
#include "store/store.h"

// Inside the store only: Store over RocksDB. Opening, commits and recovery are in store.cc, reads
// in reader.cc and names.cc, reclaiming in sweep.cc.
namespace tocsin::store {

class RocksStore final : public Store {
 public:
  explicit RocksStore(Options options) : options_(std::move(options)) {}
  absl::Status Start();

  const std::string& id() const override { return id_; }
  absl::Status Commit(const WriteSet& set) override;
  absl::Status Load(const Visitor& visitor) const override;
  absl::StatusOr<std::vector<state::v1::Position>> Positions() const override;
  Time frontier() const override { return TimeFromNanos(frontier_.load()); }
  int64_t revision() const override { return revision_.load(); }
  absl::Status ResetPositions() override;

  absl::StatusOr<v1::Incident> GetIncident(std::string_view name) const override;
  absl::Status ScanIncidents(std::string_view cluster,
                             const std::function<bool(const v1::Incident&)>& visit) const override;
  absl::Status ScanChanges(int64_t after,
                           const std::function<bool(const v1::Incident&)>& visit) const override;
  absl::Status ScanNodes(std::string_view cluster, std::string_view start_after,
                         const std::function<bool(const v1::Node&)>& visit) const override;
  absl::StatusOr<v1::Node> GetNode(std::string_view cluster, std::string_view node) const override;
  Stats GetStats() const override;

 private:
  // A commit of which RocksDB said that it failed, and which may yet have reached the disk.
  struct Doubtful {
    int64_t number;     // of the commit
    std::string bytes;  // Puts() of its set, to recognise it by
  };

  // A consistent view for one read: keeps the database open and the snapshot alive.
  class Reading;

  // --- names.cc ---
  struct Search;
  static std::optional<Search> ParseSearch(std::string_view name);
  absl::StatusOr<std::set<std::string>> FindByPrefix(const Reading& reading,
                                                     const Search& search) const;

  // --- store.cc: with writer_mu_ held ---
  absl::Status CreateMeta();
  absl::Status ReadMeta();
  absl::Status ProbeDisk() const;
  absl::Status Reopen();
  absl::Status Recover();
  void Publish(const WriteSet& set);
  absl::Status Write(rocksdb::WriteBatch& batch, bool sync);
  absl::Status AddCleanups(const WriteSet& set, rocksdb::WriteBatch& batch);
  void AddPuts(const WriteSet& set, rocksdb::WriteBatch& batch) const;
  void NoteExpiries(const WriteSet& set);

  // --- sweep.cc: with writer_mu_ held ---
  absl::Status Sweep();
  absl::Status SweepKind(ExpiryKind kind, Time before, size_t& budget, rocksdb::WriteBatch& batch);
  absl::Status SweepEntry(const ExpiryKey& entry, size_t& budget, rocksdb::WriteBatch& batch,
                          bool& done);
  absl::Status SweepAliases(std::string_view target, size_t& budget, rocksdb::WriteBatch& batch,
                            bool& done);
  void NoteExpiry(const std::string& key);

  // --- any thread ---
  bool IncidentExpired(Time resolved) const;
  bool ProblemExpired(const state::v1::Problem& problem) const;
  Time ExpiredBefore(Duration retention) const;

  // Constant after Start().
  const Options options_;
  std::string id_;

  // Synchronise themselves. Nanoseconds; as of the last commit.
  std::atomic<int64_t> frontier_{0};
  std::atomic<int64_t> revision_{0};

  // Readers hold it shared while they read; replacing the database takes it alone.
  mutable std::shared_mutex database_mu_;
  std::unique_ptr<Database>
      database_;  // written with both mutexes held; null only after a failed reopen

  std::mutex writer_mu_;
  bool broken_ = false;  // a write failed: reopen before the next
  std::optional<Doubtful> doubtful_;
  absl::Status refused_;  // not OK: memory and disk have parted, no commit is right any more
  int64_t commits_ = 0;   // number of the last commit
  // By kind, a key below which `expiry` holds nothing: seeking from there skips what was deleted.
  std::array<std::string, std::size(kExpiryKinds)> sweep_from_;
};

// Resolved incidents' time of resolution, kNoTime for others.
Time ResolvedTime(const v1::Incident& incident);
// Replaces what is not UTF-8 in every string of the message. Costs a walk over its fields.
void MakeUtf8(google::protobuf::Message& message);

}  // namespace tocsin::store
