// SPDX-License-Identifier: Apache-2.0
#include "api/listen.h"

#include <charconv>

#include "api/error.h"
#include "base/status.h"

namespace tocsin::api {

absl::StatusOr<Listen> ParseListen(const std::string& text, bool insecure) {
  if (text.starts_with("unix:") && text.size() > 5) return Listen{"", 0, true};
  size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end) port = -1;
  }
  std::string host = text.substr(0, colon);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (port < 0 || port > 65535 || host.empty() ||
      (!bracketed && host.find_first_of(":[]/ ") != std::string::npos)) {
    return WithReason(
        InvalidArgument("cannot listen on {}: write HOST:PORT, such as 127.0.0.1:7700 or "
                        "[::1]:7700",
                        Quoted(text)),
        "INVALID_ADDRESS");
  }
  if (host == "localhost") host = "127.0.0.1";  // RFC 6761, also where there is no /etc/hosts
  bool loopback = host == "::1";
  if (!bracketed && host.starts_with("127.")) {
    loopback = host.find_first_not_of("0123456789.") == std::string::npos;
  }
  if (!loopback && !insecure) {
    return WithReason(
        FailedPrecondition(
            "refusing to serve plaintext on {}, which other machines can reach: listen on "
            "127.0.0.1, or pass --insecure if the network is trusted",
            Quoted(text)),
        "PLAINTEXT_OFF_LOOPBACK");
  }
  return Listen{host, port, loopback};
}

absl::Status CannotListen(const std::string& text) {
  return WithReason(
      Unavailable("cannot listen on {}: the address is in use or not this machine's", Quoted(text)),
      "CANNOT_LISTEN");
}

std::string AddressAt(const Listen& listen, int port) {
  if (listen.host.find(':') == std::string::npos) return fmt::format("{}:{}", listen.host, port);
  return fmt::format("[{}]:{}", listen.host, port);
}

}  // namespace tocsin::api
