// SPDX-License-Identifier: Apache-2.0
#include "matcher/exit_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// The findings of one rule in a line, as "id=signal"-less words: "hit exit_code=137 ...".
std::string One(Matcher& matcher, std::string_view line) {
  std::vector<std::string> findings = matcher.Tag(line);
  std::string all;
  for (const std::string& finding : findings) all += (all.empty() ? "" : "; ") + finding;
  return all;
}

// Every way in which somebody prints code 137.
const char* const kForms[] = {
    "      Exit Code:    137",
    "    exitCode: 137",
    R"({"containerID":"containerd://ab","exitCode":137,"reason":"Error"})",
    R"("terminated": { "exitCode": 137, "finishedAt": "2024-05-20T10:13:21Z" })",
    R"(status {\"exitCode\":137,\"reason\":\"Error\"})",
    "State:{Terminated:&ContainerStateTerminated{ExitCode:137,Signal:0,Reason:Error,}}",
    R"(I0520 10:13:21.200000 1234 generic.go:334] "Generic (PLEG): container finished" podID="a" containerID="b" exitCode=137)",
    "I0520 10:13:21.200000 1234 generic.go:334] Generic (PLEG): container finished exitCode = 137",
    "signal: killed: exit status 137",
    "Container app exited with code 137",
    "Error: container exited with exit code 137.",
    "command terminated with non-zero exit code 137",
    "Job failed: exit code: 137",
    "96feb0a425d6  nginx  Exited (137) 3 minutes ago",
    "exit(137)",
    R"(time="2024-05-20T10:13:21Z" level=info msg="received exit event container_id:\"ab\" pid:1234 exit_status:137 exited_at:{seconds:1}")",
    "TaskExit event &TaskExit{ContainerID:ab,ID:ab,Pid:1234,ExitStatus:137,ExitedAt:2024-05-20}",
    "shim reaped exitStatus={137 2019-07-22 11:57:49}",
    R"(container die (exitCode=137, image=nginx))",
    "exited with code -119",
    "exited with code 393",
};

TEST(ExitCodeTest, IsFoundHoweverItIsPrinted) {
  Matcher matcher("- {id: hit, entity: node, exit_code: {is: [137]}}");
  for (const char* line : kForms) {
    EXPECT_EQ(One(matcher, line), "hit node/n1 exit_code=137 signal=SIGKILL") << line;
  }
}

TEST(ExitCodeTest, OtherNumbersAndWordsAreNone) {
  Matcher matcher("- {id: hit, exit_code: {is: [137]}}");
  for (const char* line :
       {"Exit Code:    1", "exitCode: 1370", "exitCode=13", "exit status 37", "exit code 0137a",
        "httpStatus: 137", "code=137", "exit 137", "restartCount: 137",
        "Exited (0) 137 minutes ago", "exitCode: -137", "the exit code of 137 pods"}) {
    EXPECT_EQ(One(matcher, line), "") << line;
  }
}

TEST(ExitCodeTest, AnyRuleAgreesWithArithmetic) {
  struct {
    const char* rule;
    bool (*is)(int);
  } rules[] = {
      {"{is: [0]}", [](int c) { return c == 0; }},
      {"{is: [1, 2, 255]}", [](int c) { return c == 1 || c == 2 || c == 255; }},
      {"{range: [129, 159]}", [](int c) { return c >= 129 && c <= 159; }},
      {"{range: [1, 255], not: [137, 143]}", [](int c) { return c >= 1 && c != 137 && c != 143; }},
      {"{range: [9, 104]}", [](int c) { return c >= 9 && c <= 104; }},
      {"{range: [0, 255]}", [](int) { return true; }},
      {"{range: [17, 201]}", [](int c) { return c >= 17 && c <= 201; }},
  };
  for (const auto& [rule, is] : rules) {
    Matcher matcher(std::string("- {id: hit, exit_code: ") + rule + "}");
    for (int printed = -255; printed < 512; ++printed) {
      std::string line = "exited with code " + std::to_string(printed) + " now";
      int code = ReducedExitCode(printed);
      std::string want;
      if (is(code)) {
        want = "hit node/n1 exit_code=" + std::to_string(code);
        if (std::string signal(SignalOfExitCode(code)); !signal.empty())
          want += " signal=" + signal;
      }
      ASSERT_EQ(One(matcher, line), want) << rule << ": " << line;
    }
  }
}

TEST(ExitCodeTest, OomKilledIsNotAFailedProbe) {
  Matcher matcher(R"(
- {id: oom, entity: node, exit_code: {is: [137], reason: [OOMKilled]}}
- {id: kill, entity: node, exit_code: {is: [137], not_reason: [OOMKilled, Completed]}}
)");
  for (const char* line : {
           "    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137",
           "    terminated:\n      containerID: x\n      exitCode: 137\n      finishedAt: "
           "\"2024\"\n      reason: "
           "OOMKilled",
           R"({"exitCode":137,"finishedAt":"2024","reason":"OOMKilled"})",
           "{\"exitCode\": 137,\n  \"finishedAt\": \"2024\",\n  \"reason\": \"OOMKilled\"}",
           R"({"reason":"OOMKilled","exitCode":137})",
           R"({\"exitCode\":137,\"signal\":0,\"reason\":\"OOMKilled\"})",
           "ContainerStateTerminated{ExitCode:137,Signal:0,Reason:OOMKilled,Message:,}",
           R"("Container died" reason="OOMKilled" exitCode=137)",
           "main: OOMKilled (exit code 137)",
           "Container app exited with code 137 (OOMKilled)",
       }) {
    EXPECT_THAT(One(matcher, line), testing::StartsWith("oom ")) << line;
    EXPECT_THAT(One(matcher, line), testing::Not(HasSubstr("kill "))) << line;
  }
  for (const char* line : {
           "      Reason:       Error\n      Exit Code:    137",
           R"({"exitCode":137,"reason":"Error"})",
           // Of two containers, each with its own reason.
           R"([{"exitCode":0,"reason":"OOMKilled"},{"exitCode":137,"reason":"Error"}])",
           "exitCode: 137\n  reason: Error\n- terminated:\n  exitCode: 1\n  reason: Completed",
           "exitCode=137",
       }) {
    EXPECT_THAT(One(matcher, line), testing::StartsWith("kill ")) << line;
    EXPECT_THAT(One(matcher, line), testing::Not(HasSubstr("oom "))) << line;
  }
}

TEST(ExitCodeTest, OwnPatternsComeFirst) {
  Matcher matcher(R"(
- {id: hit, entity: container, match: ['container (?<container>\S+) exited with code (?<exit_code>137)'], exit_code: {is: [137]}}
)");
  EXPECT_THAT(One(matcher, "container app exited with code 137"),
              HasSubstr("container=app exit_code=137 signal=SIGKILL"));
}

TEST(ExitCodeTest, TheCauseSaysWhatTheCodeMeans) {
  Matcher matcher(R"(
- {id: a, exit_code: {is: [137]}, cause: {en: Killed.}}
- {id: b, exit_code: {is: [255]}}
- {id: c, exit_code: {range: [129, 159]}}
)");
  EXPECT_EQ(matcher.catalogue->Find("a")->cause.at("en"),
            "Killed. Exit code 137 is 128 + 9: ended by SIGKILL.");
  EXPECT_THAT(matcher.catalogue->Find("b")->cause.at("en"), HasSubstr("exit(-1)"));
  EXPECT_THAT(matcher.catalogue->Find("c")->cause, IsEmpty());
}

TEST(ExitCodeTest, SignalsAndArithmetic) {
  EXPECT_EQ(SignalOfExitCode(137), "SIGKILL");
  EXPECT_EQ(SignalOfExitCode(143), "SIGTERM");
  EXPECT_EQ(SignalOfExitCode(139), "SIGSEGV");
  EXPECT_EQ(SignalOfExitCode(159), "SIGSYS");
  for (int code : {0, 1, 128, 160, 255}) EXPECT_EQ(SignalOfExitCode(code), "") << code;
  EXPECT_EQ(ReducedExitCode(-1), 255);
  EXPECT_EQ(ReducedExitCode(256), 0);
  EXPECT_EQ(ReducedExitCode(-256), 0);
  EXPECT_EQ(ReducedExitCode(-300), 212);
}

}  // namespace
}  // namespace tocsin::matcher
