// SPDX-License-Identifier: Apache-2.0
#include "matcher/redact.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include <re2/re2.h>

#include "base/status.h"
#include "matcher/re2_options.h"

// Each rule is a pattern with a group `secret`; a predicate may spare what only looks like one,
// which RE2 can not say without lookahead.
namespace tocsin::matcher {
namespace {

constexpr std::string_view kMark = "[REDACTED]";

bool HasDigit(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c); });
}
bool IsWord(std::string_view s) {
  return std::all_of(s.begin(), s.end(),
                     [](unsigned char c) { return std::isalpha(c) || c == '-'; });
}

bool Always(std::string_view, std::string_view) { return true; }

// "Authorization: Basic dXNlcjpwYXNz" and "Authorization: d0xNlc" but not "authorization:
// required".
bool IsHeaderValue(std::string_view context, std::string_view secret) {
  size_t last = context.find_last_not_of(" \t");
  bool scheme = last != std::string_view::npos && last + 1 < context.size() &&
                std::isalnum(static_cast<unsigned char>(context[last]));
  return scheme || HasDigit(secret) || !IsWord(secret);
}

// "Bearer authentication failed" has no token in it.
bool LooksRandom(std::string_view, std::string_view secret) {
  return HasDigit(secret) || !IsWord(secret);
}

// `key` is all of "password=", "token: "... up to the secret.
bool IsKeyedSecret(std::string_view key, std::string_view secret) {
  // Placeholders, paths (sudo prints PWD=/root) and Go's way of printing nothing.
  if (secret.front() == '/' || secret.front() == '<' || secret.front() == '[' ||
      secret.front() == '*' || secret == "nil" || secret == "null" || secret == "true" ||
      secret == "false") {
    return false;
  }
  // "invalid token: expired" is prose; "token=..." and "password: ..." are not.
  bool prose_key =
      key.find(": ") != std::string_view::npos && key.find('"') == std::string_view::npos &&
      key.find("ass") == std::string_view::npos && key.find("PASS") == std::string_view::npos;
  return !prose_key || !IsWord(secret);
}

// systemd's "getty@tty1.service" is no address.
bool IsMailAddress(std::string_view, std::string_view secret) {
  constexpr std::array<std::string_view, 11> kUnits = {"service", "socket", "mount", "automount",
                                                       "timer",   "slice",  "scope", "device",
                                                       "path",    "target", "swap"};
  std::string_view last = secret.substr(secret.rfind('.') + 1);
  return std::find(kUnits.begin(), kUnits.end(), last) == kUnits.end();
}

struct Rule {
  const char* pattern;  // group 1: the context before it, group 2: the secret
  bool (*is_secret)(std::string_view context, std::string_view secret);
};

constexpr Rule kRules[] = {
    {R"~(()(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)))~",
     Always},
    {R"~((?i)(\b(?:set-)?cookie"?\s*[:=]\s*"?)([^\r\n"]+))~", Always},
    {R"~((?i)(\b(?:proxy-)?authorization"?\s*[:=]\s*\[?\\?"?)~"
     R"~((?:(?:bearer|basic|digest|token|negotiate|aws4-hmac-sha256)\s+)?)([^\s"'\\\]]+))~",
     IsHeaderValue},
    {R"~((?i)(\b(?:x-auth-token|x-subject-token|x-api-key|x-vault-token)"?\s*[:=]\s*\[?\\?"?))~"
     R"~(([^\s"'\\\]]+))~",
     Always},
    {R"~((?i)(\b(?:bearer|basic)\s+)([a-z0-9._~+/=-]{16,}))~", LooksRandom},
    {R"~(()(\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?))~", Always},
    {R"~(([a-zA-Z][a-zA-Z0-9+.-]*://)([^\s/@"'<>]+)@)~", Always},
    {R"~((?i)(--(?:[a-z0-9]+-)*(?:password|passwd|token|secret|api-key|access-key|secret-key))~"
     R"~([ =]["']?)([^\s"',;&]+))~",
     IsKeyedSecret},
    {R"~((?i)([a-z0-9_.-]*(?:password|passwd|passphrase|pwd|secret|token|api[-_]?key|)~"
     R"~(access[-_]?key(?:[-_]?id)?|secret[-_]?key|private[-_]?key|credential|)~"
     R"~(x-amz-signature|\bsignature|\bsig)\\?["']?(?:=|:\s?|\s=\s)\\?["']?)([^\s"'\\,;&)}\]]+))~",
     IsKeyedSecret},
    {R"~(()(\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b))~", Always},
    {R"~(()(\b(?:gh[pousr]_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,})))~",
     Always},
    {R"~(()(\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b))~", IsMailAddress},
};

// One word of this stands in every text that a rule could change; most lines have none.
constexpr const char* kTriggers =
    "(?i)cookie|auth|token|bearer|basic|pass|pwd|secret|key|credential|sig|eyj|[:]//|@|A[KSI][IR]A|"
    "AROA|AIDA|gh[pousr]_|glpat-|xox[abprs]-|private";

// An earlier rule, or an earlier redaction of the same text, was here.
bool IsMark(std::string_view context, std::string_view secret) {
  if (!context.empty() && context.back() == '[' && secret == "REDACTED") return true;
  return secret.find("[REDACTED") != std::string_view::npos;
}

}  // namespace

struct Redactor::Rules {
  RE2 triggers{kTriggers, Re2Options()};
  std::vector<std::unique_ptr<RE2>> patterns;
};

Redactor::Redactor()
    : rules_([] {
        auto rules = std::make_unique<Rules>();
        TOCSIN_CHECK(rules->triggers.ok());
        for (const Rule& rule : kRules) {
          rules->patterns.push_back(std::make_unique<RE2>(rule.pattern, Re2Options()));
          TOCSIN_CHECK(rules->patterns.back()->ok());
        }
        return rules;
      }()) {}

Redactor::~Redactor() = default;

std::string Redactor::Redact(std::string_view text) const {
  std::string current(text), next;
  if (!RE2::PartialMatch(current, rules_->triggers)) return current;
  for (size_t i = 0; i < rules_->patterns.size(); ++i) {
    size_t from = 0, copied = 0;
    next.clear();
    std::array<re2::StringPiece, 3> groups;
    while (from < current.size() &&
           rules_->patterns[i]->Match(current, from, current.size(), RE2::UNANCHORED, groups.data(),
                                      static_cast<int>(groups.size()))) {
      std::string_view context(groups[1].data(), groups[1].size());
      std::string_view secret(groups[2].data(), groups[2].size());
      size_t begin = static_cast<size_t>(secret.data() - current.data());
      from = std::max(begin + secret.size(), from + 1);
      if (IsMark(context, secret) || !kRules[i].is_secret(context, secret)) continue;
      next.append(current, copied, begin - copied).append(kMark);
      copied = begin + secret.size();
    }
    if (copied == 0) continue;
    next.append(current, copied);
    current.swap(next);
  }
  return current;
}

}  // namespace tocsin::matcher
