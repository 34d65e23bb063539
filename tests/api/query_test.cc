// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.h"
#include "tests/api/fake_store.h"

namespace tocsin::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using v1::Incident;
using v1::ListIncidentsRequest;
using v1::WatchIncidentsResponse;

std::string IdOf(const Incident& incident) {
  return incident.name().substr(incident.name().rfind('/') + 1);
}

std::shared_ptr<const Catalogue> MakeCatalogue() {
  Signature oom{.id = "kernel-oom"};
  oom.title = {{"en", "Out of memory"}, {"zh", "内存不足"}};
  oom.streams = MaskOf(Stream::kText) | MaskOf(Stream::kKernel);
  oom.severity = Severity::kCritical;
  oom.match = {"Out of memory"};
  oom.causes = {{.id = "pod-evicted", .same = EntityKind::kPod}};
  oom.aliases = {"oom"};
  oom.file = "kernel.yaml";
  oom.line = 12;
  Signature evicted{.id = "pod-evicted"};
  evicted.kind = Signature::Kind::kState;
  evicted.entity = EntityKind::kPod;
  std::vector<Signature> signatures = {std::move(oom), std::move(evicted)};
  for (int i = 0; i < 5; ++i) signatures.push_back({.id = "z-" + std::to_string(i)});
  return std::make_shared<const Catalogue>(std::move(signatures), "v1");
}

class QueryTest : public testing::Test {
 protected:
  void Settle(std::vector<Incident> incidents, std::vector<Incident> live = {}) {
    int64_t revision = store_.Put(incidents);
    for (auto& incident : incidents) incident.set_revision(revision);
    board_.Publish(revision, incidents, std::move(live));
  }
  // The ids of all pages, one string per page.
  std::vector<std::string> Pages(ListIncidentsRequest request) {
    std::vector<std::string> pages;
    do {
      auto response = query_.ListIncidents(request);
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok()) break;
      std::string page;
      for (const Incident& incident : response->incidents()) page += IdOf(incident) + " ";
      pages.push_back(page);
      request.set_page_token(response->next_page_token());
    } while (!request.page_token().empty() && pages.size() < 1000);
    return pages;
  }
  std::string ListReason(const ListIncidentsRequest& request) {
    auto status = query_.ListIncidents(request).status();
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    return ReasonOf(status);
  }

  FakeStore store_;
  Board board_{store_};
  FixedClock clock_;
  Query query_{board_, store_, MakeCatalogue(), clock_};
};

TEST_F(QueryTest, ListsWorstFirst) {
  Settle({MakeIncident("a", "prod", v1::WARNING, 50), MakeIncident("b", "prod", v1::CRITICAL, 10),
          MakeIncident("c", "prod", v1::CRITICAL, 20), MakeIncident("d", "test", v1::ERROR, 99)});
  ListIncidentsRequest request;
  EXPECT_THAT(Pages(request), ElementsAre("c b d a "));
  request.set_page_size(3);
  EXPECT_THAT(Pages(request), ElementsAre("c b d ", "a "));
  request.set_page_size(2);
  EXPECT_THAT(Pages(request), ElementsAre("c b ", "d a "));
  request.set_parent("clusters/prod");
  EXPECT_THAT(Pages(request), ElementsAre("c b ", "a "));
  request.set_parent("clusters/-");
  request.set_order_by("open_time");
  EXPECT_THAT(Pages(request), ElementsAre("b c ", "a d "));
  request.set_order_by("name desc");
  EXPECT_THAT(Pages(request), ElementsAre("d c ", "b a "));
  request.set_filter("severity < CRITICAL");
  EXPECT_THAT(Pages(request), ElementsAre("d a "));
  auto response = query_.ListIncidents(request);
  EXPECT_EQ(response->total_size(), 2);
  EXPECT_EQ(response->revision(), 1);
  request.set_filter("title:nothing");
  EXPECT_THAT(Pages(request), ElementsAre(""));
}

TEST_F(QueryTest, PageSizesHaveADefaultAndAMaximum) {
  std::vector<Incident> many;
  for (int i = 0; i < 1010; ++i) many.push_back(MakeIncident(fmt::format("i{:04}", i)));
  Settle(many);
  ListIncidentsRequest request;
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(50));
  EXPECT_EQ(query_.ListIncidents(request)->total_size(), 1010);
  request.set_page_size(5000);
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(1000));
  request.set_page_size(1);
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(1));
  request.set_page_size(-1);
  EXPECT_EQ(ListReason(request), "INVALID_PAGE_SIZE");
}

TEST_F(QueryTest, RefusesWhatMakesNoSense) {
  ListIncidentsRequest request;
  request.set_parent("nodes/x");
  EXPECT_EQ(ListReason(request), "INVALID_NAME");
  request.set_parent("clusters/");
  EXPECT_EQ(ListReason(request), "INVALID_NAME");
  request.set_parent("clusters/a/b");
  EXPECT_EQ(ListReason(request), "INVALID_NAME");
  request.clear_parent();
  for (const char* order :
       {"colour", "severity down", "severity,", ",", "severity, severity desc"}) {
    request.set_order_by(order);
    EXPECT_EQ(ListReason(request), "INVALID_ORDER") << order;
  }
  request.set_order_by(" severity  desc , name ");
  EXPECT_EQ(ListReason(request), "");
  request.mutable_read_mask()->add_paths("colour");
  EXPECT_EQ(ListReason(request), "INVALID_MASK");
  request.clear_read_mask();
  request.set_filter("colour = red");
  EXPECT_EQ(ListReason(request), "FILTER_FIELD");
}

TEST_F(QueryTest, AppliesTheReadMask) {
  Settle({MakeIncident("a"), MakeIncident("b")});
  ListIncidentsRequest request;
  request.mutable_read_mask()->add_paths("severity");
  request.mutable_read_mask()->add_paths("open_time.seconds");
  request.set_page_size(1);
  auto response = query_.ListIncidents(request);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->incidents(0).name(), "");
  EXPECT_EQ(response->incidents(0).severity(), v1::ERROR);
  EXPECT_EQ(response->incidents(0).open_time().seconds(), 1'700'000'000);
  // The token still knows the place, although the mask took the name away.
  request.set_page_token(response->next_page_token());
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(1));
  EXPECT_EQ(query_.ListIncidents(request)->next_page_token(), "");
  v1::GetIncidentRequest get;
  get.set_name("clusters/prod/incidents/a");
  get.mutable_read_mask()->add_paths("cluster");
  EXPECT_EQ(query_.GetIncident(get)->cluster(), "prod");
  EXPECT_EQ(query_.GetIncident(get)->name(), "");
  get.mutable_read_mask()->add_paths("*");
  EXPECT_NE(query_.GetIncident(get)->name(), "");
}

TEST_F(QueryTest, PageTokensBelongToTheirArguments) {
  Settle({MakeIncident("a"), MakeIncident("b"), MakeIncident("c")});
  ListIncidentsRequest request;
  request.set_page_size(1);
  const std::string token = query_.ListIncidents(request)->next_page_token();
  EXPECT_EQ(
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  request.set_page_token(token);
  request.set_page_size(2);  // this alone may change
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(2));
  for (auto change : std::initializer_list<void (*)(ListIncidentsRequest&)>{
           [](auto& r) { r.set_filter("state=OPEN"); }, [](auto& r) { r.set_order_by("name"); },
           [](auto& r) { r.set_parent("clusters/prod"); },
           [](auto& r) { r.mutable_read_mask()->add_paths("name"); }}) {
    ListIncidentsRequest other = request;
    change(other);
    EXPECT_EQ(ListReason(other), "INVALID_PAGE_TOKEN") << other.ShortDebugString();
  }
  v1::ListNodesRequest nodes;
  nodes.set_page_token(token);
  EXPECT_EQ(ReasonOf(query_.ListNodes(nodes).status()), "INVALID_PAGE_TOKEN");
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string broken = token;
    if (i % 2 == 0) broken.resize(random() % broken.size());
    if (!broken.empty()) broken[random() % broken.size()] = static_cast<char>(random() % 256);
    request.set_page_token(broken);
    ListReason(request);  // an answer or INVALID_ARGUMENT, nothing else
  }
}

TEST_F(QueryTest, BigIncidentsMakeShortPages) {
  std::vector<Incident> big;
  for (int i = 0; i < 10; ++i) {
    big.push_back(MakeIncident("i" + std::to_string(i)));
    big.back().set_remedy(std::string(1 << 20, 'x'));
  }
  Settle(big);
  std::vector<std::string> pages = Pages({});
  EXPECT_THAT(pages, SizeIs(5)) << "two of a MiB each fit beside the limit of three";
  std::string all;
  for (const std::string& page : pages) all += page;
  EXPECT_EQ(all, "i0 i1 i2 i3 i4 i5 i6 i7 i8 i9 ");
}

// Every order, page by page, against a plain sort.
TEST_F(QueryTest, PagesAgreeWithASort) {
  std::mt19937 random(3);
  std::vector<Incident> all;
  for (int i = 0; i < 60; ++i) {
    Incident incident = MakeIncident(fmt::format("i{:02}", i), random() % 2 ? "prod" : "test",
                                     static_cast<v1::Severity>(1 + random() % 4), random() % 5);
    incident.mutable_last_hit_time()->set_seconds(random() % 4);
    incident.set_hit_count(random() % 3);
    all.push_back(incident);
  }
  Settle(std::vector<Incident>(all.begin(), all.begin() + 40),
         std::vector<Incident>(all.begin() + 30, all.end()));
  const std::vector<std::string> keys = {"severity", "open_time", "last_hit_time", "hit_count",
                                         "name"};
  auto number = [](const Incident& i, const std::string& key) -> int64_t {
    if (key == "severity") return i.severity();
    if (key == "open_time") return i.open_time().seconds();
    if (key == "last_hit_time") return i.last_hit_time().seconds();
    return i.hit_count();
  };
  for (int round = 0; round < 100; ++round) {
    std::vector<std::pair<std::string, bool>> order;
    std::string order_by;
    std::vector<std::string> left = keys;
    std::shuffle(left.begin(), left.end(), random);
    for (size_t n = 1 + random() % keys.size(); n > 0; --n) {
      order.emplace_back(left[n - 1], random() % 2 == 0);
      order_by += (order_by.empty() ? "" : ", ") + order.back().first +
                  (order.back().second ? " desc" : "");
    }
    std::sort(all.begin(), all.end(), [&](const Incident& a, const Incident& b) {
      for (const auto& [key, descending] : order) {
        if (key == "name") {
          if (a.name() != b.name()) return (a.name() < b.name()) != descending;
        } else if (number(a, key) != number(b, key)) {
          return (number(a, key) < number(b, key)) != descending;
        }
      }
      return a.name() < b.name();
    });
    std::string want, got;
    for (const Incident& incident : all) want += IdOf(incident) + " ";
    ListIncidentsRequest request;
    request.set_order_by(order_by);
    request.set_page_size(static_cast<int>(1 + random() % 20));
    for (const std::string& page : Pages(request)) got += page;
    ASSERT_EQ(got, want) << order_by;
  }
}

// What does not change between pages comes exactly once; what changes is told by a watch from the
// list's revision.
TEST_F(QueryTest, NothingIsLostWhenThingsChangeBetweenPages) {
  std::mt19937 random(11);
  std::vector<Incident> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(MakeIncident(fmt::format("i{:02}", i), "prod",
                               static_cast<v1::Severity>(1 + random() % 4), random() % 100));
  }
  Settle(all);
  ListIncidentsRequest request;
  request.set_page_size(7);
  std::multiset<std::string> seen;
  std::set<std::string> changed;
  int64_t revision = 0;
  do {
    auto page = query_.ListIncidents(request);
    ASSERT_TRUE(page.ok()) << page.status();
    if (request.page_token().empty()) revision = page->revision();
    EXPECT_EQ(page->revision(), revision) << "pages carry the first page's revision";
    EXPECT_EQ(page->total_size(), 40);
    for (const Incident& incident : page->incidents()) seen.insert(IdOf(incident));
    request.set_page_token(page->next_page_token());
    Incident& moved = all[random() % all.size()];
    moved.set_severity(static_cast<v1::Severity>(1 + random() % 4));
    changed.insert(IdOf(moved));
    Settle({moved, MakeIncident("new" + std::to_string(seen.size()), "prod", v1::CRITICAL, 1000)});
  } while (!request.page_token().empty());
  for (const Incident& incident : all) {
    EXPECT_TRUE(changed.contains(IdOf(incident)) || seen.count(IdOf(incident)) == 1u);
  }
  auto watch = board_.Subscribe(revision, nullptr);
  auto changes = watch->Take(1000);
  ASSERT_TRUE(changes.ok());
  std::set<std::string> told;
  for (const auto& change : *changes) {
    if (change.incident != nullptr) told.insert(IdOf(*change.incident));
  }
  EXPECT_TRUE(std::includes(told.begin(), told.end(), changed.begin(), changed.end()));
}

TEST_F(QueryTest, RelativeTimesMeanTheSameOnEveryPage) {
  Settle({MakeIncident("a"), MakeIncident("b")});
  ListIncidentsRequest request;
  request.set_page_size(1);
  request.set_filter("open_time > -2h");
  request.set_page_token(query_.ListIncidents(request)->next_page_token());
  clock_.now += std::chrono::hours(24);
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), SizeIs(1));
  request.clear_page_token();
  EXPECT_THAT(query_.ListIncidents(request)->incidents(), IsEmpty());
}

TEST_F(QueryTest, StopsWhenTheCallerHasGone) {
  std::vector<Incident> many;
  for (int i = 0; i < 600; ++i) many.push_back(MakeIncident("i" + std::to_string(i)));
  Settle(many);
  auto listed = query_.ListIncidents({}, [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(listed.status())) << listed.status();
}

TEST_F(QueryTest, ErrorsOfTheStorePassThrough) {
  store_.FailReads(Unavailable("the disk is full"));
  EXPECT_TRUE(absl::IsUnavailable(query_.ListIncidents({}).status()));
  EXPECT_TRUE(absl::IsUnavailable(query_.ListNodes({}).status()));
  v1::GetIncidentRequest get;
  get.set_name("clusters/prod/incidents/a");
  EXPECT_TRUE(absl::IsUnavailable(query_.GetIncident(get).status()));
}

TEST_F(QueryTest, GetsAnIncidentByEveryNameItHas) {
  Settle({MakeIncident("abc1"), MakeIncident("abd2"), MakeIncident("abd3", "test")});
  auto get = [&](const std::string& name) {
    v1::GetIncidentRequest request;
    request.set_name(name);
    auto incident = query_.GetIncident(request);
    return incident.ok() ? IdOf(*incident) : ReasonOf(incident.status());
  };
  EXPECT_EQ(get("clusters/prod/incidents/abc1"), "abc1");
  EXPECT_EQ(get("clusters/prod/incidents/abd"), "abd2");
  EXPECT_EQ(get("abc"), "abc1");
  EXPECT_EQ(get("abd"), "INVALID_NAME");
  EXPECT_EQ(get("clusters/prod/incidents/zz"), "INCIDENT_NOT_FOUND");
  EXPECT_EQ(get(""), "INVALID_NAME");
}

TEST_F(QueryTest, ListsNodesWithWhatIsOpenThere) {
  for (int i = 0; i < 5; ++i) {
    v1::Node node;
    node.set_cluster(i < 3 ? "prod" : "test");
    node.set_node("node-" + std::to_string(i));
    node.set_lines(i);
    store_.PutNode(node);
  }
  Incident both = MakeIncident("both", "prod", v1::WARNING);
  both.add_nodes("node-2");
  Incident resolved = MakeIncident("resolved");
  resolved.set_state(Incident::RESOLVED);
  Settle(
      {both, resolved, MakeIncident("worst", "prod", v1::CRITICAL), MakeIncident("other", "test")});
  v1::ListNodesRequest request;
  request.set_page_size(2);
  auto first = query_.ListNodes(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->total_size(), 5);
  ASSERT_THAT(first->nodes(), SizeIs(2));
  EXPECT_EQ(first->nodes(1).name(), "clusters/prod/nodes/node-1");
  EXPECT_THAT(first->nodes(1).open_incidents(),
              ElementsAre("clusters/prod/incidents/worst", "clusters/prod/incidents/both"));
  EXPECT_THAT(first->nodes(0).open_incidents(), IsEmpty());
  std::vector<std::string> names;
  do {
    auto page = query_.ListNodes(request);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->total_size(), 5);
    for (const v1::Node& node : page->nodes()) names.push_back(node.node());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("node-0", "node-1", "node-2", "node-3", "node-4"));
  request.Clear();
  request.set_parent("clusters/test");
  request.set_filter("lines >= 4");
  auto filtered = query_.ListNodes(request);
  ASSERT_THAT(filtered->nodes(), SizeIs(1));
  EXPECT_EQ(filtered->nodes(0).node(), "node-4");
}

TEST_F(QueryTest, GetsANode) {
  for (const char* name : {"node-1", "node-10", "other"}) {
    v1::Node node;
    node.set_cluster("prod");
    node.set_node(name);
    store_.PutNode(node);
  }
  Settle({MakeIncident("a")});
  auto get = [&](const std::string& name) {
    v1::GetNodeRequest request;
    request.set_name(name);
    auto node = query_.GetNode(request);
    return node.ok() ? node->node() : ReasonOf(node.status());
  };
  EXPECT_EQ(get("clusters/prod/nodes/node-1"), "node-1");
  EXPECT_EQ(get("node-1"), "node-1") << "exact beats a longer name";
  EXPECT_EQ(get("clusters/prod/nodes/oth"), "other");
  EXPECT_EQ(get("clusters/-/nodes/other"), "other");
  EXPECT_EQ(get("nod"), "AMBIGUOUS_NAME");
  EXPECT_EQ(get("clusters/prod/nodes/x"), "NODE_NOT_FOUND");
  EXPECT_EQ(get("clusters/prod"), "INVALID_NAME");
  EXPECT_EQ(get(""), "INVALID_NAME");
  v1::GetNodeRequest request;
  request.set_name("clusters/prod/nodes/node-1");
  EXPECT_THAT(query_.GetNode(request)->open_incidents(), ElementsAre("clusters/prod/incidents/a"));
}

TEST_F(QueryTest, ShowsSignatures) {
  v1::ListSignaturesRequest list;
  list.set_page_size(3);
  std::vector<std::string> ids;
  do {
    auto page = query_.ListSignatures(list);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->total_size(), 7);
    EXPECT_EQ(page->catalogue_version(), "v1");
    for (const v1::Signature& signature : page->signatures()) ids.push_back(signature.id());
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("kernel-oom", "pod-evicted", "z-0", "z-1", "z-2", "z-3", "z-4"));
  list.Clear();
  list.set_filter("stream = kernel severity = CRITICAL 内存");
  EXPECT_THAT(query_.ListSignatures(list)->signatures(), SizeIs(1));

  v1::GetSignatureRequest get;
  get.set_name("signatures/oom");
  auto oom = query_.GetSignature(get);
  ASSERT_TRUE(oom.ok());
  EXPECT_EQ(oom->name(), "signatures/kernel-oom");
  EXPECT_THAT(oom->streams(), ElementsAre("kernel"));
  EXPECT_EQ(oom->causes(0).same(), "pod");
  EXPECT_EQ(oom->causes(0).before().seconds(), 600);
  EXPECT_EQ(oom->file(), "kernel.yaml:12");
  get.set_name("pod-evicted");
  EXPECT_THAT(query_.GetSignature(get)->caused_by(), ElementsAre("kernel-oom"));
  EXPECT_FALSE(query_.GetSignature(get)->has_quiet()) << "a state does not end by quiet";
  get.set_name("signatures/none");
  EXPECT_EQ(ReasonOf(query_.GetSignature(get).status()), "SIGNATURE_NOT_FOUND");
  query_.SetCatalogue(std::make_shared<const Catalogue>());
  EXPECT_THAT(query_.ListSignatures({})->signatures(), IsEmpty());
}

std::vector<std::string> Drain(WatchStream& stream) {
  std::vector<std::string> out;
  while (true) {
    auto messages = stream.Next(10);
    if (!messages.ok()) out.push_back(ReasonOf(messages.status()));
    if (!messages.ok() || messages->empty()) return out;
    for (const WatchIncidentsResponse& message : *messages) {
      out.push_back(WatchIncidentsResponse::Type_Name(message.type()));
      if (message.has_incident()) out.back() += " " + IdOf(message.incident());
    }
  }
}

TEST_F(QueryTest, AWatchSeesThroughParentAndFilter) {
  Incident a = MakeIncident("a"), b = MakeIncident("b"), other = MakeIncident("c", "test");
  b.set_state(Incident::RESOLVED);
  Settle({a, b, other});
  v1::WatchIncidentsRequest request;
  request.set_parent("clusters/prod");
  request.set_filter("state = OPEN");
  auto fresh = *query_.WatchIncidents(request, nullptr);
  request.set_revision(1);
  auto resumed = *query_.WatchIncidents(request, nullptr);
  EXPECT_THAT(Drain(*fresh), ElementsAre("ADDED a", "BOOKMARK"));
  EXPECT_THAT(Drain(*resumed), ElementsAre("BOOKMARK"));
  a.set_state(Incident::RESOLVED);
  b.set_hit_count(2);
  other.set_hit_count(2);
  Settle({a, b, other});
  EXPECT_THAT(Drain(*fresh), ElementsAre("DELETED a"));
  // It cannot know what the client holds, so it says "gone" once for each.
  EXPECT_THAT(Drain(*resumed), ElementsAre("DELETED a", "DELETED b"));
  EXPECT_EQ(fresh->Bookmark().revision(), 2);
  a.set_state(Incident::OPEN);
  b.set_hit_count(3);
  Settle({a, b});
  EXPECT_THAT(Drain(*fresh), ElementsAre("ADDED a"));
  EXPECT_THAT(Drain(*resumed), ElementsAre("ADDED a"));
  a.set_hit_count(9);
  Settle({a, MakeIncident("d")});
  EXPECT_THAT(Drain(*fresh), ElementsAre("MODIFIED a", "ADDED d"));
  EXPECT_THAT(Drain(*resumed), ElementsAre("MODIFIED a", "ADDED d"));
  request.set_revision(-1);
  EXPECT_EQ(ReasonOf(query_.WatchIncidents(request, nullptr).status()), "INVALID_REVISION");
}

}  // namespace
}  // namespace tocsin::api
