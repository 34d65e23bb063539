// SPDX-License-Identifier: Apache-2.0
//
// Names that lead to incidents, and how they end.
#include "rocksdb/db.h"

#include "store/database.h"
#include "tests/store/testing.h"

namespace tocsin::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Name(std::string_view id, std::string_view cluster = "c") {
  return "clusters/" + std::string(cluster) + "/incidents/" + std::string(id);
}

absl::StatusCode CodeOf(const Store& store, std::string_view name) {
  return store.GetIncident(name).status().code();
}

std::string Find(const Store& store, std::string_view name) {
  absl::StatusOr<v1::Incident> incident = store.GetIncident(name);
  return incident.ok() ? incident->name() : incident.status().ToString();
}

TEST(NamesTest, FindsByUniquePrefix) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  for (const char* id : {"abc", "abcd", "abd", "b1", "\xC3\xA9x"}) {
    set.incidents.push_back(MakeIncident(Name(id), 1));
  }
  set.incidents.push_back(MakeIncident(Name("b2", "other"), 1));
  ASSERT_TRUE(store->Commit(set).ok());

  EXPECT_EQ(Find(*store, Name("abc")), Name("abc"));  // a whole id outranks longer ones
  EXPECT_EQ(Find(*store, Name("abd")), Name("abd"));
  EXPECT_EQ(Find(*store, Name("b")), Name("b1"));
  absl::Status ambiguous = store->GetIncident(Name("ab")).status();
  EXPECT_EQ(ambiguous.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(ambiguous), AllOf(HasSubstr(Name("abc") + ","), HasSubstr(Name("abcd")),
                                        HasSubstr(Name("abd")), Not(HasSubstr(Name("b1")))));
  EXPECT_EQ(CodeOf(*store, Name("x")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(*store, Name("abcde")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(*store, Name("a", "other")), absl::StatusCode::kNotFound);

  // In all clusters.
  EXPECT_EQ(Find(*store, Name("abc", "-")), Name("abc"));
  EXPECT_EQ(Find(*store, "abc"), Name("abc"));
  EXPECT_EQ(Find(*store, "b2"), Name("b2", "other"));
  EXPECT_EQ(CodeOf(*store, "b"), absl::StatusCode::kInvalidArgument);

  for (const char* bad : {"", "/", "clusters/c", "clusters/c/incidents/", "clusters/c/nodes/n"}) {
    EXPECT_EQ(CodeOf(*store, bad), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(NamesTest, NamesTenCandidatesAtMost) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  for (int i = 0; i < 1000; ++i)
    set.incidents.push_back(MakeIncident(Name("a" + std::to_string(i)), 1));
  ASSERT_TRUE(store->Commit(set).ok());
  absl::Status ambiguous = store->GetIncident(Name("a")).status();
  EXPECT_EQ(ambiguous.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_LT(Message(ambiguous).size(), 500u);
  EXPECT_THAT(Message(ambiguous), HasSubstr("..."));
  EXPECT_EQ(Find(*store, "a7"), Name("a7"));
}

TEST(NamesTest, FollowsAliasesThroughMerges) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  set.incidents = {MakeIncident(Name("root"), 1)};
  set.aliases = {
      {Name("m1"), Name("root")},         {Name("m2"), Name("m1")}, {Name("m3"), Name("m2")},
      {Name("self"), Name("self")},       {Name("x"), Name("y")},   {Name("y"), Name("x")},
      {Name("dangling"), Name("nowhere")}};
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_EQ(Find(*store, Name("m3")), Name("root"));
  EXPECT_EQ(Find(*store, Name("m")), Name("root"));  // three aliases, one incident
  EXPECT_EQ(CodeOf(*store, Name("self")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(*store, Name("dangling")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(*store, Name("x")), absl::StatusCode::kDataLoss);

  // The incident itself outranks an alias of its name.
  WriteSet both;
  both.incidents = {MakeIncident(Name("m1"), 2)};
  ASSERT_TRUE(store->Commit(both).ok());
  EXPECT_EQ(Find(*store, Name("m3")), Name("m1"));
}

// How many keys each family really holds.
std::map<std::string, int> Keys(const std::string& dir) {
  Options options;
  options.dir = dir;
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(options, Database::Mode::kReadOnly);
  EXPECT_TRUE(database.ok()) << database.status();
  std::map<std::string, int> keys;
  for (size_t i = 1; database.ok() && i < kFamilyNames.size(); ++i) {
    std::unique_ptr<rocksdb::Iterator> it((*database)->db().NewIterator(
        rocksdb::ReadOptions(), (*database)->family(static_cast<Family>(i))));
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++keys[kFamilyNames[i]];
  }
  return keys;
}

WriteSet Frontier(int64_t second) {
  WriteSet set;
  set.frontier = At(second);
  return set;
}

TEST(ExpiryTest, HidesAtOnceAndReclaimsInSmallSteps) {
  TempDir dir;
  Options options;
  options.dir = dir.path();
  options.retention = seconds(1000);
  options.problem_retention = seconds(100);
  std::unique_ptr<Store> store = MustOpen(options);
  constexpr int kMany = 2000;
  WriteSet set;
  set.frontier = At(2000);
  for (int i = 0; i < kMany; ++i) {
    std::string id = std::to_string(i);
    set.incidents.push_back(MakeIncident(Name("i" + id), i + 1, 1500));
    set.aliases.emplace_back(Name("alias" + id), Name("i" + id));
    set.aliases.emplace_back(Name("again" + id), Name("alias" + id));
    set.problems.push_back(MakeProblem("pod/p" + id, 1, 1950));
  }
  set.incidents.push_back(MakeIncident(Name("open"), 5000));
  set.aliases.emplace_back(Name("open-alias"), Name("open"));
  set.problems.push_back(MakeProblem("pod/active", 1));
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_EQ(Names(*store, "c").size(), kMany + 1u);

  // At the edge nothing is expired yet; one second later all of it.
  ASSERT_TRUE(store->Commit(Frontier(2500)).ok());
  EXPECT_EQ(Names(*store, "c").size(), kMany + 1u);
  EXPECT_EQ(Find(*store, Name("again7")), Name("i7"));
  ASSERT_TRUE(store->Commit(Frontier(2501)).ok());
  EXPECT_THAT(Names(*store, "c"), ElementsAre(Name("open")));
  EXPECT_EQ(Changes(*store, 0).size(), 1u);
  EXPECT_EQ(CodeOf(*store, Name("i7")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(*store, Name("again7")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Find(*store, Name("o")), Name("open"));
  Content content = ReadAll(*store);
  EXPECT_EQ(content.incidents.size(), 1u);
  EXPECT_EQ(content.problems.size(), 1u);
  store.reset();
  EXPECT_GT(Keys(options.dir)["incidents"], kMany / 2);  // one commit reclaims a bounded number
  store = MustOpen(options);
  // 7 steps for each: incident, its mark, two aliases and their marks, problem; 256 steps a commit.
  for (int i = 0; i < 7 * kMany / 200; ++i) ASSERT_TRUE(store->Commit(Frontier(2502 + i)).ok());
  EXPECT_EQ(Find(*store, Name("open-alias")), Name("open"));
  store.reset();
  EXPECT_EQ(Keys(options.dir), (std::map<std::string, int>{{"incidents", 1},
                                                           {"by_revision", 1},
                                                           {"problems", 1},
                                                           {"aliases", 1},
                                                           {"alias_targets", 1}}));
}

TEST(ExpiryTest, KeepsWhatCameBack) {
  TempDir dir;
  Options options;
  options.dir = dir.path();
  options.retention = seconds(1000);
  options.problem_retention = seconds(100);
  std::unique_ptr<Store> store = MustOpen(options);
  WriteSet set;
  set.frontier = At(2000);
  set.incidents = {MakeIncident(Name("a"), 1, 1500), MakeIncident(Name("b"), 2, 1500)};
  set.problems = {MakeProblem("pod/a", 1, 1500 + 450), MakeProblem("pod/b", 1, 1950)};
  ASSERT_TRUE(store->Commit(set).ok());
  set.incidents = {MakeIncident(Name("a"), 3), MakeIncident(Name("b"), 4, 2400)};
  set.problems = {MakeProblem("pod/a", 2), MakeProblem("pod/b", 2, 9000)};
  ASSERT_TRUE(store->Commit(set).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->Commit(Frontier(3000 + i)).ok());
  EXPECT_THAT(Names(*store, ""), ElementsAre(Name("a"), Name("b")));
  EXPECT_EQ(ReadAll(*store).problems.size(), 2u);
  ASSERT_TRUE(store->Commit(Frontier(100000)).ok());
  EXPECT_THAT(Names(*store, ""), ElementsAre(Name("a")));
  EXPECT_EQ(ReadAll(*store).problems.size(), 1u);
}

TEST(ExpiryTest, DeletedIncidentsTakeTheirAliasesUnlessTheyBecameOne) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  set.incidents = {MakeIncident(Name("a"), 1), MakeIncident(Name("b"), 1),
                   MakeIncident(Name("z"), 1)};
  set.aliases = {{Name("m"), Name("a")}, {Name("n"), Name("z")}};
  ASSERT_TRUE(store->Commit(set).ok());
  WriteSet merge;  // a is merged into b, z is gone
  merge.incidents_deleted = {Name("a"), Name("z")};
  merge.aliases = {{Name("a"), Name("b")}};
  ASSERT_TRUE(store->Commit(merge).ok());
  EXPECT_EQ(Find(*store, Name("m")), Name("b"));
  EXPECT_EQ(CodeOf(*store, Name("n")), absl::StatusCode::kNotFound);
  WriteSet last;
  last.incidents_deleted = {Name("b")};
  ASSERT_TRUE(store->Commit(last).ok());
  for (int i = 1; i < 5; ++i) ASSERT_TRUE(store->Commit(Frontier(i)).ok());
  store.reset();
  EXPECT_THAT(Keys(dir.path()), IsEmpty());
}

TEST(ExpiryTest, RetentionLongerThanTimeKeepsEverything) {
  TempDir dir;
  Options options;
  options.dir = dir.path();
  options.retention = Duration::max();
  std::unique_ptr<Store> store = MustOpen(options);
  WriteSet set;
  set.incidents = {MakeIncident(Name("a"), 1, 1)};
  set.frontier = kMaxTime;
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_EQ(Names(*store, "").size(), 1u);
}

}  // namespace
}  // namespace tocsin::store
