// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "base/time.h"

namespace tocsin::cli {

// One message as Fluent Bit's Kafka output would have written it.
struct DemoRecord {
  Time time = kNoTime;
  std::string json;
};

// The two files of deploy/demo, compiled in.
std::string_view DemoStory();
std::string_view DemoNoise();

struct DemoOptions {
  Time end = kNoTime;  // when the story ends; everything is told relative to it
  Duration length = std::chrono::minutes(12);
  size_t noise_lines = 6000;
  uint64_t seed = 1;
};

// The story amid the noise, in order of time: the same for the same arguments, but for the shift in
// time. kInvalidArgument names the file and line that cannot be read.
absl::StatusOr<std::vector<DemoRecord>> RenderDemo(std::string_view story, std::string_view noise,
                                                   const DemoOptions& options);

}  // namespace tocsin::cli
