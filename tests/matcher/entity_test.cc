// SPDX-License-Identifier: Apache-2.0
#include "matcher/entity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::matcher {
namespace {

using testing::UnorderedElementsAre;

std::string Resolve(EntityKind kind, const Record& record, std::vector<Capture> captures = {}) {
  Entity entity;
  ResolveEntity(kind, ResolveIdentity(record, captures), entity);
  return ToString(entity);
}

Record Node() {
  Record record;
  record.stream = Stream::kKubelet;
  record.cluster = "c1";
  record.node = "n1";
  return record;
}

Record Workload() {
  Record record = Node();
  record.stream = Stream::kContainer;
  record.ns = "prod";
  record.pod = "web-7d9f8c6b5d-x2x7k";
  record.container = "app";
  record.image = "reg.example.com:5000/web:1";
  return record;
}

TEST(EntityTest, TheRecordNamesItself) {
  EXPECT_EQ(Resolve(EntityKind::kNode, Workload()), "node/n1");
  EXPECT_EQ(Resolve(EntityKind::kPod, Workload()), "pod/prod/web-7d9f8c6b5d-x2x7k");
  EXPECT_EQ(Resolve(EntityKind::kContainer, Workload()), "container/prod/web-7d9f8c6b5d-x2x7k/app");
  EXPECT_EQ(Resolve(EntityKind::kWorkload, Workload()), "workload/prod/web");
  EXPECT_EQ(Resolve(EntityKind::kNamespace, Workload()), "namespace/prod");
  EXPECT_EQ(Resolve(EntityKind::kCluster, Workload()), "cluster/c1");
  EXPECT_EQ(Resolve(EntityKind::kRegistry, Workload()), "registry/reg.example.com:5000");
}

TEST(EntityTest, FallsBackFromNarrowToWide) {
  Record record = Workload();
  EXPECT_EQ(Resolve(EntityKind::kVolume, record), "pod/prod/web-7d9f8c6b5d-x2x7k");
  record.container = {};
  EXPECT_EQ(Resolve(EntityKind::kContainer, record), "pod/prod/web-7d9f8c6b5d-x2x7k");
  EXPECT_EQ(Resolve(EntityKind::kContainer, Node()), "node/n1");
  EXPECT_EQ(Resolve(EntityKind::kNamespace, Node()), "cluster/c1");
  record = Node();
  record.node = {};
  EXPECT_EQ(Resolve(EntityKind::kPod, record), "cluster/c1");
  EXPECT_EQ(Resolve(EntityKind::kPod, Record()), "cluster/");
}

TEST(EntityTest, ReadsPodNamesAsTheyArePrinted) {
  struct Case {
    const char *name, *value, *want;
  };
  for (const Case& c : {
           Case{"pod", "prod/web-1", "pod/prod/web-1"},
           Case{"pod", "\"prod/web-1\"", "pod/prod/web-1"},
           Case{"pod", R"(\"prod/web-1\")", "pod/prod/web-1"},
           Case{"pod", "web-1_prod(3f2a)", "pod/prod/web-1"},
           Case{"pod", "web-1_prod_3f2a", "pod/prod/web-1"},
           Case{"pod", "web-1_prod", "pod/prod/web-1"},
           Case{"pod", "pod/web-1", "pod//web-1"},
           Case{"pod", "web-1", "pod//web-1"},
           Case{"pod", "web-1(3f2a", "pod//web-1"},
           Case{"pod", "prod/web-1/app", "pod/prod/web-1"},
           Case{"container", "k8s_app_web-1_prod_3f2a_0", "pod/prod/web-1"},
           Case{"pod_uid", "3f2a8a1e_5b1c", "pod//3f2a8a1e-5b1c"},
           Case{"pod", "\"\"", "node/n1"},
           Case{"pod", "", "node/n1"},
       }) {
    EXPECT_EQ(Resolve(EntityKind::kPod, Node(), {{c.name, c.value}}), c.want) << c.value;
  }
  EXPECT_EQ(Resolve(EntityKind::kPod, Node(), {{"pod", "web-1"}, {"namespace", "prod"}}),
            "pod/prod/web-1");
  EXPECT_EQ(Resolve(EntityKind::kContainer, Node(), {{"container", "k8s_app_web-1_prod_3f2a_0"}}),
            "container/prod/web-1/app");
  EXPECT_EQ(Resolve(EntityKind::kContainer, Node(), {{"container_id", "0123456789abcdef"}}),
            "container///0123456789ab");
}

TEST(EntityTest, AWorkloadIsBelievedAboutItselfOnly) {
  std::vector<Capture> lies = {
      {"pod", "kube-system/etcd-0"}, {"node", "n9"}, {"host", "db.example.com."}};
  EXPECT_EQ(Resolve(EntityKind::kPod, Workload(), lies), "pod/prod/web-7d9f8c6b5d-x2x7k");
  EXPECT_EQ(Resolve(EntityKind::kNode, Workload(), lies), "node/n1");
  EXPECT_EQ(Resolve(EntityKind::kHost, Workload(), lies), "host/db.example.com");
}

TEST(EntityTest, AComponentSpeaksOfOthers) {
  Record record = Node();
  record.stream = Stream::kKubeScheduler;
  record.ns = "kube-system";
  record.pod = "kube-scheduler-n1";
  Identity id = ResolveIdentity(record, std::vector<Capture>{{"pod", "prod/web-1"}});
  EXPECT_THAT(Related(id), UnorderedElementsAre("pod/prod/web-1", "workload/prod/web",
                                                "namespace/prod", "cluster/c1"));
  // No namespace printed: the scheduler's own would be a lie.
  EXPECT_EQ(Resolve(EntityKind::kPod, record, {{"pod", "web-1"}}), "pod//web-1");
}

TEST(EntityTest, OwnerAndPodNameGiveTheSameWorkload) {
  struct Case {
    const char *kind, *owner, *pod, *want;
  };
  for (const Case& c : {
           Case{"ReplicaSet", "web-7d9f8c6b5d", "web-7d9f8c6b5d-x2x7k", "workload/prod/web"},
           Case{"", "", "web-7d9f8c6b5d-x2x7k", "workload/prod/web"},
           Case{"StatefulSet", "db", "db-0", "workload/prod/db"},
           Case{"", "", "db-0", "workload/prod/db"},
           Case{"Job", "backup-28312345", "backup-28312345-x2x7k", "workload/prod/backup"},
           Case{"DaemonSet", "fluent-bit", "fluent-bit-x2x7k", "workload/prod/fluent-bit"},
           Case{"Node", "n1", "kube-proxy-n1", "workload/prod/kube-proxy-n1"},
       }) {
    Record record = Workload();
    record.owner_kind = c.kind;
    record.owner_name = c.owner;
    record.pod = c.pod;
    EXPECT_EQ(Resolve(EntityKind::kWorkload, record), c.want) << c.kind << " " << c.pod;
  }
  // The owner is the record's pod's, not the captured one's.
  Record record = Workload();
  record.stream = Stream::kEvent;
  record.owner_kind = "ReplicaSet";
  record.owner_name = "web-7d9f8c6b5d";
  EXPECT_EQ(Resolve(EntityKind::kWorkload, record, {{"pod", "prod/db-0"}}), "workload/prod/db");
  std::string endless(10'000, 'b');
  record.owner_name = endless;
  EXPECT_EQ(Resolve(EntityKind::kWorkload, record), "workload/prod/" + endless);
}

TEST(EntityTest, AnImageNamesItsRegistry) {
  struct Case {
    const char *image, *want;
  };
  for (const Case& c : {
           Case{"nginx", "docker.io"},
           Case{"nginx:1.25", "docker.io"},
           Case{"library/nginx", "docker.io"},
           Case{"docker.io/library/nginx", "docker.io"},
           Case{"registry-1.docker.io/library/nginx", "docker.io"},
           Case{"index.docker.io/x/y", "docker.io"},
           Case{"localhost/x", "localhost"},
           Case{"reg:5000/x", "reg:5000"},
           Case{"reg.example.com/team/app@sha256:00", "reg.example.com"},
           Case{"docker-pullable://reg.example.com/x", "reg.example.com"},
           Case{"sha256:0a1b", ""},
           Case{"", ""},
       }) {
    EXPECT_EQ(RegistryOfImage(c.image), c.want) << c.image;
  }
  EXPECT_EQ(
      Resolve(EntityKind::kRegistry, Node(), {{"registry", "https://registry-1.docker.io/v2/"}}),
      "registry/docker.io");
}

TEST(EntityTest, RelatedNamesEverything) {
  EXPECT_THAT(Related(ResolveIdentity(Workload(), {})),
              UnorderedElementsAre(
                  "container/prod/web-7d9f8c6b5d-x2x7k/app", "pod/prod/web-7d9f8c6b5d-x2x7k",
                  "workload/prod/web", "image/reg.example.com:5000/web:1",
                  "registry/reg.example.com:5000", "node/n1", "namespace/prod", "cluster/c1"));
  EXPECT_THAT(Related(ResolveIdentity(Record(), {})), UnorderedElementsAre("cluster/"));
}

}  // namespace
}  // namespace tocsin::matcher
