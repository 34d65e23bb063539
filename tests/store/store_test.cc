// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <random>

#include "tests/store/testing.h"

namespace tocsin::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(StoreTest, IsEmptyAfterCreation) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path() + "/deep/er");
  EXPECT_EQ(ReadAll(*store), Content());
  EXPECT_THAT(Names(*store, ""), IsEmpty());
  EXPECT_THAT(Changes(*store, 0), IsEmpty());
  EXPECT_EQ(store->GetIncident("clusters/c/incidents/x").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(store->GetNode("c", "n").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->Commit(WriteSet()).ok());
  EXPECT_TRUE(store->ResetPositions().ok());
  EXPECT_GT(store->GetStats().disk_bytes, 0u);
}

TEST(StoreTest, KeepsItsIdAndEveryStoreHasItsOwn) {
  TempDir dir;
  std::string id = MustOpen(dir.path() + "/a")->id();
  EXPECT_THAT(id, testing::MatchesRegex(
                      "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(MustOpen(dir.path() + "/a")->id(), id);
  EXPECT_NE(MustOpen(dir.path() + "/b")->id(), id);
}

TEST(StoreTest, KeepsEverythingAcrossReopening) {
  TempDir dir;
  state::v1::Row row = MakeRow("node/n", 7, 3);
  WriteSet set;
  set.rows.emplace_back(RowKey(row), row);
  set.problems.push_back(MakeProblem("node/n", 3));
  set.incidents.push_back(MakeIncident("clusters/c/incidents/a", 5));
  set.aliases.emplace_back("clusters/c/incidents/b", "clusters/c/incidents/a");
  set.tallies.push_back(MakeTally("c", "n", 1, 10, 20, 30));
  set.positions.push_back(MakePosition("logs", 2, 99));
  set.frontier = At(1000);
  set.revision = 5;
  set.sync = true;
  Content before;
  {
    std::unique_ptr<Store> store = MustOpen(dir.path());
    ASSERT_TRUE(store->Commit(set).ok());
    before = ReadAll(*store);
  }
  EXPECT_EQ(before.rows.at(RowKey(row)), row.SerializeAsString());
  EXPECT_EQ(before.tallies.at("c|n|1"), set.tallies[0].SerializeAsString());
  EXPECT_EQ(before.frontier, 1'000'000'000'000);
  EXPECT_EQ(before.revision, 5);
  std::unique_ptr<Store> store = MustOpen(dir.path());
  EXPECT_EQ(ReadAll(*store), before);
  EXPECT_EQ(store->GetIncident("clusters/c/incidents/b")->name(), "clusters/c/incidents/a");
}

TEST(StoreTest, ShowsEachChangedIncidentOnceAtItsLatestRevision) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  set.incidents = {MakeIncident("clusters/c/incidents/a", 1),
                   MakeIncident("clusters/c/incidents/b", 1)};
  ASSERT_TRUE(store->Commit(set).ok());
  set.incidents = {MakeIncident("clusters/c/incidents/a", 2),
                   MakeIncident("clusters/c/incidents/a", 3)};
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_THAT(Changes(*store, 0),
              ElementsAre(Pair("clusters/c/incidents/b", 1), Pair("clusters/c/incidents/a", 3)));
  EXPECT_THAT(Changes(*store, 1), ElementsAre(Pair("clusters/c/incidents/a", 3)));
  EXPECT_THAT(Changes(*store, 3), IsEmpty());
  EXPECT_THAT(Changes(*store, INT64_MAX), IsEmpty());

  // The same revision again: its entry is replaced, not lost.
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_THAT(Changes(*store, 1), ElementsAre(Pair("clusters/c/incidents/a", 3)));

  WriteSet gone;
  gone.incidents_deleted = {"clusters/c/incidents/a"};
  ASSERT_TRUE(store->Commit(gone).ok());
  EXPECT_THAT(Changes(*store, 0), ElementsAre(Pair("clusters/c/incidents/b", 1)));
}

TEST(StoreTest, AppliesDeletionsBeforeWrites) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  state::v1::Row row = MakeRow("node/n", 7, 3);
  WriteSet set;
  set.rows.emplace_back(RowKey(row), row);
  set.rows_deleted = {RowKey(row)};
  set.problems = {MakeProblem("node/n", 1)};
  set.problems_deleted = {ProblemId(set.problems[0])};
  set.incidents = {MakeIncident("clusters/c/incidents/a", 1)};
  set.incidents_deleted = {"clusters/c/incidents/a"};
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(store->Commit(set).ok());
    Content content = ReadAll(*store);
    EXPECT_EQ(content.rows.size(), 1u);
    EXPECT_EQ(content.problems.size(), 1u);
    EXPECT_EQ(content.incidents.size(), 1u);
    EXPECT_EQ(Changes(*store, 0).size(), 1u);
  }
}

TEST(StoreTest, ScansOneClusterInNameOrder) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  for (const char* name :
       {"clusters/c/incidents/b", "clusters/c/incidents/a", "clusters/d/incidents/a",
        "clusters/c/incidents/x/incidents/y", "clusters/cc/incidents/a", "fleet/incidents/a"}) {
    set.incidents.push_back(MakeIncident(name, 1));
  }
  ASSERT_TRUE(store->Commit(set).ok());
  EXPECT_THAT(Names(*store, "c"), ElementsAre("clusters/c/incidents/a", "clusters/c/incidents/b"));
  EXPECT_THAT(Names(*store, "c/incidents/x"), ElementsAre("clusters/c/incidents/x/incidents/y"));
  EXPECT_EQ(Names(*store, "").size(), 6u);
  EXPECT_THAT(Names(*store, "nobody"), IsEmpty());
  int visited = 0;
  ASSERT_TRUE(store->ScanIncidents("", [&](const v1::Incident&) { return ++visited < 2; }).ok());
  EXPECT_EQ(visited, 2);
}

TEST(StoreTest, ResetsPositionsAndNothingElse) {
  TempDir dir;
  {
    std::unique_ptr<Store> store = MustOpen(dir.path());
    WriteSet set;
    set.positions = {MakePosition("a", 0, 1), MakePosition("a", -1, 1), MakePosition("", 7, 1)};
    set.frontier = At(5);
    set.incidents = {MakeIncident("clusters/c/incidents/a", 1)};
    ASSERT_TRUE(store->Commit(set).ok());
    EXPECT_EQ(store->Positions()->size(), 3u);
    ASSERT_TRUE(store->ResetPositions().ok());
    EXPECT_THAT(*store->Positions(), IsEmpty());
  }
  std::unique_ptr<Store> store = MustOpen(dir.path());
  EXPECT_THAT(*store->Positions(), IsEmpty());
  EXPECT_EQ(store->frontier(), At(5));
  EXPECT_EQ(Names(*store, "").size(), 1u);
}

TEST(StoreDeathTest, DiesWhenFrontierOrRevisionGoBack) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  set.frontier = At(10);
  set.revision = 10;
  ASSERT_TRUE(store->Commit(set).ok());
  ASSERT_TRUE(store->Commit(set).ok());
  store.reset();
  auto commit = [&](const WriteSet& back) {
    std::unique_ptr<Store> reopened = MustOpen(dir.path());
    (void)reopened->Commit(back);
  };
  WriteSet frontier_back;
  frontier_back.frontier = At(9);
  EXPECT_DEATH(commit(frontier_back), "broken invariant");
  WriteSet revision_back;
  revision_back.revision = 9;
  EXPECT_DEATH(commit(revision_back), "broken invariant");
}

TEST(StoreTest, ListsNodesWithTheirStreams) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  WriteSet set;
  set.tallies = {MakeTally("c", "n2", 1, 5, 1'500'000'000, 2'000'000'000),
                 MakeTally("c", "n1", 2, 1, 0, 7'000'000'000),
                 MakeTally("c", "n1", 1, 10, 3'000'000'000, 4'000'000'000),
                 MakeTally("c", "n1", 999, 1, 0, 0), MakeTally("b", "n9", 0, 1, 0, 0)};
  ASSERT_TRUE(store->Commit(set).ok());
  set.tallies = {MakeTally("c", "n1", 1, 1, 2'000'000'000, 3'000'000'000)};
  ASSERT_TRUE(store->Commit(set).ok());

  std::vector<std::string> names;
  auto collect = [&](const v1::Node& node) {
    names.push_back(node.name());
    return true;
  };
  ASSERT_TRUE(store->ScanNodes("", "", collect).ok());
  EXPECT_THAT(names,
              ElementsAre("clusters/b/nodes/n9", "clusters/c/nodes/n1", "clusters/c/nodes/n2"));
  names.clear();
  ASSERT_TRUE(store->ScanNodes("c", std::string("c\0n1", 4), collect).ok());
  EXPECT_THAT(names, ElementsAre("clusters/c/nodes/n2"));
  names.clear();
  ASSERT_TRUE(store->ScanNodes("b", std::string("c\0n1", 4), collect).ok());
  ASSERT_TRUE(store->ScanNodes("c", std::string("c\0n2", 4), collect).ok());
  EXPECT_THAT(names, IsEmpty());
  ASSERT_TRUE(store->ScanNodes("c", std::string("b\0zzz", 5), collect).ok());
  EXPECT_EQ(names.size(), 2u);
  EXPECT_EQ(store->ScanNodes("", "no separator", collect).code(),
            absl::StatusCode::kInvalidArgument);

  absl::StatusOr<v1::Node> node = store->GetNode("c", "n1");
  ASSERT_TRUE(node.ok()) << node.status();
  ASSERT_EQ(node->streams_size(), 3);
  EXPECT_EQ(node->streams(0).stream(), "kernel");
  EXPECT_EQ(node->streams(0).lines(), 11);
  EXPECT_EQ(node->streams(0).first_time().seconds(), 2);
  EXPECT_EQ(node->streams(0).last_time().seconds(), 4);
  EXPECT_EQ(node->streams(1).stream(), "kubelet");
  EXPECT_FALSE(node->streams(1).has_first_time());
  EXPECT_EQ(node->streams(2).stream(), "stream-999");
  EXPECT_EQ(node->lines(), 13);
  EXPECT_EQ(node->bytes(), 1300);
  EXPECT_EQ(node->last_time().seconds(), 7);
}

// Paging through nodes one by one must end, and see each once, whatever bytes names are made of.
TEST(StoreTest, KeepsAndPagesNamesOfAnyBytes) {
  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  const std::string nul("a\0b", 3);
  const std::vector<std::string> odd = {"",
                                        "a",
                                        nul,
                                        std::string(1, '\0'),
                                        "\xFF",
                                        "\xFF\xFE",
                                        "\xC3\xA9",
                                        "\xED\xA0\x80",
                                        std::string("\0\xFF", 2)};
  WriteSet set;
  for (const std::string& cluster : odd) {
    for (const std::string& node : odd) set.tallies.push_back(MakeTally(cluster, node, 1, 1, 1, 1));
    state::v1::Problem problem = MakeProblem(cluster, 1);
    state::v1::Row row = MakeRow(cluster, 1, 1);
    row.add_samples()->set_text(cluster);
    set.problems.push_back(problem);
    set.rows.emplace_back(RowKey(row), row);
    set.positions.push_back(MakePosition(cluster, 0, 1));
    v1::Incident incident = MakeIncident("clusters/" + cluster + "/incidents/1", 1);
    incident.set_cluster(cluster);
    incident.add_evidence()->set_text("x" + cluster);
    incident.mutable_root_cause()->set_signature(cluster);
    set.incidents.push_back(incident);
    set.aliases.emplace_back("clusters/" + cluster + "/incidents/2", incident.name());
  }
  ASSERT_TRUE(store->Commit(set).ok());
  Content content = ReadAll(*store);
  for (const auto& [key, row] : set.rows) EXPECT_EQ(content.rows.at(key), row.SerializeAsString());
  for (const state::v1::Problem& problem : set.problems) {
    EXPECT_EQ(content.problems.at(ProblemId(problem)), problem.SerializeAsString());
  }
  EXPECT_EQ(content.positions.size(), odd.size());
  for (const v1::Incident& incident : set.incidents) {
    absl::StatusOr<v1::Incident> found = store->GetIncident(incident.name());
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->evidence(0).text().substr(0, 1), "x");
    EXPECT_TRUE(store->GetIncident("clusters/" + incident.cluster() + "/incidents/2").ok());
  }
  EXPECT_EQ(store->GetIncident("clusters/\xFF/incidents/1")->cluster(), "\xEF\xBF\xBD");
  EXPECT_EQ(store->GetIncident("clusters/\xC3\xA9/incidents/1")->cluster(), "\xC3\xA9");

  std::vector<std::string> all;
  ASSERT_TRUE(store
                  ->ScanNodes("", "",
                              [&](const v1::Node& node) {
                                all.push_back(node.name());
                                return true;
                              })
                  .ok());
  std::vector<std::string> paged;
  std::string after;
  for (size_t step = 0; step <= all.size(); ++step) {
    size_t before = paged.size();
    ASSERT_TRUE(store
                    ->ScanNodes("", after,
                                [&](const v1::Node& node) {
                                  paged.push_back(node.name());
                                  after = node.cluster() + '\0' + node.node();
                                  return false;
                                })
                    .ok());
    if (paged.size() == before) break;
  }
  EXPECT_EQ(paged, all);
}

// --- the oracle: the same random operations on the store and on plain maps ---

struct Model {
  Content content;
  std::map<std::string, std::string> aliases;
};

void Apply(const WriteSet& set, Model& model) {
  Content& content = model.content;
  for (const std::string& key : set.rows_deleted) content.rows.erase(key);
  for (const std::string& id : set.problems_deleted) content.problems.erase(id);
  for (const std::string& name : set.incidents_deleted) content.incidents.erase(name);
  for (const auto& [key, row] : set.rows) content.rows[key] = row.SerializeAsString();
  for (const state::v1::Problem& p : set.problems)
    content.problems[ProblemId(p)] = p.SerializeAsString();
  for (const v1::Incident& i : set.incidents) content.incidents[i.name()] = i.SerializeAsString();
  for (const auto& [alias, target] : set.aliases) model.aliases[alias] = target;
  for (const state::v1::Position& p : set.positions) {
    content.positions[PositionId(p)] = p.SerializeAsString();
  }
  for (const state::v1::Tally& tally : set.tallies) {
    auto [it, first] = content.tallies.emplace(TallyId(tally), tally.SerializeAsString());
    if (first) continue;
    state::v1::Tally sum;
    ASSERT_TRUE(sum.ParseFromString(it->second));
    sum.set_lines(sum.lines() + tally.lines());
    sum.set_bytes(sum.bytes() + tally.bytes());
    sum.set_first(std::min(sum.first(), tally.first()));
    sum.set_last(std::max(sum.last(), tally.last()));
    it->second = sum.SerializeAsString();
  }
  if (set.frontier) content.frontier = ToNanos(*set.frontier);
  if (set.revision) content.revision = *set.revision;
}

TEST(StoreTest, AgreesWithPlainMapsUnderRandomOperations) {
  uint32_t seed = std::random_device()();
  if (const char* fixed = std::getenv("TOCSIN_SEED")) seed = std::strtoul(fixed, nullptr, 10);
  SCOPED_TRACE(testing::Message() << "TOCSIN_SEED=" << seed);
  std::mt19937 random(seed);
  auto below = [&](int n) { return static_cast<int>(random() % n); };
  auto name = [&] {
    return "clusters/c" + std::to_string(below(2)) + "/incidents/" + std::to_string(below(30));
  };

  TempDir dir;
  std::unique_ptr<Store> store = MustOpen(dir.path());
  Model model;
  int64_t revision = 0;
  int64_t frontier = 1;
  for (int step = 0; step < 300; ++step) {
    WriteSet set;
    for (int i = below(5); i > 0; --i) {
      state::v1::Row row = MakeRow("node/" + std::to_string(below(20)), below(3) - 1, below(100));
      set.rows.emplace_back(RowKey(row), row);
    }
    for (int i = below(3); i > 0; --i) {
      set.rows_deleted.push_back(
          RowKey(MakeRow("node/" + std::to_string(below(20)), below(3) - 1, 0)));
    }
    for (int i = below(4); i > 0; --i) {
      set.problems.push_back(MakeProblem("node/" + std::to_string(below(20)), below(100)));
    }
    if (below(3) == 0)
      set.problems_deleted = {ProblemId(MakeProblem("node/" + std::to_string(below(20)), 0))};
    for (int i = below(4); i > 0; --i) set.incidents.push_back(MakeIncident(name(), ++revision));
    if (below(3) == 0) set.incidents_deleted = {name()};
    for (int i = below(6); i > 0; --i) {
      set.tallies.push_back(MakeTally("c" + std::to_string(below(2)),
                                      "n" + std::to_string(below(5)), below(3), below(100) + 1,
                                      below(100) + 1, below(100) + 100));
    }
    if (below(2) == 0) set.positions = {MakePosition("t", below(4), step)};
    if (below(2) == 0) set.frontier = At(frontier += below(30));
    set.revision = revision;
    set.sync = below(20) == 0;
    absl::Status committed = store->Commit(set);
    ASSERT_TRUE(committed.ok()) << committed;
    Apply(set, model);
    if (below(15) == 0) {
      store.reset();
      store = MustOpen(dir.path());
    }
    if (below(20) == 0) {
      ASSERT_TRUE(store->ResetPositions().ok());
      model.content.positions.clear();
    }
    ASSERT_EQ(ReadAll(*store), model.content) << "after step " << step;
    // The index by revision says the same as the incidents themselves.
    std::map<int64_t, std::string> by_revision;
    for (const auto& [incident_name, bytes] : model.content.incidents) {
      v1::Incident incident;
      ASSERT_TRUE(incident.ParseFromString(bytes));
      by_revision[incident.revision()] = incident_name;
    }
    int64_t after = below(static_cast<int>(revision) + 1);
    std::vector<std::pair<std::string, int64_t>> want;
    for (auto it = by_revision.upper_bound(after); it != by_revision.end(); ++it) {
      want.emplace_back(it->second, it->first);
    }
    ASSERT_EQ(Changes(*store, after), want);
  }
}

}  // namespace
}  // namespace tocsin::store
