// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "base/record.h"
#include "base/time.h"

namespace tocsin::ingest {

// Bytes that could not be decoded, with the reason and where they came from.
struct DeadLetter {
  Time time = kNoTime;  // when it was met
  // Why: a fixed word or two ("not JSON"), never text from the input: it is a metric's label.
  std::string_view reason;
  Address address;
  // As received, or as far as the caller may keep them: redaction happens before, not here.
  std::string_view bytes;
};

struct DeadLetterCounts {
  std::map<std::string, uint64_t, std::less<>> by_reason;  // every Append, written or not
  uint64_t write_errors = 0;                               // not written: disk full, directory gone
  uint64_t rotated_away = 0;  // written, then deleted with the oldest file
  uint64_t truncated = 0;     // written with fewer bytes than came
  std::string last_error;     // of a write, for the log
};

// Keeps dead letters in DIR/NNNNNN.ndjson, one JSON object a line:
//   {"time":"...","reason":"...","source":{"topic":"logs","partition":3,"offset":17,"index":0},
//    "size":9,"bytes":"<base64>"}
// or "source":{"file":"...","line":17}. Two files at most, each half the capacity: when the newer
// is full, the older goes, and what it held is counted. Append costs one write(2), no sync: a power
// cut may lose the last ones. Thread-safe.
class DeadLetterFile {
 public:
  struct Options {
    std::string dir;                           // created if missing
    size_t capacity_bytes = size_t{64} << 20;  // of both files together, at least 4 KiB
    size_t bytes_max = size_t{64} << 10;       // of one letter (at most capacity / 8); the rest is
                                               // cut off, `size` tells
  };

  // Goes on in the newest file that is there; reads both once, to count. kInvalidArgument: options.
  // kUnavailable: the directory cannot be made or read.
  static absl::StatusOr<std::unique_ptr<DeadLetterFile>> Open(Options options);
  ~DeadLetterFile();

  // Never fails: what cannot be written is counted. Tries again with each letter.
  void Append(const DeadLetter& letter);

  // Reasons beyond the 64th different one are counted as "other".
  DeadLetterCounts counts() const;

 private:
  struct Impl;
  explicit DeadLetterFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
