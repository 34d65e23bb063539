// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "matcher/import.h"

// Internal to matcher: what every importer does.
namespace tocsin::matcher {

// A signature on its way to YAML.
struct Draft {
  std::string id;
  std::string title, cause, remedy;  // English; empty: left out
  std::vector<std::string> streams;  // empty: every one
  std::string severity = "warning";
  std::string entity = "node";
  bool state = false;
  std::vector<std::string> match;     // empty where `sequence` is not
  std::vector<std::string> sequence;  // ids, within `within`
  std::string near;                   // an id that must be found within `near_within` on the node
  Duration near_within{};
  int64_t count = 1;
  Duration within = std::chrono::minutes(1);
  std::vector<std::string> references;
  std::vector<std::string> examples;
  std::string origin;  // a comment: file and rule
};

// A list of signatures, below a comment that says where they come from.
std::string ToYaml(const std::string& heading, const std::vector<Draft>& drafts);

// "OOM Killing/2" -> "oom-killing-2", "FilesystemIsReadOnly" -> "filesystem-is-read-only"; never
// empty, at most 80 bytes.
std::string IdFrom(std::string_view text);

// A pattern of Go's regexp as one of ours with the same meaning, on a record of any number of
// lines: `.` stays on its line, and what may follow or precede the rest is left out.
//   kInvalidArgument  what our language does not have, in one sentence
absl::StatusOr<std::string> PatternFromGo(std::string_view go);
// A text to be found as it is.
std::string PatternFromText(std::string_view text);

// How much of what the pattern needs is literal: the longest literal of its weakest alternative.
size_t Telling(std::string_view pattern);

// Files below `path` whose name ends in `extension`, sorted; `path` itself if it is a file.
absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& path,
                                                    const std::string& extension);
absl::StatusOr<std::string> ReadWhole(const std::string& path);

}  // namespace tocsin::matcher
