// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/signature.h"

namespace tocsin::matcher {

// The value of a typed capture in the form in which values can be compared, whoever printed them:
//   bytes      "1.5Gi", "512 MB", "4096"  -> bytes: "1610612736". Ki, Mi are 1024, k, M, MB are
//   1000 count      "1,234", "+7", "1e3"       -> "1234", "7", "1000" duration   "2m3s", "1500ms",
//   "1h"     -> seconds: "123s", "1.5s", "3600s" image      "docker-pullable://reg/a:1@sha256:.."
//   -> "reg/a:1" exit_code  "-1", "393"                -> "255", "137"
// Returns false, leaving `out` alone, where the text is none: the capture then stays as it is.
bool NormaliseCapture(CaptureType type, std::string_view text, std::string& out);

}  // namespace tocsin::matcher
