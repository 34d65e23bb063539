// SPDX-License-Identifier: Apache-2.0
#include "matcher/exit_code.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/core.h>

namespace tocsin::matcher {
namespace {

// What stands before a code: kubectl describe; YAML, JSON (escaped too), Go structs, klog and
// docker; "exit status 1", "exited with code 1", "exit code: 1"; docker ps; libc; containerd's and
// dockerd's.
constexpr std::string_view kBefore =
    R"((?:\bExit Code:\s+|[eE]xitCode\\*"?\s?[:=]\s*\\*"?|\b[Ee]xit(?:ed with)?(?: non-zero)? (?:exit )?(?:status|code)[:=]? ?|\bExited \(|\bexit\(|\b(?:exit_status|exitStatus|ExitStatus)[:=] ?\{?))";
constexpr std::string_view kReasonKey = R"([rR]eason\\*"?[:=]\s*\\*"?)";

// The decimal numbers lo..hi (0 <= lo <= hi <= 999) as a regular expression.
std::string Range(int lo, int hi) {
  if (lo == hi) return std::to_string(lo);
  for (int limit : {10, 100}) {  // numbers of one length at a time
    if (lo < limit && hi >= limit) return Range(lo, limit - 1) + "|" + Range(limit, hi);
  }
  int scale = hi >= 100 ? 100 : hi >= 10 ? 10 : 1;
  if (scale == 1) return fmt::format("[{}-{}]", lo, hi);
  std::string parts;
  for (int digit = lo / scale; digit <= hi / scale; ++digit) {
    int from = std::max(lo, digit * scale) % scale,
        to = std::min(hi, digit * scale + scale - 1) % scale;
    if (!parts.empty()) parts += '|';
    if (from == 0 && to == scale - 1) {
      int last = digit;  // whole decades together
      while ((last + 2) * scale - 1 <= hi) ++last;
      parts += last > digit ? fmt::format("[{}-{}]", digit, last) : std::to_string(digit);
      for (int s = scale; s > 1; s /= 10) parts += "[0-9]";
      digit = last;
    } else {
      // The rest keeps its leading zeros.
      std::string inner;
      if (scale == 100) {
        for (int tens = from / 10; tens <= to / 10; ++tens) {
          int a = tens == from / 10 ? from % 10 : 0, b = tens == to / 10 ? to % 10 : 9;
          if (!inner.empty()) inner += '|';
          inner += a == b ? fmt::format("{}{}", tens, a) : fmt::format("{}[{}-{}]", tens, a, b);
        }
      } else {
        inner = from == to ? std::to_string(from) : fmt::format("[{}-{}]", from, to);
      }
      parts += fmt::format("{}(?:{})", digit, inner);
    }
  }
  return parts;
}

// Every number that is one of these codes modulo 256, from -256 to 511.
std::string CodeAlternatives(const std::bitset<kExitCodes>& codes) {
  std::string positive, negative;
  auto add = [](std::string& to, int lo, int hi) {
    if (!to.empty()) to += '|';
    to += Range(lo, hi);
  };
  for (int lo = 0; lo < kExitCodes; ++lo) {
    if (!codes[static_cast<size_t>(lo)]) continue;
    int hi = lo;
    while (hi + 1 < kExitCodes && codes[static_cast<size_t>(hi) + 1]) ++hi;
    add(positive, lo, hi);
    add(positive, lo + kExitCodes, hi + kExitCodes);
    add(negative, kExitCodes - hi, kExitCodes - lo);
    lo = hi;
  }
  return fmt::format("(?<exit_code>{}|-(?:{}))", positive, negative);
}

// A word of several capitals (OOMKilled) is nothing else wherever it stands; "Error" is.
bool IsTelling(const std::string& reason) {
  return std::count_if(reason.begin(), reason.end(),
                       [](unsigned char c) { return std::isupper(c); }) >= 2;
}

std::string Alternatives(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : "|") + word;
  return out;
}

std::vector<std::string> WithReason(const std::string& code,
                                    const std::vector<std::string>& reasons) {
  std::vector<std::string> patterns;
  std::string before(kBefore), key(kReasonKey);
  std::string reason = fmt::format("(?<exit_reason>{})\\b", Alternatives(reasons));
  // kubectl describe, then YAML, both over several lines and no further than the next container.
  patterns.push_back(
      fmt::format(R"(\bReason:\s+{}\s+(?:Message:\s[^\n]*\s+)?Exit Code:\s+{}\b)", reason, code));
  patterns.push_back(fmt::format(
      R"(\bexitCode: {}(?:\s+(?:finishedAt|message|signal): [^\n]*)*\s+reason: {})", code, reason));
  // JSON, over several lines too, and no further than its object.
  patterns.push_back(
      fmt::format(R"(\\*"exitCode\\*":\s*{},[^{{}}]*?\\*"reason\\*":\s*\\*"{})", code, reason));
  patterns.push_back(
      fmt::format(R"(\\*"reason\\*":\s*\\*"{}[^{{}}]*?\\*"exitCode\\*":\s*{}\b)", reason, code));
  // Anything in one line.
  patterns.push_back(fmt::format(R"({}{}\b[^\n{{}}]*?{}{})", before, code, key, reason));
  patterns.push_back(fmt::format(R"({}{}[^\n{{}}]*?{}{}\b)", key, reason, before, code));
  std::vector<std::string> telling;
  std::copy_if(reasons.begin(), reasons.end(), std::back_inserter(telling), IsTelling);
  if (!telling.empty()) {
    reason = fmt::format("\\b(?<exit_reason>{})\\b", Alternatives(telling));
    patterns.push_back(fmt::format(R"({}{}\b[^\n{{}}]*?{})", before, code, reason));
    patterns.push_back(fmt::format(R"({}[^\n{{}}]*?{}{}\b)", reason, before, code));
  }
  return patterns;
}

constexpr std::array<std::string_view, 32> kSignals = {
    "",          "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};

}  // namespace

std::vector<std::string> ExitCodePatterns(const ExitCodeRule& rule) {
  std::string code = CodeAlternatives(rule.codes);
  if (!rule.reasons.empty()) return WithReason(code, rule.reasons);
  return {fmt::format(R"({}{}\b)", kBefore, code)};
}

std::vector<std::string> ExitCodeExclusions(const ExitCodeRule& rule) {
  if (rule.not_reasons.empty()) return {};
  return WithReason(CodeAlternatives(rule.codes), rule.not_reasons);
}

int ReducedExitCode(int64_t printed) {
  return static_cast<int>(((printed % kExitCodes) + kExitCodes) % kExitCodes);
}

std::string_view SignalOfExitCode(int code) {
  return code > 128 && code < 160 ? kSignals[static_cast<size_t>(code - 128)] : std::string_view();
}

Text ExitCodeNote(const ExitCodeRule& rule) {
  if (rule.codes.count() != 1) return {};
  int code = 0;
  while (!rule.codes[static_cast<size_t>(code)]) ++code;
  if (std::string_view signal = SignalOfExitCode(code); !signal.empty()) {
    return {
        {"en", fmt::format("Exit code {} is 128 + {}: ended by {}.", code, code - 128, signal)},
        {"zh", fmt::format("退出码 {} 即 128 + {}：被信号 {} 终止。", code, code - 128, signal)}};
  }
  if (code == 255) {
    return {
        {"en",
         "Exit code 255 is what exit(-1) leaves (codes are taken modulo 256); it is no signal."},
        {"zh", "退出码按 256 取模，255 即 exit(-1) 的结果，并非信号。"}};
  }
  return {};
}

}  // namespace tocsin::matcher
