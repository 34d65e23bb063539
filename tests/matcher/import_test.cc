// SPDX-License-Identifier: Apache-2.0
#include "matcher/import.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/import_draft.h"
#include "matcher/self_test.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Fate = ImportedRule::Fate;

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  // What was imported, loaded: fails where it does not load.
  std::unique_ptr<const Catalogue> Load(const absl::StatusOr<Import>& import) {
    EXPECT_TRUE(import.ok()) << import.status();
    auto catalogue = LoadCatalogueFromText({{"imported.yaml", import->yaml}});
    EXPECT_TRUE(catalogue.ok()) << catalogue.status() << "\n" << import->yaml;
    auto patterns = PatternSet::Compile(**catalogue);
    EXPECT_TRUE(patterns.ok()) << patterns.status();
    for (const SelfTestFailure& failure : RunSelfTest(**patterns))
      ADD_FAILURE() << ToString(failure);
    return *std::move(catalogue);
  }
  static std::vector<std::string> Found(const Catalogue& catalogue, Stream stream,
                                        const std::string& text) {
    auto patterns = PatternSet::Compile(catalogue);
    Tagger tagger(**patterns);
    Record record;
    record.stream = stream;
    record.text = text;
    std::vector<std::string> ids;
    tagger.Tag(record, [&](const Finding& finding) { ids.push_back(finding.signature->id); });
    return ids;
  }
  fs::path dir_;
};

TEST(ImportPatternTest, GoMeansTheSameHere) {
  const std::pair<const char*, const char*> same[] = {
      {"disk .* is full", "disk [^\\n]* is full"},
      {".*disk is full.*", "disk is full"},
      {"disk is full\\.*", "disk is full\\.*"},
      {"a[.]b\\.c[^].]d", "a[.]b\\.c[^].]d"},
      {"x[[:alpha:].]y.", "x[[:alpha:].]y[^\\n]"},
      {"(a.+)\\\\.b", "(a[^\\n]+)\\\\[^\\n]b"},
      {"(?i)Fault", "(?i)Fault"},
  };
  for (const auto& [go, ours] : same) {
    auto pattern = PatternFromGo(go);
    ASSERT_TRUE(pattern.ok()) << go << pattern.status();
    EXPECT_EQ(*pattern, ours);
  }
  for (const char* go : {"", ".*", "(", "\\p{Greek}", "a{2000}"}) {
    EXPECT_FALSE(PatternFromGo(go).ok()) << go;
  }
  EXPECT_EQ(PatternFromText("a.b (c) [d] 100% {e}"), "a\\.b \\(c\\) \\[d\\] 100% \\{e\\}");
  EXPECT_EQ(IdFrom("FilesystemIsReadOnly"), "filesystem-is-read-only");
  EXPECT_EQ(IdFrom("XFSShutdown"), "xfs-shutdown");
  EXPECT_EQ(IdFrom("CRE-2025-0001"), "cre-2025-0001");
  EXPECT_EQ(IdFrom("--"), "unnamed");
}

TEST_F(ImportTest, NpdLogMonitors) {
  Write("kernel.json",
        "{\n\t\"plugin\": \"kmsg\", \"source\": \"kern\",\n\t\"rules\": [\n"
        "\t{\"type\": \"temporary\", \"reason\": \"DiskFault\", \"pattern\": \"fault on \\\\w+ "
        ".*\"},\n"
        "\t{\"type\": \"temporary\", \"reason\": \"DiskFault\", \"pattern\": \"fault of the "
        "disk\"},\n"
        "\t{\"type\": \"permanent\", \"condition\": \"Broken\", \"reason\": \"IsBroken\", "
        "\"pattern\": \"it is broken\"},\n"
        "\t{\"type\": \"other\", \"reason\": \"Odd\", \"pattern\": \"x\"},\n"
        "\t{\"type\": \"temporary\", \"reason\": \"Back\", \"pattern\": \"(\"}]}");
  auto import = ImportNpd(dir_.string());
  auto catalogue = Load(import);
  EXPECT_EQ(import->Count(Fate::kExact), 3u);
  EXPECT_EQ(import->Count(Fate::kRefused), 2u);
  EXPECT_EQ(Found(*catalogue, Stream::kKernel, "fault on sda now"),
            std::vector<std::string>{"npd-kern-disk-fault"});
  EXPECT_EQ(Found(*catalogue, Stream::kKernel, "a fault of the disk"),
            std::vector<std::string>{"npd-kern-disk-fault"});
  // A match must reach the end there.
  EXPECT_THAT(Found(*catalogue, Stream::kKernel, "a fault of the disk?"), IsEmpty());
  EXPECT_THAT(Found(*catalogue, Stream::kKubelet, "fault on sda now"), IsEmpty());
  const Signature* broken = catalogue->Find("npd-kern-is-broken");
  ASSERT_NE(broken, nullptr);
  EXPECT_EQ(broken->kind, Signature::Kind::kState);
  EXPECT_EQ(broken->severity, Severity::kError);
  EXPECT_EQ(catalogue->Find("npd-kern-disk-fault")->severity, Severity::kWarning);
}

TEST_F(ImportTest, NpdOthers) {
  Write("a-journal.json",
        R"({"plugin": "journald", "pluginConfig": {"source": "abrt"}, "source": "s",
      "rules": [{"type": "temporary", "reason": "Crash", "pattern": "^process crashed.*"}]})");
  Write("b-counter.json", R"({"plugin": "custom", "source": "c", "rules": [
      {"type": "permanent", "condition": "Often", "reason": "TooOften", "path": "/opt/log-counter",
       "args": ["--journald-source=systemd", "--lookback=20m", "--count=5", "--pattern=Started thing"]},
      {"type": "permanent", "condition": "Often", "reason": "Script", "path": "/opt/check.sh"},
      {"type": "permanent", "condition": "Often", "reason": "Down", "path": "log-counter",
       "args": ["--pattern=x thing", "--revert-pattern=y"]}]})");
  Write("c-stats.json", R"({"cpu": {"metricsConfigs": {}}})");
  Write("d-broken.json", R"({"plugin": )");
  Write("e-plugin.json", R"({"plugin": "magic", "rules": []})");
  auto import = ImportNpd(dir_.string());
  auto catalogue = Load(import);
  ASSERT_THAT(import->rules, SizeIs(7));
  EXPECT_EQ(import->rules[0].fate, Fate::kWidened);
  EXPECT_THAT(import->rules[0].reason, HasSubstr("'abrt' is no stream"));
  EXPECT_EQ(import->rules[1].fate, Fate::kExact);
  const Signature* often = catalogue->Find("npd-c-too-often");
  ASSERT_NE(often, nullptr);
  EXPECT_EQ(often->threshold_count, 5);
  EXPECT_EQ(often->threshold_within, std::chrono::minutes(20));
  EXPECT_THAT(import->rules[2].reason, HasSubstr("runs a program"));
  EXPECT_THAT(import->rules[3].reason, HasSubstr("--revert-pattern"));
  EXPECT_THAT(import->rules[4].reason, HasSubstr("has no rules"));
  EXPECT_THAT(import->rules[5].reason, HasSubstr("is not JSON"));
  EXPECT_THAT(import->rules[6].reason, HasSubstr("'magic'"));
}

std::string Cre(const std::string& id, const std::string& rule) {
  return "- cre: {id: " + id + ", severity: 1, title: 'It''s " + id +
         "', cause: \"one\\ntwo\", mitigation: restart it}\n  rule: " + rule + "\n";
}

TEST_F(ImportTest, Cre) {
  Write(
      "one/rule.yaml",
      "rules:\n" +
          Cre("X-1",
              "{set: {event: {source: cre.log.app}, match: [{value: 'queue (a) is full'}]}}") +
          Cre("X-2", "{set: {window: 5m, match: [{regex: 'slow.+reply', count: 3}]}}") +
          Cre("X-3", "{sequence: {window: 30s, order: [went under, {value: came up}]}}") +
          Cre("X-4", "{set: {window: 10s, match: [{value: short}, {value: long enough text}]}}") +
          Cre("X-5", "{set: {window: 1m, match: [{value: first term}, {value: second}, third]}}"));
  Write("one/test.log", "12:00 queue (a) is full\n12:01 queue (b) is full\n12:02 slow, no reply\n");
  Write("two/rule.yaml",
        "rules:\n" + Cre("X-6", "{set: {match: [{jq: '.a == 1'}]}}") +
            Cre("X-7", "{set: {match: [{value: calm down}], negate: [{value: restarted}]}}") +
            Cre("X-8", "{set: {match: [{value: a}]}, sequence: {order: [b]}}") +
            Cre("X-9", "{set: {match: [{value: often seen, count: 2}]}}") +
            Cre("X-1", "{set: {match: [{value: the name again}]}}") +
            Cre("X-10", "{sequence: {order: [ab, cd]}}"));
  Write("three/rule.yaml", "nothing: here\n");
  Write("three/other.yaml", "rules: [\n");
  auto import = ImportCre(dir_.string());
  auto catalogue = Load(import);
  std::map<std::string, const ImportedRule*> by_rule;
  for (const ImportedRule& rule : import->rules) {
    by_rule[rule.signature.empty() ? rule.rule : rule.signature] = &rule;
  }
  EXPECT_EQ(by_rule["x-1"]->fate, Fate::kExact);
  EXPECT_EQ(by_rule["x-1-2"]->fate, Fate::kExact) << "a name that stands twice";
  EXPECT_EQ(by_rule["x-2"]->fate, Fate::kExact);
  EXPECT_EQ(by_rule["x-3"]->fate, Fate::kWidened);
  EXPECT_EQ(by_rule["x-4"]->fate, Fate::kWidened);
  EXPECT_EQ(by_rule["x-5"]->fate, Fate::kWidened);
  EXPECT_THAT(by_rule["x-5"]->reason, HasSubstr("one of its 3 terms"));
  EXPECT_THAT(by_rule["X-6"]->reason, HasSubstr("jq"));
  EXPECT_THAT(by_rule["x-7"]->reason, HasSubstr("must not see"));
  EXPECT_THAT(by_rule["X-8"]->reason, HasSubstr("both"));
  EXPECT_THAT(by_rule["X-9"]->reason, HasSubstr("window"));
  EXPECT_THAT(by_rule["X-10"]->reason, HasSubstr("none says enough"));
  EXPECT_EQ(import->Count(Fate::kRefused), 6u);

  const Signature& full = *catalogue->Find("x-1");
  EXPECT_EQ(full.severity, Severity::kError);
  EXPECT_EQ(full.title.at("en"), "It's X-1");
  EXPECT_EQ(full.cause.at("en"), "one\ntwo");
  ASSERT_THAT(full.examples, SizeIs(1));
  EXPECT_EQ(full.examples[0].text, "12:00 queue (a) is full");
  EXPECT_EQ(catalogue->Find("x-2")->threshold_count, 3);
  EXPECT_THAT(catalogue->Find("x-3")->sequence, ElementsAre("x-3-term-1", "x-3-term-2"));
  EXPECT_EQ(catalogue->Find("x-3")->threshold_within, std::chrono::seconds(30));
  const Signature& near = *catalogue->Find("x-4");
  EXPECT_THAT(near.match, ElementsAre("long enough text"));
  ASSERT_TRUE(near.requires_near.has_value());
  EXPECT_THAT(near.requires_near->ids, ElementsAre("x-4-term-1"));
}

TEST_F(ImportTest, WhatIsNotThereIsSaid) {
  EXPECT_FALSE(ImportNpd((dir_ / "nowhere").string()).ok());
  EXPECT_FALSE(ImportCre(dir_.string()).ok()) << "an empty directory";
  Write("empty.yaml", "");
  auto import = ImportCre(dir_.string());
  ASSERT_TRUE(import.ok());
  EXPECT_EQ(import->yaml, "");
  EXPECT_EQ(import->Count(Fate::kRefused), 1u);
}

}  // namespace
}  // namespace tocsin::matcher
