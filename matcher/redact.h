// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tocsin::matcher {

// Takes secrets out of text that is kept as evidence: authorisation headers and cookies, bearer
// tokens, JSON web tokens, values of keys such as password and token, credentials and signatures in
// URLs, cloud access keys, private keys, e-mail addresses. Each becomes "[REDACTED]". Digests,
// uids, image and unit names stay. Best effort: a secret that looks like a word and stands beside
// no telling name is not recognised. Immutable; share freely between threads. Microseconds per
// line: for hits only.
class Redactor {
 public:
  Redactor();
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  std::string Redact(std::string_view text) const;

 private:
  struct Rules;
  const std::unique_ptr<const Rules> rules_;
};

}  // namespace tocsin::matcher
