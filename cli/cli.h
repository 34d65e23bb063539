// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tocsin::cli {

// The whole program: reads the command line, runs the subcommand, returns the exit code (output.h).
// Prepares the process for it: SIGPIPE is ignored, logging goes to stderr. Call once.
int Main(int argc, char** argv);

}  // namespace tocsin::cli
