// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

using pipeline::ServeOptions;
using testing::HasSubstr;

// Everything a file can say, as text, so that two can be compared at once.
std::string Describe(const ServeOptions& o) {
  std::string text = o.data_dir + "|" + o.signatures_dir + "|" + o.overrides + "|" + o.cluster +
                     "|" + o.grpc_listen + "|" + o.http_listen + "|" + o.kafka_brokers + "|" +
                     o.kafka_group + "|" + std::to_string(o.insecure) + "|" +
                     std::to_string(o.lanes) + "|" + std::to_string(o.channel_bytes) + "|" +
                     FormatDuration(o.retention);
  for (const auto& topic : o.kafka_topics) text += "|t:" + topic;
  for (const auto& role : o.roles) text += "|r:" + role;
  for (const auto& ns : o.trusted_namespaces) text += "|n:" + ns;
  for (const auto& [key, value] : o.kafka_properties) text += "|p:" + key + "=" + value;
  return text;
}

TEST(ConfigTest, TheExampleNamesEveryKeyWithItsDefault) {
  // A key that is left at something else would survive if the example did not name it.
  ServeOptions options;
  options.overrides = options.data_dir = options.signatures_dir = options.cluster =
      options.grpc_listen = "changed";
  options.kafka_brokers = options.kafka_group = options.http_listen = "changed";
  options.insecure = true;
  options.lanes = 99;
  options.channel_bytes = 1;
  options.retention = seconds(1);
  options.kafka_topics = options.trusted_namespaces = options.roles = {"changed"};
  options.kafka_properties = {{"changed", "1"}};
  absl::Status status = ReadConfigFile("deploy/config.example.yaml", options);
  ASSERT_TRUE(status.ok()) << Message(status);
  EXPECT_EQ(Describe(options), Describe(ServeOptions()));
}

TEST(ConfigTest, OverwritesOnlyWhatItNames) {
  ServeOptions options;
  options.cluster = "kept";
  absl::Status status = ReadConfig(
      "kafka_topics: [a, b]\nretention: 12h\nchannel_bytes: 1 GiB\n"
      "kafka_properties: {security.protocol: ssl}\n",
      "c.yaml", options);
  ASSERT_TRUE(status.ok()) << Message(status);
  EXPECT_EQ(options.cluster, "kept");
  EXPECT_EQ(options.kafka_topics, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options.retention, std::chrono::hours(12));
  EXPECT_EQ(options.channel_bytes, size_t{1} << 30);
  EXPECT_EQ(options.kafka_properties.at("security.protocol"), "ssl");
}

TEST(ConfigTest, NothingButCommentsIsAllDefaults) {
  ServeOptions options;
  EXPECT_TRUE(ReadConfig("", "c.yaml", options).ok());
  EXPECT_TRUE(ReadConfig("# nothing\n", "c.yaml", options).ok());
  EXPECT_EQ(Describe(options), Describe(ServeOptions()));
}

TEST(ConfigTest, RefusesWithFileLineAndWhatToWrite) {
  struct Case {
    std::string yaml;
    std::string want;
  };
  const Case cases[] = {
      {"kafka_broker: x\n", "c.yaml:1: \"kafka_broker\" is not a key: write one of data_dir, "},
      {"\nkafka-brokers: x\n", "c.yaml:2: \"kafka-brokers\" is not a key: write kafka_brokers"},
      {"cluster: a\ncluster: b\n", "c.yaml:2: cluster stands here for the second time"},
      {"lanes: many\n", "c.yaml:1: lanes is \"many\": write a whole number"},
      {"lanes: -1\n", "write a whole number"},
      {"lanes: 99999999999\n", "write a whole number"},
      {"insecure: yes\n", "c.yaml:1: insecure is \"yes\": write true or false"},
      {"retention: soon\n", "retention is \"soon\": write a duration such as 30d"},
      {"channel_bytes: 5 apples\n", "write a size such as 64MiB"},
      {"channel_bytes: 99999999TiB\n", "write a size such as 64MiB"},
      {"kafka_topics: logs\n", "kafka_topics is \"logs\": write a list such as [a, b]"},
      {"kafka_topics: [[a]]\n", "write a list"},
      {"kafka_topics:\n", "kafka_topics is empty: write a list"},
      {"kafka_properties: [a]\n", "write a mapping"},
      {"data_dir: [a]\n", "write one word"},
      {"- a\n", "c.yaml:1: not a mapping"},
      {"? [a]\n: b\n", "a key must be a word"},
      {"data_dir: {x\n", "not YAML"},
      {"a: *nobody\n", "c.yaml:1: not YAML"},
      {std::string("data_dir: \0x\n", 13), "not YAML"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.yaml);
    ServeOptions options;
    absl::Status status = ReadConfig(c.yaml, "c.yaml", options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr(c.want));
    EXPECT_EQ(Describe(options), Describe(ServeOptions())) << "nothing is kept of a refused file";
  }
}

TEST(ConfigTest, AFileThatCannotBeReadIsNamed) {
  ServeOptions options;
  absl::Status status = ReadConfigFile(testing::TempDir() + "/nowhere.yaml", options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("nowhere.yaml"));
}

TEST(ConfigTest, ReadsSizes) {
  EXPECT_EQ(ParseBytes("0"), 0u);
  EXPECT_EQ(ParseBytes("4096"), 4096u);
  EXPECT_EQ(ParseBytes("4096 B"), 4096u);
  EXPECT_EQ(ParseBytes("64MiB"), size_t{64} << 20);
  for (const char* bad : {"", "MiB", "-1", "1.5GiB", "64MB", "64 mib", "18446744073709551616"}) {
    EXPECT_EQ(ParseBytes(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tocsin::cli
