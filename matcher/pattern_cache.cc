// SPDX-License-Identifier: Apache-2.0
#include "matcher/pattern_cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>

#include "base/hash.h"

namespace tocsin::matcher {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeptOfAKind = 4;  // catalogues somebody goes back and forth between
constexpr size_t kSumBytes = 16;    // the content's own hash stands before it, in hex
constexpr size_t kFileMax_bytes = 1u << 30;

}  // namespace

std::string PatternCache::Path(std::string_view kind, uint64_t key) const {
  return fmt::format("{}/{}-{:016x}", dir_, kind, key);
}

bool PatternCache::Read(std::string_view kind, uint64_t key,
                        const std::function<bool(std::string_view)>& accept) const {
  if (dir_.empty()) return false;
  std::error_code error;
  auto size = fs::file_size(Path(kind, key), error);
  if (error || size < kSumBytes || size > kFileMax_bytes) return false;
  std::string bytes(size, '\0');
  std::ifstream in(Path(kind, key), std::ios::binary);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) return false;
  std::string_view content = std::string_view(bytes).substr(kSumBytes);
  if (bytes.substr(0, kSumBytes) != fmt::format("{:016x}", StableHash(content))) return false;
  return accept(content);
}

void PatternCache::Write(std::string_view kind, uint64_t key, std::string_view content) const {
  if (dir_.empty()) return;
  std::error_code error;
  fs::create_directories(dir_, error);
  // Under a name of its own first: whoever reads sees the whole file or none.
  std::string path = Path(kind, key), draft = fmt::format("{}.{}", path, getpid());
  {
    std::ofstream out(draft, std::ios::binary);
    out << fmt::format("{:016x}", StableHash(content)) << content;
    out.close();
    if (!out) {
      fs::remove(draft, error);
      return;
    }
  }
  fs::rename(draft, path, error);
  if (error) fs::remove(draft, error);
  Prune(kind);
}

void PatternCache::Prune(std::string_view kind) const {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  fs::directory_iterator entries(dir_, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (!entries->path().filename().string().starts_with(fmt::format("{}-", kind))) continue;
    std::error_code gone;  // another process prunes too
    files.emplace_back(entries->last_write_time(gone), entries->path());
  }
  std::sort(files.rbegin(), files.rend());
  for (size_t i = kKeptOfAKind; i < files.size(); ++i) fs::remove(files[i].second, error);
}

PatternCache PatternCache::OfUser() {
  const char* home = std::getenv("XDG_CACHE_HOME");
  if (home != nullptr && home[0] == '/') return PatternCache(std::string(home) + "/tocsin");
  home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return PatternCache(std::string(home) + "/.cache/tocsin");
  return PatternCache();
}

}  // namespace tocsin::matcher
