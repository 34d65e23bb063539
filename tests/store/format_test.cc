// SPDX-License-Identifier: Apache-2.0
//
// Holds store/FORMAT.md to the bytes: its example is what a store really contains after one commit,
// and decodes to what went in.
#include <fstream>
#include <sstream>

#include "rocksdb/db.h"

#include "store/database.h"
#include "store/keys.h"
#include "tests/store/testing.h"

namespace tocsin::store {
namespace {

using testing::HasSubstr;

// The commit that FORMAT.md describes.
WriteSet Example() {
  state::v1::Row row;
  row.set_cluster("c");
  row.set_node("n1");
  row.set_stream(1);
  row.set_signature("oom");
  row.set_entity("node/n1");
  row.set_slot(3);
  row.set_hits(2);
  state::v1::Problem problem;
  problem.set_cluster("c");
  problem.set_signature("oom");
  problem.set_entity("node/n1");
  problem.set_cleared(1'000'000'000);
  v1::Incident incident;
  incident.set_name("clusters/c/incidents/7f");
  incident.set_state(v1::Incident::RESOLVED);
  incident.mutable_resolve_time()->set_seconds(1);
  incident.set_revision(9);
  WriteSet set;
  set.rows.emplace_back(RowKey(row), row);
  set.problems = {problem};
  set.incidents = {incident};
  set.aliases = {{"clusters/c/incidents/a0", "clusters/c/incidents/7f"}};
  set.tallies = {MakeTally("c", "n1", 1, 2, 3, 4)};
  set.positions = {MakePosition("logs", 3, 8)};
  set.frontier = Time(seconds(31));
  set.revision = 9;
  return set;
}

// Printable ASCII as it is but for '\' and ' ', the rest as \xNN.
std::string Escape(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    if (c > ' ' && c < '\x7F' && c != '\\') {
      text += c;
    } else {
      text += fmt::format("\\x{:02X}", static_cast<uint8_t>(c));
    }
  }
  return text;
}

std::string Unescape(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

struct Entry {
  std::string family, key, value;
};

std::vector<Entry> Dump(const std::string& dir) {
  Options options;
  options.dir = dir;
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(options, Database::Mode::kReadOnly);
  EXPECT_TRUE(database.ok()) << database.status();
  std::vector<Entry> entries;
  for (size_t i = 0; database.ok() && i < kFamilyNames.size(); ++i) {
    std::unique_ptr<rocksdb::Iterator> it((*database)->db().NewIterator(
        rocksdb::ReadOptions(), (*database)->family(static_cast<Family>(i))));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      entries.push_back({kFamilyNames[i], it->key().ToString(), it->value().ToString()});
    }
  }
  return entries;
}

std::string ReadFormat() {
  std::ifstream file("store/FORMAT.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The lines of the example: family, key, value, with blanks between.
std::vector<Entry> Documented() {
  std::string text = ReadFormat();
  size_t begin = text.find("```dump\n");
  size_t end = text.find("```", begin + 8);
  EXPECT_NE(end, std::string::npos)
      << "no example in store/FORMAT.md; run from the root of the tree";
  std::vector<Entry> entries;
  std::istringstream lines(text.substr(begin + 8, end - begin - 8));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string family, key, value;
    words >> family >> key >> value;
    entries.push_back({family, Unescape(key), Unescape(value)});
  }
  return entries;
}

TEST(FormatTest, ExampleIsWhatAStoreContains) {
  TempDir dir;
  std::string id;
  {
    std::unique_ptr<Store> store = MustOpen(dir.path());
    ASSERT_TRUE(store->Commit(Example()).ok());
    id = store->id();
  }
  std::string text = "```dump\n";
  for (const Entry& entry : Dump(dir.path())) {
    std::string value = entry.key == kMetaStoreId && entry.value == id
                            ? "2f1c8a4e-6b0d-4d53-9a71-0c5e7f3b2d18"
                            : Escape(entry.value);
    std::string line = fmt::format("{:<13} {}", entry.family, Escape(entry.key));
    if (!value.empty()) line += "  " + value;
    text += line + "\n";
  }
  text += "```";
  EXPECT_THAT(ReadFormat(), HasSubstr(text));
}

TEST(FormatTest, ExampleDecodesToWhatWentIn) {
  WriteSet want = Example();
  int decoded = 0;
  for (const Entry& entry : Documented()) {
    SCOPED_TRACE(entry.family + " " + Escape(entry.key));
    ++decoded;
    if (entry.family == "positions") {
      std::optional<PositionKey> key = DecodePositionKey(entry.key);
      ASSERT_TRUE(key);
      EXPECT_EQ(key->source, "logs");
      EXPECT_EQ(key->partition, 3);
      EXPECT_EQ(entry.value, want.positions[0].SerializeAsString());
    } else if (entry.family == "rows") {
      EXPECT_EQ(entry.key, want.rows[0].first);
      EXPECT_EQ(entry.value, want.rows[0].second.SerializeAsString());
    } else if (entry.family == "problems") {
      EXPECT_EQ(entry.key, ProblemId(want.problems[0]));
      EXPECT_EQ(entry.value, want.problems[0].SerializeAsString());
    } else if (entry.family == "incidents") {
      EXPECT_EQ(entry.key, want.incidents[0].name());
      std::optional<IncidentValue> value = DecodeIncidentValue(entry.value);
      ASSERT_TRUE(value);
      EXPECT_EQ(value->revision, 9);
      EXPECT_EQ(value->resolved, At(1));
      EXPECT_EQ(value->proto, want.incidents[0].SerializeAsString());
    } else if (entry.family == "by_revision") {
      std::optional<RevisionKey> key = DecodeRevisionKey(entry.key);
      ASSERT_TRUE(key);
      EXPECT_EQ(key->revision, 9);
      EXPECT_EQ(key->name, want.incidents[0].name());
    } else if (entry.family == "aliases") {
      EXPECT_EQ(entry.key, want.aliases[0].first);
      EXPECT_EQ(entry.value, want.aliases[0].second);
    } else if (entry.family == "alias_targets") {
      std::optional<AliasTargetKey> key = DecodeAliasTargetKey(entry.key);
      ASSERT_TRUE(key);
      EXPECT_EQ(key->target, want.aliases[0].second);
      EXPECT_EQ(key->alias, want.aliases[0].first);
    } else if (entry.family == "tallies") {
      std::optional<TallyKey> key = DecodeTallyKey(entry.key);
      ASSERT_TRUE(key);
      EXPECT_EQ(std::tuple(key->cluster, key->node, key->stream), std::tuple("c", "n1", 1u));
      state::v1::Tally tally;
      ASSERT_TRUE(tally.ParseFromString(entry.value));
      EXPECT_EQ(tally.bytes(), 200);
    } else if (entry.family == "expiry") {
      std::optional<ExpiryKey> key = DecodeExpiryKey(entry.key);
      ASSERT_TRUE(key);
      EXPECT_EQ(key->since, At(1));
      EXPECT_EQ(key->id, key->kind == ExpiryKind::kIncident ? want.incidents[0].name()
                                                            : ProblemId(want.problems[0]));
    } else {
      EXPECT_EQ(entry.family, "default");
    }
  }
  EXPECT_EQ(decoded, 15);
}

TEST(FormatTest, RefusesANewerFormatAndLeavesItAlone) {
  TempDir dir;
  MustOpen(dir.path()).reset();
  Options options;
  options.dir = dir.path();
  auto set_format = [&](std::string_view value) {
    absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open(options, Database::Mode::kReadWrite);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)
                    ->db()
                    .Put(rocksdb::WriteOptions(), (*database)->family(Family::kMeta),
                         Bytes(kMetaFormat), Bytes(value))
                    .ok());
  };
  set_format(OrderedValue(2));
  absl::Status status = Store::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(Message(status), HasSubstr("run the newer release"));
  for (const std::string& bad :
       {OrderedValue(0), OrderedValue(-1), std::string("x"), std::string()}) {
    set_format(bad);
    EXPECT_EQ(Store::Open(options).status().code(), absl::StatusCode::kDataLoss) << Escape(bad);
  }
  set_format(OrderedValue(1));
  EXPECT_TRUE(Store::Open(options).ok());
}

// Entries that no encoder wrote are reported where they stand; nothing crashes, nothing is guessed.
TEST(FormatTest, ReportsEntriesThatCannotBeRead) {
  for (size_t i = 1; i < kFamilyNames.size(); ++i) {
    SCOPED_TRACE(kFamilyNames[i]);
    TempDir dir;
    Options options;
    options.dir = dir.path();
    MustOpen(options)->Commit(Example()).IgnoreError();
    std::string key;
    {
      absl::StatusOr<std::unique_ptr<Database>> database =
          Database::Open(options, Database::Mode::kReadWrite);
      ASSERT_TRUE(database.ok());
      rocksdb::ColumnFamilyHandle* family = (*database)->family(static_cast<Family>(i));
      std::unique_ptr<rocksdb::Iterator> it(
          (*database)->db().NewIterator(rocksdb::ReadOptions(), family));
      it->SeekToFirst();
      ASSERT_TRUE(it->Valid());
      // Where the value says nothing, the key is what can be wrong.
      bool key_only = it->value().empty();
      key = key_only ? "\x01" : it->key().ToString();
      ASSERT_TRUE((*database)->db().Put(rocksdb::WriteOptions(), family, key, "\xFF\xFF").ok());
    }
    std::unique_ptr<Store> store = MustOpen(options);
    ASSERT_NE(store, nullptr);
    auto none = [](auto&&...) {};
    std::vector<absl::Status> seen = {
        store->Load({.row = none, .problem = none, .incident = none, .tally = none}),
        store->Positions().status(),
        store->GetIncident("clusters/c/incidents/7f").status(),
        store->ScanIncidents("", [](const v1::Incident&) { return true; }),
        store->ScanChanges(INT64_MIN, [](const v1::Incident&) { return true; }),
        store->ScanNodes("", "", [](const v1::Node&) { return true; }),
        store->GetNode("c", "n1").status()};
    int reports = 0;
    for (const absl::Status& status : seen) {
      if (status.code() == absl::StatusCode::kDataLoss) {
        ++reports;
      } else {
        EXPECT_TRUE(status.ok()) << status;
      }
    }
    std::string_view family = kFamilyNames[i];
    bool only_hints = family == "aliases" || family == "alias_targets" || family == "expiry";
    EXPECT_EQ(reports > 0, !only_hints);
  }
}

}  // namespace
}  // namespace tocsin::store
