// SPDX-License-Identifier: Apache-2.0
#include "store/keys.h"

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "store/tally_merge.h"

namespace tocsin::store {
namespace {

std::string RandomBytes(std::mt19937& random) {
  std::string bytes(random() % 5, '\0');
  // Few different bytes, so that prefixes, NULs and FFs meet often.
  for (char& c : bytes) c = "\0\x01\xFF\xFE/ab"[random() % 7];
  return bytes;
}

uint32_t Seed() {
  const char* fixed = std::getenv("TOCSIN_SEED");
  return fixed != nullptr ? std::strtoul(fixed, nullptr, 10) : std::random_device()();
}

int Sign(int comparison) { return (comparison > 0) - (comparison < 0); }

TEST(KeysTest, OrderOfBytesIsOrderOfNumbers) {
  std::vector<int64_t> numbers = {INT64_MIN, INT64_MIN + 1, -256, -1, 0, 1, 255, 256, INT64_MAX};
  for (int64_t a : numbers) {
    EXPECT_EQ(ParseOrderedValue(OrderedValue(a)), a);
    for (int64_t b : numbers) EXPECT_EQ(OrderedValue(a) < OrderedValue(b), a < b) << a << " " << b;
  }
  EXPECT_EQ(ParseOrderedValue("1234567"), std::nullopt);
  EXPECT_EQ(ParseOrderedValue("123456789"), std::nullopt);
}

TEST(KeysTest, RandomKeysComeBackAndSortAsTheirParts) {
  uint32_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "TOCSIN_SEED=" << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20000; ++i) {
    std::string a1 = RandomBytes(random), b1 = RandomBytes(random), a2 = RandomBytes(random),
                b2 = RandomBytes(random);
    uint32_t s1 = random() % 3, s2 = random() % 3;
    std::string k1 = EncodeTallyKey(a1, b1, s1), k2 = EncodeTallyKey(a2, b2, s2);
    ASSERT_EQ(Sign(k1.compare(k2)), Sign(std::tuple(a1, b1, s1) < std::tuple(a2, b2, s2)    ? -1
                                         : std::tuple(a1, b1, s1) == std::tuple(a2, b2, s2) ? 0
                                                                                            : 1));
    std::optional<TallyKey> tally = DecodeTallyKey(k1);
    ASSERT_TRUE(tally);
    ASSERT_EQ(std::tuple(tally->cluster, tally->node, tally->stream), std::tuple(a1, b1, s1));
    ASSERT_EQ(k2.starts_with(TallyClusterPrefix(a1)), a1 == a2);
    ASSERT_EQ(k2.starts_with(TallyNodePrefix(a1, b1)), a1 == a2 && b1 == b2);

    std::optional<PositionKey> position =
        DecodePositionKey(EncodePositionKey(a1, static_cast<int32_t>(s1) - 1));
    ASSERT_TRUE(position);
    ASSERT_EQ(std::tuple(position->source, position->partition),
              std::tuple(a1, static_cast<int32_t>(s1) - 1));

    std::string revision_key = EncodeRevisionKey(-5 + s1, b1);
    std::optional<RevisionKey> revision = DecodeRevisionKey(revision_key);
    ASSERT_TRUE(revision && revision->revision == -5 + s1 && revision->name == b1);
    std::string target_key = EncodeAliasTargetKey(a1, b1);
    std::optional<AliasTargetKey> target = DecodeAliasTargetKey(target_key);
    ASSERT_TRUE(target && target->target == a1 && target->alias == b1);
    std::string expiry_key = EncodeExpiryKey(ExpiryKind::kProblem, TimeFromNanos(-7), b1);
    std::optional<ExpiryKey> expiry = DecodeExpiryKey(expiry_key);
    ASSERT_TRUE(expiry && expiry->kind == ExpiryKind::kProblem && expiry->id == b1 &&
                expiry->since == TimeFromNanos(-7));

    // PrefixEnd is the smallest string after all with the prefix.
    std::string end = PrefixEnd(a1);
    std::string other = RandomBytes(random);
    ASSERT_EQ(other.starts_with(a1), other >= a1 && (end.empty() || other < end));

    // Any bytes at all: decoders say no, they do not crash; what they accept encodes back.
    if (auto decoded = DecodeTallyKey(other + b1)) {
      ASSERT_EQ(EncodeTallyKey(decoded->cluster, decoded->node, decoded->stream), other + b1);
    }
    if (auto decoded = DecodePositionKey(other + b1)) {
      ASSERT_EQ(EncodePositionKey(decoded->source, decoded->partition), other + b1);
    }
  }
}

TEST(KeysTest, EveryTruncationIsRefused) {
  std::string tally = EncodeTallyKey("cluster", std::string("n\0", 2), 7);
  std::string position = EncodePositionKey("topic", 7);
  for (size_t n = 0; n < tally.size(); ++n) EXPECT_FALSE(DecodeTallyKey(tally.substr(0, n)));
  for (size_t n = 0; n < position.size(); ++n)
    EXPECT_FALSE(DecodePositionKey(position.substr(0, n)));
  EXPECT_FALSE(DecodeTallyKey(tally + "x"));
  EXPECT_FALSE(DecodePositionKey(position + "x"));
  EXPECT_FALSE(DecodeRevisionKey("1234567"));
  EXPECT_FALSE(DecodeExpiryKey(""));
  EXPECT_FALSE(DecodeExpiryKey("x12345678id"));
  EXPECT_FALSE(DecodeExpiryKey("i1234567"));
  EXPECT_FALSE(DecodeAliasTargetKey("no end"));
  EXPECT_FALSE(DecodeIncidentValue("fifteen bytes.."));
}

TEST(KeysTest, SplitsIncidentNames) {
  std::optional<IncidentName> name = SplitIncidentName("clusters/a/incidents/b/incidents/id");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->prefix, "clusters/a/incidents/b/incidents/");
  EXPECT_EQ(name->id, "id");
  EXPECT_TRUE(SplitIncidentName("fleet/incidents/id"));
  for (const char* bad : {"", "/", "id", "incidents/id", "/incidents/id", "clusters/a/incidents/",
                          "clusters/a/incidents", "clusters/a/problems/id"}) {
    EXPECT_FALSE(SplitIncidentName(bad)) << bad;
  }
}

TEST(KeysTest, MendsWhatIsNotUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  struct Case {
    std::string text, want;
  };
  for (const Case& c :
       {Case{"plain", "plain"},
        Case{"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x94\x94", "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x94\x94"},
        Case{std::string("a\0b", 3), "a" + bad + "b"}, Case{"\xFF", bad}, Case{"\xC3", bad},
        Case{"\xC3(", bad + "("}, Case{"\xC0\x80", bad + bad},
        Case{"\xE0\x80\x80", bad + bad + bad}, Case{"\xED\xA0\x80", bad + bad + bad},
        Case{"\xF4\x90\x80\x80", bad + bad + bad + bad},
        Case{"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"}, Case{"\xE4\xB8", bad + bad}}) {
    EXPECT_EQ(ToUtf8(c.text), c.want);
    EXPECT_EQ(IsUtf8(c.text), c.text == c.want);
    EXPECT_TRUE(IsUtf8(ToUtf8(c.text)));
  }
}

TEST(TallyTest, AddsTheSameInAnyGrouping) {
  uint32_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "TOCSIN_SEED=" << seed);
  std::mt19937 random(seed);
  auto tally = [&] {
    state::v1::Tally made;
    made.set_lines(random() % 100);
    made.set_bytes(random() % 4 == 0 ? INT64_MAX - 5 : random() % 100);
    made.set_first(random() % 3);
    made.set_last(random() % 3);
    return made;
  };
  for (int i = 0; i < 1000; ++i) {
    state::v1::Tally a = tally(), b = tally(), c = tally();
    state::v1::Tally left = a;
    AddTally(b, left);
    AddTally(c, left);
    state::v1::Tally bc = c;
    AddTally(b, bc);
    state::v1::Tally right = bc;
    AddTally(a, right);
    ASSERT_EQ(left.SerializeAsString(), right.SerializeAsString());
    ASSERT_GE(left.bytes(), a.bytes());
  }
}

}  // namespace
}  // namespace tocsin::store
