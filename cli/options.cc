// SPDX-License-Identifier: Apache-2.0
// The options that several subcommands share.
#include "cli/command.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

namespace tocsin::cli {
namespace {

// Declares `names` taking one word; `accept` returns false for a word that is not one of `choices`.
template <typename Accept>
void AddChoice(CLI::App& command, const std::string& names, const std::string& text,
               const std::string& description, const std::string& choices, Accept accept) {
  // Flags of one name and error in one sentence: CLI11 puts the option's name before what we throw.
  command
      .add_option_function<std::string>(
          names,
          [names, choices, accept](const std::string& word) {
            if (!accept(word)) {
              throw CLI::ValidationError(
                  fmt::format("{} \"{}\"", names.substr(names.find("--")), word),
                  fmt::format("write one of {}", choices));
            }
          },
          description)
      ->option_text(text)
      ->take_last();
}

}  // namespace

void AddOutput(CLI::App& command, Format& format) {
  AddChoice(command, "-o,--output", "FORMAT", "table (default), or json: one JSON object per line",
            "table, json", [&format](const std::string& word) {
              if (word == "table")
                format = Format::kTable;
              else if (word == "json")
                format = Format::kJson;
              else
                return false;
              return true;
            });
}

void AddLanguage(CLI::App& command, std::string& lang) {
  AddChoice(command, "--lang", "LANG",
            "Language of titles, causes and remedies: en (default) or zh", "en, zh",
            [&lang](const std::string& word) {
              if (word != "en" && word != "zh") return false;
              lang = word;
              return true;
            });
}

void AddSignaturesDir(CLI::App& command, std::string& dir) {
  command
      .add_option("--signatures", dir,
                  "Directory of the catalogue. Default: $TOCSIN_SIGNATURES, then the one that came "
                  "with the program")
      ->option_text("DIR")
      ->take_last();
}

void AddOverrides(CLI::App& command, std::string& file) {
  command
      .add_option("--overrides", file,
                  "YAML with this site's own severities and thresholds, and with what is off, by "
                  "signature, cluster and namespace")
      ->option_text("FILE")
      ->take_last();
}

void AddDecoding(CLI::App& command, ingest::DecodeOptions& decode) {
  std::string formats;
  for (int i = 0; i < ingest::kFormatCount; ++i) {
    if (i > 0) formats += ", ";
    formats += ingest::FormatName(static_cast<ingest::Format>(i));
  }
  AddChoice(
      command, "--input", "FORMAT",
      fmt::format("What the lines are: {}. auto (default) decides line by line; event is what "
                  "kubectl get events and kubectl describe print",
                  formats),
      formats, [&decode](const std::string& word) {
        std::optional<ingest::Format> format = ingest::FormatFromName(word);
        if (format) decode.format = *format;
        return format.has_value();
      });
  command.add_option("--cluster", decode.cluster, "Cluster of the records that name none")
      ->option_text("CLUSTER")
      ->take_last();
  command.add_option("--node", decode.node, "Node of the records that name none")
      ->option_text("NODE")
      ->take_last();
}

void AddFailOn(CLI::App& command, std::optional<Severity>& fail_on) {
  AddChoice(command, "--fail-on", "SEVERITY",
            "Exit with 1 if something at least this bad was found: info, warning, error, critical",
            "info, warning, error, critical", [&fail_on](const std::string& word) {
              fail_on = SeverityFromName(word);
              return fail_on.has_value();
            });
}

void AddServer(CLI::App& command, std::string& server) {
  server = "127.0.0.1:7700";
  command
      .add_option("--server", server,
                  "Address of the server. Default: $TOCSIN_SERVER, then 127.0.0.1:7700")
      ->option_text("HOST:PORT")
      ->envname("TOCSIN_SERVER")
      ->take_last();
}

}  // namespace tocsin::cli
