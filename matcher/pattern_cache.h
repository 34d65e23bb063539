// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tocsin::matcher {

// What was costly to make once and is the same next time: a directory of files, each named by the
// hash of all that its content follows from. Only a cache: what can not be read is made anew, what
// can not be written is left out, nothing is an error, and the directory may be deleted at any
// time. Any number of processes may share it. Copy it freely.
class PatternCache {
 public:
  PatternCache() = default;  // keeps nothing
  // `dir` is made when something is first written. The four newest files of a kind are kept.
  explicit PatternCache(std::string dir) : dir_(std::move(dir)) {}

  // The content kept under (kind, key), if `accept` takes it; false leaves it as good as absent.
  bool Read(std::string_view kind, uint64_t key,
            const std::function<bool(std::string_view)>& accept) const;
  void Write(std::string_view kind, uint64_t key, std::string_view content) const;

  // $XDG_CACHE_HOME/tocsin, else $HOME/.cache/tocsin; keeps nothing where neither is set.
  static PatternCache OfUser();

 private:
  std::string Path(std::string_view kind, uint64_t key) const;
  void Prune(std::string_view kind) const;

  std::string dir_;
};

}  // namespace tocsin::matcher
