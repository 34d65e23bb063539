// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tocsin::api {

// Where a server is told to listen.
struct Listen {
  std::string host;  // without brackets; 127.0.0.1 for localhost; empty for a unix socket
  int port = 0;      // 0 to 65535; 0: any free one
  bool loopback = false;
};

// Reads "host:port", "[::1]:port" or "unix:/path". INVALID_ARGUMENT: none of these.
// FAILED_PRECONDITION: other machines can reach it, and `insecure` does not allow plaintext there.
absl::StatusOr<Listen> ParseListen(const std::string& text, bool insecure);

// UNAVAILABLE: the address is right but cannot be had.
absl::Status CannotListen(const std::string& text);

// "host:port", with brackets where the host has colons. Not for a unix socket.
std::string AddressAt(const Listen& listen, int port);

}  // namespace tocsin::api
