// SPDX-License-Identifier: Apache-2.0
//
// Disks that fill up, break and lie; files that are damaged, torn or missing.
#include <fstream>
#include <random>

#include "tests/store/faulty_env.h"
#include "tests/store/testing.h"

namespace tocsin::store {
namespace {

namespace fs = std::filesystem;
using Fault = FaultyFs::Fault;
using testing::HasSubstr;

// Commit number n, to be recognised in every family. Tallies add up to 1 + 2 + ... + n, which shows
// a commit that was lost or applied twice.
WriteSet Numbered(int64_t n, size_t padding = 100) {
  WriteSet set;
  state::v1::Row row = MakeRow("node/n", 1, n);
  set.rows.emplace_back(RowKey(row), row);
  set.problems = {MakeProblem("node/n", n)};
  set.incidents = {MakeIncident("clusters/c/incidents/a", n)};
  // Random letters, so that nothing is compressed away.
  std::mt19937 random(static_cast<uint32_t>(n));
  std::string text(padding, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  set.incidents[0].set_title(text);
  set.tallies = {MakeTally("c", "n", 1, n, 1, n)};
  set.positions = {MakePosition("t", 0, n)};
  set.frontier = At(n);
  set.revision = n;
  return set;
}

void ExpectHolds(const Store& store, int64_t n) {
  EXPECT_EQ(store.revision(), n);
  EXPECT_EQ(store.frontier(), At(n));
  Content content = ReadAll(store);
  if (n == 0) {
    EXPECT_EQ(content, Content());
    return;
  }
  ASSERT_EQ(content.tallies.count("c|n|1"), 1u);
  state::v1::Tally tally;
  ASSERT_TRUE(tally.ParseFromString(content.tallies.at("c|n|1")));
  EXPECT_EQ(tally.lines(), n * (n + 1) / 2);
  absl::StatusOr<v1::Incident> incident = store.GetIncident("clusters/c/incidents/a");
  ASSERT_TRUE(incident.ok()) << incident.status();
  EXPECT_EQ(incident->revision(), n);
  absl::StatusOr<std::vector<state::v1::Position>> positions = store.Positions();
  ASSERT_TRUE(positions.ok());
  ASSERT_EQ(positions->size(), 1u);
  EXPECT_EQ(positions->at(0).next_hit(), n);
  EXPECT_EQ(content.problems.begin()->second, MakeProblem("node/n", n).SerializeAsString());
  EXPECT_EQ(content.rows.begin()->second, MakeRow("node/n", 1, n).SerializeAsString());
  EXPECT_EQ(Changes(store, 0).size(), 1u);
}

class FaultTest : public testing::Test {
 protected:
  FaultTest() : fs_(std::make_shared<FaultyFs>()), env_(rocksdb::NewCompositeEnv(fs_)) {
    options_.dir = dir_.path() + "/store";
    options_.env = env_.get();
  }

  TempDir dir_;
  std::shared_ptr<FaultyFs> fs_;
  std::unique_ptr<rocksdb::Env> env_;
  Options options_;
};

TEST_F(FaultTest, SurvivesAFullDiskWhereverTheRecordIsCut) {
  std::unique_ptr<Store> store = MustOpen(options_);
  int64_t n = 0;
  for (int64_t quota : {0, 1, 6, 7, 8, 20, 100, 300, 500, 1000, 40000}) {
    SCOPED_TRACE(quota);
    ASSERT_TRUE(store->Commit(Numbered(++n)).ok());
    fs_->Set(Fault::kFull, quota);
    WriteSet set = Numbered(n + 1, 70000);
    for (int attempt = 0; attempt < 3; ++attempt) {
      absl::Status status = store->Commit(set);
      ASSERT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      EXPECT_THAT(Message(status), HasSubstr("full"));
      ExpectHolds(*store, n);  // reads go on, and see nothing of it
    }
    fs_->Set(Fault::kNone);
    absl::Status status = store->Commit(set);
    ASSERT_TRUE(status.ok()) << status;
    ExpectHolds(*store, ++n);
  }
  EXPECT_GT(fs_->faults(), 0);
  store.reset();
  ExpectHolds(*MustOpen(options_), n);
}

TEST_F(FaultTest, SurvivesWritesThatFailForNoReason) {
  std::unique_ptr<Store> store = MustOpen(options_);
  for (int64_t n = 0; n < 10; n += 2) {
    ASSERT_TRUE(store->Commit(Numbered(n + 1)).ok());
    fs_->Set(Fault::kBroken);
    EXPECT_EQ(store->Commit(Numbered(n + 2)).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(store->Commit(Numbered(n + 2)).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(store->ResetPositions().code(), absl::StatusCode::kUnavailable);
    ExpectHolds(*store, n + 1);
    fs_->Set(Fault::kNone);
    absl::Status status = store->Commit(Numbered(n + 2));
    ASSERT_TRUE(status.ok()) << status;
    ExpectHolds(*store, n + 2);
  }
  store.reset();
  ExpectHolds(*MustOpen(options_), 10);
}

// The write arrived, its fsync failed: the commit is there after reopening, and must not count
// twice.
TEST_F(FaultTest, DoesNotApplyTwiceWhatBecameDurableAfterAll) {
  std::unique_ptr<Store> store = MustOpen(options_);
  ASSERT_TRUE(store->Commit(Numbered(1)).ok());
  for (int64_t n = 2; n < 6; ++n) {
    WriteSet set = Numbered(n);
    set.sync = true;
    fs_->Set(Fault::kNoSync);
    EXPECT_EQ(store->Commit(set).code(), absl::StatusCode::kUnavailable);
    fs_->Set(Fault::kNone);
    absl::Status status = store->Commit(set);
    ASSERT_TRUE(status.ok()) << status;
    ExpectHolds(*store, n);
  }
  store.reset();
  ExpectHolds(*MustOpen(options_), 5);
}

TEST_F(FaultTest, RefusesAnotherSetAfterOneThatBecameDurable) {
  std::unique_ptr<Store> store = MustOpen(options_);
  WriteSet set = Numbered(1);
  set.sync = true;
  fs_->Set(Fault::kNoSync);
  EXPECT_EQ(store->Commit(set).code(), absl::StatusCode::kUnavailable);
  fs_->Set(Fault::kNone);
  WriteSet other = Numbered(2);
  EXPECT_EQ(store->Commit(other).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->Commit(set).code(), absl::StatusCode::kFailedPrecondition);
  store.reset();
  store = MustOpen(options_);
  ExpectHolds(*store, 1);
  ASSERT_TRUE(store->Commit(other).ok());
  ExpectHolds(*store, 2);
}

// Background flushes and compactions meet the full disk, not the log.
TEST_F(FaultTest, SurvivesAFlushThatFindsTheDiskFull) {
  std::unique_ptr<Store> store = MustOpen(options_);
  constexpr size_t kBig = 1 << 20;
  int64_t n = 0;
  int failures = 0;
  for (int round = 0; round < 3; ++round) {
    fs_->Set(Fault::kFull, 30 << 20);
    WriteSet set = Numbered(n + 1, kBig);
    while (store->Commit(set).ok()) set = Numbered(++n + 1, kBig);
    ++failures;
    ASSERT_LT(n, 1000);
    ExpectHolds(*store, n);
    fs_->Set(Fault::kNone);
    absl::Status status = store->Commit(set);
    ASSERT_TRUE(status.ok()) << status;
    ExpectHolds(*store, ++n);
  }
  EXPECT_EQ(failures, 3);
  store.reset();
  ExpectHolds(*MustOpen(options_), n);
}

TEST_F(FaultTest, SaysSoWhenItCannotBeCreated) {
  fs_->Set(Fault::kFull);
  EXPECT_EQ(Store::Open(options_).status().code(), absl::StatusCode::kUnavailable);
  fs_->Set(Fault::kNone);
  ExpectHolds(*MustOpen(options_), 0);  // and a half-made store is completed

  std::ofstream(dir_.path() + "/file") << "x";
  Options under_a_file;
  under_a_file.dir = dir_.path() + "/file/store";
  EXPECT_EQ(Store::Open(under_a_file).status().code(), absl::StatusCode::kUnavailable);
}

// --- damaged files, on a real disk ---

std::vector<fs::path> FilesLike(const std::string& dir, std::string_view part) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    if (entry.path().filename().string().find(part) != std::string::npos) files.push_back(entry);
  }
  return files;
}

fs::path Largest(const std::vector<fs::path>& files) {
  return *std::max_element(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::file_size(a) < fs::file_size(b);
  });
}

// A log cut anywhere gives the state of some commit, whole, positions included.
TEST(DamageTest, OpensATornLogAsOfAnEarlierCommit) {
  TempDir dir;
  {
    std::unique_ptr<Store> store = MustOpen(dir.path() + "/whole");
    for (int64_t n = 1; n <= 20; ++n) ASSERT_TRUE(store->Commit(Numbered(n)).ok());
  }
  uintmax_t whole = fs::file_size(Largest(FilesLike(dir.path() + "/whole", ".log")));
  ASSERT_GT(whole, 1000u);
  int64_t previous = 20;
  bool went_back = false;
  for (uintmax_t cut = whole; cut > 600; cut -= std::min<uintmax_t>(cut, whole / 23)) {
    SCOPED_TRACE(cut);
    std::string copy = dir.path() + "/copy";
    fs::remove_all(copy);
    fs::copy(dir.path() + "/whole", copy, fs::copy_options::recursive);
    fs::resize_file(Largest(FilesLike(copy, ".log")), cut);
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({.dir = copy});
    ASSERT_TRUE(store.ok()) << store.status();
    int64_t n = (*store)->revision();
    ExpectHolds(**store, n);
    EXPECT_LE(n, previous);
    went_back |= n < previous;
    previous = n;
    // And it goes on from there, over another restart.
    ASSERT_TRUE((*store)->Commit(Numbered(n + 1)).ok());
    store->reset();
    ExpectHolds(*MustOpen(copy), n + 1);
  }
  EXPECT_TRUE(went_back);
}

TEST(DamageTest, OpensALogWithFlippedBitsAsOfAnEarlierCommit) {
  TempDir dir;
  {
    std::unique_ptr<Store> store = MustOpen(dir.path());
    for (int64_t n = 1; n <= 20; ++n) ASSERT_TRUE(store->Commit(Numbered(n)).ok());
  }
  fs::path log = Largest(FilesLike(dir.path(), ".log"));
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(fs::file_size(log) / 2));
  file.write("\xA5\xA5\xA5\xA5", 4);
  file.close();
  std::unique_ptr<Store> store = MustOpen(dir.path());
  EXPECT_LT(store->revision(), 20);
  EXPECT_GT(store->revision(), 0);
  ExpectHolds(*store, store->revision());
}

// Everything in table files, the log empty.
std::string Flushed(const TempDir& dir) {
  std::string path = dir.path() + "/store";
  {
    std::unique_ptr<Store> store = MustOpen(path);
    for (int64_t n = 1; n <= 20; ++n) EXPECT_TRUE(store->Commit(Numbered(n, 10000)).ok());
  }
  MustOpen(path).reset();  // recovery writes tables
  EXPECT_FALSE(FilesLike(path, ".sst").empty());
  return path;
}

TEST(DamageTest, ReportsDamagedTablesAsDataLoss) {
  TempDir dir;
  std::string path = Flushed(dir);
  for (const fs::path& table : FilesLike(path, ".sst")) {
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    for (int i = 0; i < 60; ++i) file.put('\xA5');
  }
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({.dir = path});
  absl::Status status = store.status();
  if (store.ok()) {
    Store::Visitor visitor;
    visitor.incident = [](const v1::Incident&) {};
    status = (*store)->Load(visitor);
    EXPECT_EQ((*store)->GetIncident("clusters/c/incidents/a").status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(DamageTest, ReportsMissingOrCutFilesAsDataLoss) {
  struct Case {
    const char* file;
    bool remove;
  };
  for (const Case& damage :
       {Case{".sst", true}, Case{".sst", false}, Case{"MANIFEST", true}, Case{"MANIFEST", false},
        Case{"CURRENT", true}, Case{"CURRENT", false}}) {
    SCOPED_TRACE(std::string(damage.file) + (damage.remove ? " removed" : " emptied"));
    TempDir dir;
    std::string path = Flushed(dir);
    for (const fs::path& file : FilesLike(path, damage.file)) {
      if (damage.remove) {
        fs::remove(file);
      } else {
        fs::resize_file(file, 0);
      }
    }
    absl::Status status = Store::Open({.dir = path}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  }
}

}  // namespace
}  // namespace tocsin::store
