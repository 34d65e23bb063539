// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "store/rocks_store.h"

namespace tocsin::store {

// One consistent view for one read: keeps the database open and a snapshot alive while it exists.
class RocksStore::Reading {
 public:
  explicit Reading(const RocksStore& store);
  ~Reading();
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  // UNAVAILABLE while there is no database; nothing else may be called then.
  absl::Status status() const;

  absl::Status Get(Family family, std::string_view key, std::string& value, bool& found) const;

  // Calls `visit` for every key in [begin, end) in byte order until it returns false or an error;
  // an empty `end` means to the last key. `bulk`: read ahead, and leave the block cache to others.
  using Visit = std::function<absl::StatusOr<bool>(std::string_view key, std::string_view value)>;
  absl::Status Scan(Family family, std::string_view begin, std::string_view end, bool bulk,
                    const Visit& visit) const;

  // `found` is false for what is not there or expired.
  absl::Status Incident(std::string_view name, v1::Incident& incident, bool& found) const;
  absl::Status HasIncident(std::string_view name, bool& found) const;
  // Follows aliases from `name` to an incident that is there; empty if they lead nowhere.
  absl::Status Follow(std::string_view name, std::string& target) const;

 private:
  const RocksStore& store_;
  std::shared_lock<std::shared_mutex> lock_;
  const Database* database_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
};

}  // namespace tocsin::store
