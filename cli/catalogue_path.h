// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace tocsin::cli {

// Where the catalogue stands. First that applies:
//   `option`                              --signatures DIR, or signatures_dir of the configuration
//   `environment`                         TOCSIN_SIGNATURES
//   <executable>/../../signatures         the source tree that the program was built in
//   <executable>/../share/tocsin/signatures   where it is installed
// The last two must exist; the first two are taken at their word, so that a typing error is an
// error and not another catalogue. kNotFound says in one sentence what to do.
absl::StatusOr<std::string> CataloguePath(const std::string& option, const char* environment,
                                          const std::string& executable_directory);

// The directory of this process's executable; empty if the system does not say.
std::string ExecutableDirectory();

}  // namespace tocsin::cli
