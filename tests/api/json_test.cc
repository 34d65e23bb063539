// SPDX-License-Identifier: Apache-2.0
#include "api/json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/node.pb.h"
#include "tocsin/v1/signature.pb.h"

namespace tocsin::api {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(JsonTest, PrintsEveryKeyOfAnIncident) {
  std::string json = ToJson(v1::Incident());
  for (const char* key : {"name",
                          "cluster",
                          "state",
                          "severity",
                          "title",
                          "rootStatus",
                          "rootCause",
                          "problems",
                          "nodes",
                          "pods",
                          "namespaces",
                          "workloads",
                          "openTime",
                          "lastHitTime",
                          "resolveTime",
                          "resolveReason",
                          "reopenCount",
                          "hitCount",
                          "lineCount",
                          "evidence",
                          "cause",
                          "remedy",
                          "hypotheses",
                          "why",
                          "references",
                          "silencedBy",
                          "flapping",
                          "chronic",
                          "evidenceComplete",
                          "catalogueVersion",
                          "revision",
                          "nodeTotal",
                          "mergedInto"}) {
    EXPECT_THAT(json, HasSubstr(std::string("\"") + key + "\":"));
  }
  EXPECT_THAT(json, HasSubstr("\"hitCount\":0"));
  EXPECT_THAT(json, HasSubstr("\"nodes\":[]"));
  EXPECT_THAT(json, HasSubstr("\"state\":\"STATE_UNSPECIFIED\""));
  EXPECT_THAT(json, HasSubstr("\"flapping\":false"));
  EXPECT_THAT(json, HasSubstr("\"rootCause\":null"));
  EXPECT_THAT(json, HasSubstr("\"revision\":0"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

TEST(JsonTest, IsReadBackByProtobuf) {
  v1::Incident incident;
  incident.set_name("clusters/c/incidents/x");
  incident.set_severity(v1::CRITICAL);
  incident.set_revision(int64_t{1} << 40);
  incident.mutable_open_time()->set_seconds(1'700'000'000);
  incident.mutable_open_time()->set_nanos(123'000'000);
  incident.mutable_root_cause()->mutable_entity()->set_kind("node");
  incident.mutable_root_cause()->set_hit_count(4'294'967'295);
  v1::Evidence* evidence = incident.add_evidence();
  evidence->set_text("a \"quote\" \\ \t\n \x01 \x7F 中文 \xF0\x9F\x94\x94");
  evidence->mutable_source()->set_topic("logs");
  evidence->mutable_source()->set_offset((int64_t{1} << 53) + 1);
  v1::Why* why = incident.add_why();
  why->mutable_gap()->set_seconds(-1);
  why->mutable_gap()->set_nanos(-500'000'000);
  std::string json = ToJson(incident);
  v1::Incident back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok()) << json;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(back, incident)) << json;
  EXPECT_THAT(json, HasSubstr("\"revision\":1099511627776,"));
  EXPECT_THAT(json, HasSubstr("\"openTime\":\"2023-11-14T22:13:20.123Z\""));
  EXPECT_THAT(json, HasSubstr("\"gap\":\"-1.500s\""));
  EXPECT_THAT(json, HasSubstr("\"offset\":\"9007199254740993\""))
      << "a double would lose the last digit";
}

TEST(JsonTest, ASourceShowsWhichKindItIs) {
  v1::Source source;
  source.set_file("-");
  source.set_line(3);
  EXPECT_EQ(ToJson(source), R"({"file":"-","line":3})");
  source.Clear();
  source.set_topic("logs");
  EXPECT_EQ(ToJson(source), R"({"topic":"logs","partition":0,"offset":0,"index":0})");
}

TEST(JsonTest, PrintsMapsByKey) {
  v1::Finding finding;
  EXPECT_THAT(ToJson(finding), HasSubstr("\"captures\":{}"));
  (*finding.mutable_captures())["b"] = "2";
  (*finding.mutable_captures())["a\""] = "1";
  EXPECT_THAT(ToJson(finding), HasSubstr(R"("captures":{"a\"":"1","b":"2"})"));
}

TEST(JsonTest, ReplacesWhatIsNotUtf8) {
  v1::Finding finding;
  for (std::string bad : {"\xFF", "\xC0\x80", "\xE4\xBD", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    finding.set_text("<" + bad + ">");
    std::string want = "\"text\":\"<";
    for (size_t i = 0; i < bad.size(); ++i) want += "\xEF\xBF\xBD";
    EXPECT_THAT(ToJson(finding), HasSubstr(want + ">\"")) << testing::PrintToString(bad);
  }
}

TEST(JsonTest, KeepsValuesOfNewerReleases) {
  v1::Finding finding;
  finding.set_severity(static_cast<v1::Severity>(9));
  EXPECT_THAT(ToJson(finding), HasSubstr("\"severity\":9"));
}

}  // namespace
}  // namespace tocsin::api
