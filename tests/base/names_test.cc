// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/entity.h"
#include "base/signature.h"
#include "base/stream.h"

namespace tocsin {
namespace {

TEST(NamesTest, EveryStreamAndKindReadsBack) {
  for (int i = 0; i < kStreamCount; ++i) {
    EXPECT_EQ(StreamFromName(StreamName(static_cast<Stream>(i))), static_cast<Stream>(i));
  }
  for (int i = 1; i < kEntityKindCount; ++i) {
    Entity entity{static_cast<EntityKind>(i), "a/b"};
    EXPECT_EQ(EntityFromString(ToString(entity)), entity);
  }
  EXPECT_EQ(EntityFromString("nonsense/x"), Entity());
  EXPECT_EQ(EntityFromString(""), Entity());
  EXPECT_EQ(SeverityFromName("CRITICAL"), Severity::kCritical);
  EXPECT_EQ(SeverityFromName(""), std::nullopt);
}

TEST(NamesTest, WorkloadOfAPodName) {
  struct Case {
    const char *pod, *workload;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"web-7d9f8c6b5d-x2x7k", "web"},  // Deployment
           {"nginx-6dc48bf8b6-l8xrw", "nginx"},
           {"coredns-5dd5756b68-2xk9p", "coredns"},
           {"kube-proxy-x7zk9", "kube-proxy"},  // DaemonSet
           {"postgres-0", "postgres"},          // StatefulSet
           {"kafka-broker-12", "kafka-broker"},
           {"backup-28456789-z8xvl", "backup"},  // CronJob
           {"migrate-z8xvl", "migrate"},         // Job
           {"etcd-node-17", "etcd-node"},        // a mirror pod: reads like an ordinal
           {"web-7d9f0a6b1-abcd1", "web"},       // made anonymous
           {"web-7d9f0a6b1-x2x7k", "web"},
           {"web-storage-abcd1", "web-storage-abcd1"},
           {"standalone", "standalone"},
           {"web-apple", "web-apple"},  // vowels: nobody generated that
           {"-0", "-0"},
           {"", ""}}) {
    EXPECT_EQ(WorkloadOfPod(c.pod), c.workload) << c.pod;
  }
}

}  // namespace
}  // namespace tocsin
