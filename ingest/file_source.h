// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "ingest/decoder.h"

namespace tocsin::ingest {

struct FileOptions {
  // Longer lines are reported as kTooLarge with their first KiB; the next line is intact.
  size_t max_line_bytes = size_t{1} << 20;
  // How much is read at once. Memory is this plus max_line_bytes.
  size_t block_bytes = size_t{256} << 10;
};

struct FileProgress {
  int64_t bytes = 0;
  int64_t size_bytes = -1;  // of the file; -1 where there is no telling (standard input, a pipe)
  int64_t lines = 0;        // blank and overlong ones included
  int64_t blank_lines = 0;  // neither records nor bad
  int64_t long_lines = 0;
};

// Called after each block; false stops reading.
using OnProgress = std::function<bool(const FileProgress&)>;

// Feeds each line of `path` ("-" is standard input) to `decoder`, without its "\n" or "\r\n", with
// the line's number from 1 as address.offset. A last line without "\n" counts.
// NotFound, PermissionDenied, InvalidArgument for a directory, Unavailable if reading fails
// half-way (what was read has been handed on).
absl::StatusOr<FileProgress> ReadFile(const std::string& path, const FileOptions& options,
                                      Decoder& decoder, Sink& sink,
                                      const OnProgress& on_progress = nullptr);

}  // namespace tocsin::ingest
