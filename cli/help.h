// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tocsin::cli {

// Help of `app` and all below it: at most 100 columns, a paragraph of purpose, options, examples.
void UseHelpFormatter(CLI::App& app);

// A subcommand with its one-line summary (shown in the parent's list), its purpose (one paragraph)
// and examples (lines, printed as they are).
CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& summary,
                     const std::string& purpose, const std::string& examples);

}  // namespace tocsin::cli
