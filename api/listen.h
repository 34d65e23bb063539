// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tocsin::api {

// Where a server is told to listen.
struct Listen {
  std::string host;  // without brackets; empty for a unix socket
  std::string port;  // 0 to 65535; "0": any free one
  bool loopback = false;
};

// Reads "host:port", "[::1]:port" or "unix:/path". INVALID_ARGUMENT: none of these.
// FAILED_PRECONDITION: other machines can reach it, and `insecure` does not allow plaintext there.
absl::StatusOr<Listen> ParseListen(const std::string& text, bool insecure);

// UNAVAILABLE: the address is right but cannot be had.
absl::Status CannotListen(const std::string& text);

// `text` with the port that was really taken.
std::string WithPort(const std::string& text, int port);

}  // namespace tocsin::api
