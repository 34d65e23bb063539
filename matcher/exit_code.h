// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"

// Exit codes: how they are printed, and what they say. A code is what is left of a number modulo
// 256, so exit(-1) is 255 and exit(256) is 0, a failure that looks like success. From 129 on it is
// probably 128 plus the signal that ended the process; 255 is what exit(-1) leaves and no signal.
namespace tocsin::matcher {

inline constexpr int kExitCodes = 256;

// The `exit_code` field of a signature.
struct ExitCodeRule {
  std::bitset<kExitCodes> codes;
  std::vector<std::string> reasons;      // not empty: one of these stands beside the code
  std::vector<std::string> not_reasons;  // none of these does
};

// What `match` and `unless` would have to hold: every way in which kubectl, kubelet (klog, PLEG,
// structs), the API's JSON and YAML, docker and containerd print a code, and the reason before or
// after it. Captures `exit_code` and, where reasons are asked for, `exit_reason`.
std::vector<std::string> ExitCodePatterns(const ExitCodeRule& rule);
std::vector<std::string> ExitCodeExclusions(const ExitCodeRule& rule);

// 0 to 255.
int ReducedExitCode(int64_t printed);
// "SIGKILL" for 137; "" for what is no signal's, 255 among them.
std::string_view SignalOfExitCode(int code);

// What the code of a rule with a single one means, to stand behind the signature's cause; empty
// where it says nothing beyond "the program decided so".
Text ExitCodeNote(const ExitCodeRule& rule);

}  // namespace tocsin::matcher
