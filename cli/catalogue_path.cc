// SPDX-License-Identifier: Apache-2.0
#include "cli/catalogue_path.h"

#include <filesystem>
#include <system_error>

#include "base/status.h"

namespace tocsin::cli {

namespace fs = std::filesystem;

absl::StatusOr<std::string> CataloguePath(const std::string& option, const char* environment,
                                          const std::string& executable_directory) {
  if (!option.empty()) return option;
  if (environment != nullptr && *environment != '\0') return std::string(environment);
  if (!executable_directory.empty()) {
    for (const char* relative : {"../../signatures", "../share/tocsin/signatures"}) {
      std::error_code error;
      fs::path path = fs::weakly_canonical(fs::path(executable_directory) / relative, error);
      if (!error && fs::is_directory(path, error)) return path.string();
    }
  }
  return NotFound(
      "no catalogue of signatures was found beside the program: name one with --signatures DIR or "
      "TOCSIN_SIGNATURES=DIR");
}

std::string ExecutableDirectory() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  return error ? "" : path.parent_path().string();
}

}  // namespace tocsin::cli
