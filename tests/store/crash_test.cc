// SPDX-License-Identifier: Apache-2.0
//
// kill -9, another process at the lock, readers beside the writer. The child is this program again,
// executed rather than only forked, because RocksDB's threads do not survive a fork.
#include <atomic>
#include <cstdio>
#include <random>
#include <signal.h>
#include <spawn.h>
#include <thread>
#include <unistd.h>

#include <sys/wait.h>

#include "tests/store/testing.h"

extern char** environ;

namespace tocsin::store {
namespace {

// Every commit says the same number in every family; some are big, so that flushes happen too.
WriteSet Numbered(int64_t n) {
  WriteSet set;
  state::v1::Row row = MakeRow("node/n", 1, n);
  set.rows.emplace_back(RowKey(row), row);
  set.problems = {MakeProblem("node/n", n)};
  set.incidents = {MakeIncident("clusters/c/incidents/a", n),
                   MakeIncident("clusters/c/incidents/b", n)};
  set.incidents[0].set_title(std::string(n % 50 == 0 ? 1 << 20 : 10, 'x'));
  set.tallies = {MakeTally("c", "n", 1, 1, 1, 1)};
  set.positions = {MakePosition("t", 0, n)};
  set.frontier = At(n);
  set.revision = n;
  return set;
}

void ExpectOneNumber(const Store& store) {
  int64_t n = store.revision();
  EXPECT_EQ(store.frontier(), At(n));
  if (n == 0) return;
  EXPECT_EQ(store.Positions()->at(0).next_hit(), n);
  EXPECT_EQ(store.GetIncident("clusters/c/incidents/a")->revision(), n);
  EXPECT_EQ(store.GetIncident("clusters/c/incidents/b")->revision(), n);
  EXPECT_EQ(store.GetNode("c", "n")->lines(), n);
  Content content = ReadAll(store);
  EXPECT_EQ(content.problems.begin()->second, MakeProblem("node/n", n).SerializeAsString());
  EXPECT_EQ(content.rows.begin()->second, MakeRow("node/n", 1, n).SerializeAsString());
  EXPECT_EQ(Changes(store, 0).size(), 2u);
}

class Child {
 public:
  explicit Child(const std::string& dir) {
    int fds[2];
    EXPECT_EQ(::pipe(fds), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, fds[0]);
    std::string self = "/proc/self/exe", flag = "--commit-for-ever", path = dir;
    char* argv[] = {self.data(), flag.data(), path.data(), nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, self.c_str(), &actions, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(fds[1]);
    out_ = ::fdopen(fds[0], "r");
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // The next number that the child says is committed; 0 when it is gone.
  int64_t Next() {
    long long n = 0;
    return std::fscanf(out_, "%lld", &n) == 1 ? n : 0;
  }
  void Kill() {
    if (out_ == nullptr) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::fclose(out_);
    out_ = nullptr;
  }

 private:
  pid_t pid_ = 0;
  std::FILE* out_ = nullptr;
};

int CommitForEver(const char* dir) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({.dir = dir});
  if (!store.ok()) return 1;
  for (int64_t n = (*store)->revision() + 1;; ++n) {
    if (!(*store)->Commit(Numbered(n)).ok()) return 1;
    if (::dprintf(STDOUT_FILENO, "%lld\n", static_cast<long long>(n)) < 0) return 1;
  }
}

TEST(CrashTest, LosesNoCommitAndSplitsNoneWhenKilled) {
  uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  TempDir dir;
  int64_t acknowledged = 0;
  for (int round = 0; round < 10; ++round) {
    {
      Child child(dir.path());
      int64_t commits = 1 + random() % 300;
      for (int64_t i = 0; i < commits; ++i) {
        int64_t n = child.Next();
        ASSERT_EQ(n, i == 0 ? n : acknowledged + 1);
        ASSERT_GT(n, acknowledged);
        acknowledged = n;
      }
      child.Kill();
    }
    std::unique_ptr<Store> store = MustOpen(dir.path());
    ASSERT_GE(store->revision(), acknowledged);
    ExpectOneNumber(*store);
    acknowledged = store->revision();
  }
}

TEST(CrashTest, CreationCanBeKilledAtAnyMoment) {
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 15; ++round) {
    TempDir dir;
    {
      Child child(dir.path());
      // Not a synchronisation: the kill is meant to hit anywhere in the creation.
      ::usleep(random() % 60'000);
      child.Kill();
    }
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({.dir = dir.path()});
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectOneNumber(**store);
  }
}

TEST(LockTest, NamesTheProcessThatHoldsTheStore) {
  TempDir dir;
  Child child(dir.path());
  ASSERT_EQ(child.Next(), 1);
  absl::Status status = Store::Open({.dir = dir.path()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(Message(status), testing::HasSubstr("in use by another tocsin (process " +
                                                  std::to_string(child.pid()) + ")"));
  child.Kill();
  EXPECT_TRUE(Store::Open({.dir = dir.path()}).ok());
}

TEST(LockTest, RefusesASecondStoreInTheSameProcess) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  for (int i = 0; i < 2; ++i) {
    absl::Status status = Store::Open({.dir = dir.path()}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  }
  EXPECT_TRUE(store->Commit(Numbered(1)).ok());
}

// Both incidents carry the number of the commit: a reader that sees two numbers saw half a commit.
TEST(ThreadsTest, ReadersSeeWholeCommitsOnly) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  ASSERT_TRUE(store->Commit(Numbered(1)).ok());
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0, halves = 0, backwards = 0, errors = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int64_t last = 0;
      while (!stop) {
        std::vector<int64_t> seen;
        auto see = [&](const v1::Incident& incident) {
          seen.push_back(incident.revision());
          return true;
        };
        errors += !store->ScanIncidents("c", see).ok();
        halves += seen.size() != 2 || seen[0] != seen[1];
        backwards += !seen.empty() && seen[0] < last;
        if (!seen.empty()) last = seen[0];
        seen.clear();
        errors += !store->ScanChanges(0, see).ok();
        halves += seen.size() != 2 || seen[0] != seen[1];
        errors += !store->GetIncident("clusters/c/incidents/a").ok();
        errors += !store->GetNode("c", "n").ok();
        (void)store->GetStats();
        ++reads;
      }
    });
  }
  int64_t n = 1;
  while (reads < 300 || n < 300) ASSERT_TRUE(store->Commit(Numbered(++n)).ok());
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(halves, 0);
  EXPECT_EQ(backwards, 0);
  EXPECT_EQ(errors, 0);
  ExpectOneNumber(*store);
}

}  // namespace
}  // namespace tocsin::store

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--commit-for-ever") {
    return tocsin::store::CommitForEver(argv[2]);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
