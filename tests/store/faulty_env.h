// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace tocsin::store {

// A disk that can be told to fail. Thread-safe.
class FaultyFs final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault : int {
    kNone,
    kFull,    // ENOSPC once the quota is used up, with what fitted written: as a real disk does it
    kBroken,  // EIO on every write
    kNoSync,  // writes work, fsync fails: nobody knows what is durable
  };

  FaultyFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFs"; }

  void Set(Fault fault, int64_t quota_bytes = 0) {
    quota_ = quota_bytes;
    fault_ = fault;
  }
  int faults() const { return faults_; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    if (fault_ == Fault::kBroken) return Fail("create");
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, result, debug);
    if (status.ok()) *result = std::make_unique<File>(*this, std::move(*result));
    return status;
  }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(FaultyFs& fs, std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      switch (fs_.fault_.load()) {
        case Fault::kFull: {
          int64_t left = fs_.quota_.fetch_sub(static_cast<int64_t>(data.size()));
          if (left >= static_cast<int64_t>(data.size())) break;
          if (left > 0) {
            rocksdb::Slice fits(data.data(), static_cast<size_t>(left));
            (void)target()->Append(fits, options, debug);
          }
          return fs_.Fail("append");
        }
        case Fault::kBroken:
          return fs_.Fail("append");
        case Fault::kNone:
        case Fault::kNoSync:
          break;
      }
      return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      if (Failing()) return fs_.Fail("sync");
      return target()->Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      if (Failing()) return fs_.Fail("fsync");
      return target()->Fsync(options, debug);
    }

   private:
    bool Failing() const {
      Fault fault = fs_.fault_;
      return fault == Fault::kNoSync || fault == Fault::kBroken;
    }
    FaultyFs& fs_;
  };

  rocksdb::IOStatus Fail(const char* what) {
    ++faults_;
    if (fault_ == Fault::kFull) {
      rocksdb::IOStatus status = rocksdb::IOStatus::NoSpace(std::string("injected at ") + what);
      status.SetRetryable(true);
      return status;
    }
    return rocksdb::IOStatus::IOError(std::string("injected at ") + what);
  }

  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<int64_t> quota_{0};
  std::atomic<int> faults_{0};
};

}  // namespace tocsin::store
