// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

using testing::HasSubstr;

const Time kEnd = *ParseTime("2024-05-20T10:00:00Z");

std::vector<DemoRecord> Render(std::string_view story, std::string_view noise, size_t lines = 0) {
  auto records = RenderDemo(story, noise, {.end = kEnd, .noise_lines = lines});
  EXPECT_TRUE(records.ok()) << (records.ok() ? "" : Message(records.status()));
  return records.ok() ? *records : std::vector<DemoRecord>();
}

TEST(DemoStoryTest, WrapsALineAsEachInputDoes) {
  std::vector<DemoRecord> records = Render(
      "-4s node-a journal kubelet.service kubelet 3 | E${klog} \"quoted\"\n"
      "-3s node-b kmsg 3 | boom\n"
      "-2s node-c pod prod/web-1/web reg/web:1 | ${clock} hello\n"
      "-1s node-a event Warning Failed Pod prod/web-1 | no such host\n",
      "");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_THAT(records[0].json, HasSubstr(R"("MESSAGE":"E0520 09:59:56.000000 \"quoted\"")"));
  EXPECT_THAT(records[0].json,
              HasSubstr(R"({"@timestamp":1716199196.000000,"PRIORITY":"3","_HOSTNAME":"node-a")"));
  EXPECT_THAT(records[1].json, HasSubstr(R"("msg":"boom","hostname":"node-b"})"));
  EXPECT_THAT(records[2].json, HasSubstr(R"("log":"2024-05-20 09:59:58.000 hello")"));
  EXPECT_THAT(records[2].json, HasSubstr(R"("pod_name":"web-1","namespace_name":"prod")"));
  EXPECT_THAT(records[3].json, HasSubstr(R"("reason":"Failed","message":"no such host")"));
  EXPECT_THAT(records[3].json, HasSubstr(R"("source":{"component":"kubelet","host":"node-a"})"));
}

TEST(DemoStoryTest, ARepeatedEventIsOneEventWhoseCountRises) {
  std::vector<DemoRecord> records =
      Render("-60s*3/10s node-a event Normal BackOff Pod prod/web-1 | Back-off\n", "");
  ASSERT_EQ(records.size(), 3u);
  auto uid = [](const std::string& json) { return json.substr(json.find("\"uid\""), 44); };
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(records[i].json, HasSubstr("\"count\":" + std::to_string(i + 1)));
    EXPECT_THAT(records[i].json, HasSubstr(R"("firstTimestamp":"2024-05-20T09:59:00Z")"));
    EXPECT_EQ(uid(records[i].json), uid(records[0].json));
  }
}

TEST(DemoStoryTest, TheRecordingRendersInOrderTheSameEveryTimeAndFitsTheBroker) {
  std::vector<DemoRecord> once = Render(DemoStory(), DemoNoise(), 6000);
  std::vector<DemoRecord> again = Render(DemoStory(), DemoNoise(), 6000);
  ASSERT_GT(once.size(), 6300u);
  ASSERT_EQ(once.size(), again.size());
  size_t bytes = 0;
  for (size_t i = 0; i < once.size(); ++i) {
    ASSERT_EQ(once[i].json, again[i].json);
    ASSERT_LE(once[i].time, kEnd);
    ASSERT_LE(once[i > 0 ? i - 1 : 0].time, once[i].time);
    EXPECT_EQ(once[i].json.find("${"), std::string::npos) << once[i].json;
    bytes += once[i].json.size();
  }
  EXPECT_LT(bytes, size_t{10} << 20);
}

TEST(DemoStoryTest, SaysWhichLineItCannotRead) {
  for (const char* story :
       {"-4s node-a | text", "4s node-a kmsg 3 | text", "-4s node-a kmsg 3",
        "-4s*2 node-a kmsg 3 | x", "-4s*0/1s node-a kmsg 3 | x", "-4s node-a smoke 3 | x",
        "- node-a kmsg 3 | x", "-4s node-a pod web reg | x"}) {
    auto records = RenderDemo(std::string("# head\n") + story, "", {.end = kEnd});
    ASSERT_FALSE(records.ok()) << story;
    EXPECT_THAT(Message(records.status()), HasSubstr("story.txt:2")) << story;
  }
  for (const char* noise :
       {"x * kmsg 6 | y", "5 @nobody pod | y", "5 * smoke | y", "@a node-a kmsg"}) {
    auto records = RenderDemo("", noise, {.end = kEnd});
    ASSERT_FALSE(records.ok()) << noise;
    EXPECT_THAT(Message(records.status()), HasSubstr("noise.txt:1")) << noise;
  }
}

}  // namespace
}  // namespace tocsin::cli
