// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "pipeline/service.h"

namespace tocsin::cli {

// The configuration of `tocsin serve`: YAML, one flat mapping, each key the name of a flag with
// underscores (deploy/config.example.yaml shows all of them). Strict: an unknown key, a key that
// stands twice, or a value of the wrong kind refuses the whole file.
//
// Overwrites in `options` what the file names and leaves the rest. kInvalidArgument is one
// sentence, "FILE:LINE: what is wrong: what to write"; `options` is then untouched. A file that
// cannot be read is the same kind of error.
absl::Status ReadConfigFile(const std::string& path, pipeline::ServeOptions& options);
// The same on text; `name` stands in errors.
absl::Status ReadConfig(std::string_view yaml, const std::string& name,
                        pipeline::ServeOptions& options);

// "64MiB", "1 GiB", "4096": bytes. nullopt for anything else.
std::optional<size_t> ParseBytes(std::string_view text);

}  // namespace tocsin::cli
