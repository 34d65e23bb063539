// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kSignatures = R"(
- {id: disk, match: ['disk is full'], aliases: [old-disk], entity: pod, severity: error,
   threshold: {count: 2, within: 5m}}
- {id: net, match: ['net is down']}
)";

absl::StatusOr<std::unique_ptr<const Catalogue>> Load(const std::string& overrides) {
  return LoadCatalogueFromText({{"a.yaml", kSignatures}}, {"site.yaml", overrides});
}

TEST(OverridesTest, WhatHoldsEverywhereChangesTheSignature) {
  auto catalogue = Load(R"(
- {signature: old-disk, severity: warning, threshold: {count: 5}, shadow: true}
- {signature: net, off: true}
)");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  const Signature& disk = *(*catalogue)->Find("disk");
  EXPECT_EQ(disk.severity, Severity::kWarning);
  EXPECT_EQ(disk.threshold_count, 5);
  EXPECT_EQ(disk.threshold_within, std::chrono::minutes(5)) << "what is not named stays";
  EXPECT_TRUE(disk.shadow);
  EXPECT_FALSE(disk.off);
  EXPECT_THAT(disk.overridden,
              ElementsAre("everywhere: severity warning (not error), threshold 5 within 5m (not 2 "
                          "within 5m), shadow: opens no incident  (site.yaml:2)"));
  EXPECT_TRUE((*catalogue)->Find("net")->off);
  EXPECT_EQ(&(*catalogue)->In(disk, "c", "n"), &disk);
}

TEST(OverridesTest, TheMostSpecificHoldsAlone) {
  auto catalogue = Load(R"(
- {signature: disk, cluster: c1, namespace: dev, severity: info}
- {signature: disk, namespace: dev, off: true}
- {signature: disk, namespace: 'dev*', shadow: true}
- {signature: disk, namespace: 'd?v*', threshold: {count: 9}}
- {signature: disk, cluster: c1, severity: critical}
- {signature: disk, severity: warning}
)");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  const Signature& disk = *(*catalogue)->Find("disk");
  auto in = [&](const char* cluster, const char* ns) -> const Signature& {
    return (*catalogue)->In(disk, cluster, ns);
  };
  EXPECT_EQ(&in("c2", "prod"), &disk);
  EXPECT_EQ(&in("", ""), &disk);
  EXPECT_EQ(in("c1", "dev").severity, Severity::kInfo);
  EXPECT_FALSE(in("c1", "dev").off);
  EXPECT_TRUE(in("c2", "dev").off);
  EXPECT_EQ(in("c2", "dev").severity, Severity::kWarning) << "begins with what holds everywhere";
  EXPECT_EQ(in("c2", "dev-1").threshold_count, 9) << "of equals the last";
  EXPECT_EQ(in("c1", "dev-1").threshold_count, 9) << "a namespace before a cluster";
  EXPECT_EQ(in("c1", "prod").severity, Severity::kCritical);
  EXPECT_EQ(in("c1", "").severity, Severity::kCritical);
  EXPECT_EQ(in("c2", "").severity, Severity::kWarning);
  EXPECT_THAT(disk.overridden, testing::SizeIs(6));
  EXPECT_EQ(&(*catalogue)->In(*(*catalogue)->Find("net"), "c1", "dev"), (*catalogue)->Find("net"));
}

TEST(OverridesTest, ArePartOfTheVersion) {
  auto version = [](const char* text) { return (*Load(text))->version(); };
  std::string none = version("");
  EXPECT_NE(version("- {signature: net, off: true}"), none);
  EXPECT_NE(version("- {signature: net, off: true}"), version("- {signature: disk, off: true}"));
  EXPECT_EQ(version("- {signature: net, off: true}"), version("- {signature: net, off: true}"));
}

TEST(OverridesTest, NothingButCommentsIsNothing) {
  auto catalogue = Load("# later\n");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  EXPECT_THAT((*catalogue)->Find("net")->overridden, IsEmpty());
}

TEST(OverridesTest, RefusesByPlace) {
  const std::pair<const char*, const char*> bad[] = {
      {"signature: net", "site.yaml:1:1: is no list; write "},
      {"- net", "site.yaml:1:3: an override is a map; write "},
      {"- {severity: info}", "site.yaml:1:3: names no signature; write "},
      {"- {signature: nett, off: true}",
       "site.yaml:1:15: there is no signature 'nett'; write 'net' instead"},
      {"- {signature: something, off: true}",
       "site.yaml:1:15: there is no signature 'something'; write one that `tocsin"},
      {"- {signature: net}", "site.yaml:1:3: changes nothing of 'net'; write severity, "},
      {"- {signature: net, severty: info}",
       "site.yaml:1:20: unknown field 'severty'; write 'severity' instead"},
      {"- {signature: net, match: [x]}",
       "site.yaml:1:20: 'match' can not be overridden; write one of signature, "},
      {"- {signature: net, severity: bad}",
       "site.yaml:1:30: unknown severity 'bad'; write info, warning, error or critical instead"},
      {"- {signature: net, off: yes}", "site.yaml:1:25: 'off' must be true or false; write "},
      {"- {signature: net, threshold: {cnt: 1}}",
       "site.yaml:1:32: unknown field 'cnt' in 'threshold'; "},
      {"- {signature: net, threshold: {distinct: host}}",
       "site.yaml:1:32: 'threshold.distinct' can not be overridden; write count, within, "},
      {"- {signature: net, cluster: 'a*', off: true}",
       "site.yaml:1:29: 'a*' is no cluster; write its name, one rule for each"},
      {"- {signature: net, namespace: a/b, off: true}",
       "site.yaml:1:31: 'a/b' is no namespace; write its name, or a pattern such as 'dev-*'"},
      {"- {signature: net, off: true, off: true}",
       "site.yaml:1:31: field 'off' stands twice; write it once"},
      {"- {signature: net, off: true}\n- {signature: net, shadow: true}",
       "site.yaml:2:3: 'net' is overridden everywhere a second time; write one rule"},
      {"- {signature: disk, cluster: c, off: true}\n- {signature: old-disk, cluster: c, off: true}",
       "site.yaml:2:3: 'disk' is overridden in cluster c a second time; write one rule"},
      {"- {signature: net", "site.yaml:1:"},
      {"- {signature: caf\xE9}", "site.yaml: is not UTF-8; save it as UTF-8"},
  };
  for (const auto& [text, want] : bad) {
    auto catalogue = Load(text);
    ASSERT_FALSE(catalogue.ok()) << text;
    EXPECT_EQ(catalogue.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(catalogue.status()), StartsWith(want)) << text;
  }
}

struct Seen {
  std::string id;
  Severity severity;
  bool shadow;
  friend bool operator==(const Seen&, const Seen&) = default;
};

TEST(OverridesTest, FindingsFollowThem) {
  auto catalogue = Load(R"(
- {signature: disk, namespace: 'dev-*', off: true}
- {signature: disk, cluster: c1, severity: critical}
- {signature: net, cluster: c1, shadow: true}
)");
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  auto patterns = PatternSet::Compile(**catalogue);
  ASSERT_TRUE(patterns.ok()) << patterns.status();
  Tagger tagger(**patterns);
  auto tag = [&](const char* cluster, const char* ns, const char* text) {
    Record record;
    record.cluster = cluster;
    record.ns = ns;
    record.pod = "web-1";
    record.text = text;
    std::vector<Seen> seen;
    tagger.Tag(record, [&](const Finding& finding) {
      seen.push_back({finding.signature->id, finding.severity, finding.shadow});
    });
    return seen;
  };
  EXPECT_THAT(tag("c2", "prod", "disk is full"),
              ElementsAre(Seen{"disk", Severity::kError, false}));
  EXPECT_THAT(tag("c1", "prod", "disk is full"),
              ElementsAre(Seen{"disk", Severity::kCritical, false}));
  EXPECT_THAT(tag("c2", "dev-7", "disk is full"), IsEmpty());
  EXPECT_THAT(tag("c1", "dev-7", "net is down"), ElementsAre(Seen{"net", Severity::kError, true}));
  EXPECT_THAT(tag("c2", "dev-7", "net is down"), ElementsAre(Seen{"net", Severity::kError, false}));
}

}  // namespace
}  // namespace tocsin::matcher
