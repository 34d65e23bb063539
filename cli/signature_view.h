// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/output.h"

#include "base/signature.h"

namespace tocsin::cli {

// "kernel, syslog", or "all".
std::string StreamsOf(const Signature& signature);

// One page for a person.
void PrintSignature(Output& out, const Signature& signature, const Catalogue& catalogue,
                    const std::string& lang);

}  // namespace tocsin::cli
