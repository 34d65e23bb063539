// SPDX-License-Identifier: Apache-2.0
#include "matcher/capture_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/matcher/testing.h"

namespace tocsin::matcher {
namespace {

using testing::ElementsAre;

struct Row {
  CaptureType type;
  const char* text;
  const char* want;  // "": is none and stays
};

TEST(CaptureValueTest, Table) {
  const Row rows[] = {
      {CaptureType::kBytes, "1.5Gi", "1610612736"},
      {CaptureType::kBytes, "512Ki", "524288"},
      {CaptureType::kBytes, "512k", "512000"},
      {CaptureType::kBytes, "61040Ki", "62504960"},
      {CaptureType::kBytes, "100 MB", "100000000"},
      {CaptureType::kBytes, "100MiB", "104857600"},
      {CaptureType::kBytes, "1048576kB", "1048576000"},
      {CaptureType::kBytes, "4096", "4096"},
      {CaptureType::kBytes, "1,024 bytes", "1024"},
      {CaptureType::kBytes, "129e6", "129000000"},
      {CaptureType::kBytes, "0", "0"},
      {CaptureType::kBytes, "\"1Gi\"", "1073741824"},
      {CaptureType::kBytes, "-1", ""},
      {CaptureType::kBytes, "100m", ""},
      {CaptureType::kBytes, "<unknown>", ""},
      {CaptureType::kBytes, "1.5Gib/s", ""},
      {CaptureType::kBytes, "1e300", ""},
      {CaptureType::kBytes, "9999999Ei", ""},
      {CaptureType::kBytes, "nan", ""},
      {CaptureType::kBytes, "", ""},
      {CaptureType::kBytes, "1.2.3", ""},
      {CaptureType::kCount, "1,234", "1234"},
      {CaptureType::kCount, "+7", "7"},
      {CaptureType::kCount, "-7", "-7"},
      {CaptureType::kCount, "007", "7"},
      {CaptureType::kCount, "1.5", ""},
      {CaptureType::kCount, "seven", ""},
      {CaptureType::kCount, "99999999999999999999", ""},
      {CaptureType::kDuration, "2m3s", "123s"},
      {CaptureType::kDuration, "3m2.5s", "182.5s"},
      {CaptureType::kDuration, "1500ms", "1.5s"},
      {CaptureType::kDuration, "1h", "3600s"},
      {CaptureType::kDuration, "15\xC2\xB5s", "0s"},
      {CaptureType::kDuration, "2d", "172800s"},
      {CaptureType::kDuration, "0s", "0s"},
      {CaptureType::kDuration, "12", ""},
      {CaptureType::kDuration, "2m3", ""},
      {CaptureType::kDuration, "", ""},
      {CaptureType::kDuration, "soon", ""},
      {CaptureType::kImage, "reg.example.com:5000/a/b:1.2@sha256:0a1b",
       "reg.example.com:5000/a/b:1.2"},
      {CaptureType::kImage, "docker-pullable://nginx@sha256:0a1b", "nginx"},
      {CaptureType::kImage, "docker://nginx:1.25", "nginx:1.25"},
      {CaptureType::kImage, "nginx:1.25", "nginx:1.25"},
      {CaptureType::kImage, "sha256:0a1b", ""},
      {CaptureType::kImage, "", ""},
      {CaptureType::kExitCode, "-1", "255"},
      {CaptureType::kExitCode, "393", "137"},
      {CaptureType::kExitCode, "137 ", "137"},
      {CaptureType::kExitCode, "0x89", ""},
      {CaptureType::kText, "1Gi", ""},
  };
  for (const Row& row : rows) {
    std::string out;
    bool is = NormaliseCapture(row.type, row.text, out);
    EXPECT_EQ(is, *row.want != '\0') << row.text;
    EXPECT_EQ(out, row.want) << row.text;
  }
}

TEST(CaptureValueTest, FindingsCarryTheNormalForm) {
  Matcher matcher(R"(
- id: pull
  entity: image
  match: ['pulled (?<image>\S+) of (?<size>\S+) in (?<took>\S+)']
  captures: {size: bytes, took: duration, image: image}
)");
  EXPECT_THAT(matcher.Tag("pulled docker://a/b:1@sha256:0f of 1.5Gi in 2m3s"),
              ElementsAre("pull image/a/b:1 image=a/b:1 size=1610612736 took=123s"));
  EXPECT_THAT(matcher.Tag("pulled a/b of unknown in never"),
              ElementsAre("pull image/a/b image=a/b size=unknown took=never"));
}

}  // namespace
}  // namespace tocsin::matcher
