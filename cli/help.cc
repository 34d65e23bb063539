// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <memory>

#include "cli/text.h"
#include <CLI/CLI.hpp>

namespace tocsin::cli {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kTextColumn = 28;

// A command's description holds its summary in the first line and its purpose behind it, so that
// one string serves the parent's list and the command's own page.
std::string SummaryOf(const CLI::App* app) {
  std::string text = app->get_description();
  return text.substr(0, text.find('\n'));
}
std::string PurposeOf(const CLI::App* app) {
  std::string text = app->get_description();
  size_t newline = text.find('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

// "  left        text, wrapped under itself"
std::string Entry(const std::string& left, const std::string& text) {
  std::string out = "  " + left;
  std::string indent(kTextColumn, ' ');
  if (out.size() + 2 > kTextColumn) {
    out += "\n" + indent;
  } else {
    out.resize(kTextColumn, ' ');
  }
  bool first = true;
  for (const std::string& line : Wrap(text, kColumns - kTextColumn)) {
    out += (first ? "" : indent) + line + "\n";
    first = false;
  }
  return out;
}

class Formatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string out;
    for (const std::string& line : Wrap(PurposeOf(app), kColumns)) out += line + "\n";
    out += "\n" + make_usage(app, std::move(name));
    out += make_positionals(app);
    out += make_subcommands(app, mode);
    out += make_groups(app, mode);
    if (!app->get_footer().empty()) out += "\nExamples:\n" + app->get_footer();
    return out;
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string out = "Usage: " + name;
    if (!app->get_subcommands([](const CLI::App*) { return true; }).empty())
      return out + " COMMAND ...\n";
    out += " [OPTIONS]";
    for (const CLI::Option* option :
         app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
      out += " " + option->get_option_text();
    }
    return out + "\n";
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left =
        is_positional
            ? option->get_option_text()
            : option->get_name(false, true) +
                  (option->get_option_text().empty() ? "" : " " + option->get_option_text());
    for (size_t at = 0; (at = left.find(",-", at)) != std::string::npos;) left.insert(at + 1, " ");
    return Entry(left, option->get_description());
  }
  std::string make_subcommand(const CLI::App* app) const override {
    return Entry(app->get_name(), SummaryOf(app));
  }
};

}  // namespace

void UseHelpFormatter(CLI::App& app) {
  auto formatter = std::make_shared<Formatter>();
  formatter->label("Positionals", "Arguments");
  app.formatter(formatter);
}

CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& summary,
                     const std::string& purpose, const std::string& examples) {
  CLI::App* command = parent.add_subcommand(name, summary + "\n" + purpose);
  command->footer(examples);
  command->group("Commands");
  return command;
}

}  // namespace tocsin::cli
