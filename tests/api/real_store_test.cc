// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <stdlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "api/query.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using testing::ElementsAre;

// What the fake stands for: the same questions over RocksDB.
TEST(RealStoreTest, ListsGetsAndWatches) {
  std::string dir = testing::TempDir() + "tocsin_api_XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  {
    auto store = store::Store::Open({.dir = dir + "/data"});
    ASSERT_TRUE(store.ok()) << store.status();
    Board board(**store);
    FixedClock clock;
    Query query(board, **store, std::make_shared<const Catalogue>(), clock);
    auto settle = [&](std::vector<v1::Incident> incidents) {
      store::WriteSet set;
      set.revision = (*store)->revision() + 1;
      for (v1::Incident& incident : incidents) incident.set_revision(*set.revision);
      set.incidents = incidents;
      set.aliases = {{"clusters/prod/incidents/0ld", incidents[0].name()}};
      state::v1::Tally tally;
      tally.set_cluster("prod");
      tally.set_node("node-1");
      tally.set_lines(7);
      tally.set_first(1);
      tally.set_last(2);
      set.tallies = {tally};
      ASSERT_TRUE((*store)->Commit(set).ok());
      board.Publish(*set.revision, incidents, {});
    };
    settle({MakeIncident("aa"), MakeIncident("bb", "prod", v1::CRITICAL)});
    auto watch = board.Subscribe(1, nullptr);
    settle({MakeIncident("cc"), MakeIncident("aa")});

    v1::ListIncidentsRequest request;
    request.set_page_size(2);
    std::vector<std::string> names;
    do {
      auto page = query.ListIncidents(request);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_EQ(page->revision(), 2);
      for (const auto& incident : page->incidents()) names.push_back(incident.name().substr(24));
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    EXPECT_THAT(names, ElementsAre("bb", "aa", "cc"));

    v1::GetIncidentRequest get;
    for (const char* name : {"clusters/prod/incidents/cc", "clusters/prod/incidents/0ld",
                             "clusters/-/incidents/c", "cc"}) {
      get.set_name(name);
      auto incident = query.GetIncident(get);
      ASSERT_TRUE(incident.ok()) << name << ": " << incident.status();
      EXPECT_EQ(incident->name(), "clusters/prod/incidents/cc") << name;
    }
    for (const char* name : {"clusters/prod/incidents/zz", "zz"}) {
      get.set_name(name);
      EXPECT_EQ(ReasonOf(query.GetIncident(get).status()), "INCIDENT_NOT_FOUND") << name;
    }

    std::vector<std::string> changes;
    while (true) {
      auto taken = watch->Take(1);
      ASSERT_TRUE(taken.ok()) << taken.status();
      if (taken->empty()) break;
      for (const auto& change : *taken) {
        changes.push_back(v1::WatchIncidentsResponse::Type_Name(change.type) +
                          (change.incident ? " " + change.incident->name().substr(24) : ""));
      }
    }
    EXPECT_THAT(changes, ElementsAre("BOOKMARK", "ADDED cc", "MODIFIED aa"));

    auto nodes = query.ListNodes({});
    ASSERT_TRUE(nodes.ok()) << nodes.status();
    ASSERT_EQ(nodes->nodes_size(), 1);
    EXPECT_EQ(nodes->nodes(0).name(), "clusters/prod/nodes/node-1");
    EXPECT_EQ(nodes->nodes(0).lines(), 14);
    EXPECT_EQ(nodes->nodes(0).open_incidents_size(), 3);
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace tocsin::api
