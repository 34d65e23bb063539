// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <csignal>
#include <cstdlib>
#include <exception>

#include "cli/catalogue_path.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/status.h"

namespace tocsin::cli {
namespace {

constexpr const char* kSummary =
    "tocsin listens to the logs and events of a Kubernetes fleet, recognises known failures, ties "
    "cause and symptoms together, and says what is wrong, on which evidence, and what to do.\n"
    "Start with `tocsin scan FILE` on any log, or `tocsin demo` to see all of it at work.";

constexpr const char* kExamples =
    "  tocsin demo                                    see a recorded cluster failure explained\n"
    "  tocsin scan /var/log/messages kubelet.log      what went wrong, according to these files\n"
    "  journalctl -o json -b | tocsin scan -          the same, from the journal\n"
    "  tocsin serve --kafka-brokers kafka:9092        listen to a fleet\n"
    "  tocsin incidents list                          ask the server what is wrong now\n";

// "The following argument was not expected: --foo" and its like, as one sentence that ends in a
// hint.
std::string Sentence(const CLI::ParseError& error) {
  std::string what = error.what();
  while (!what.empty() && (what.back() == '\n' || what.back() == '.')) what.pop_back();
  constexpr std::string_view kUnexpected[] = {"The following argument was not expected: ",
                                              "The following arguments were not expected: "};
  for (std::string_view prefix : kUnexpected) {
    if (what.rfind(prefix, 0) == 0) {
      what = fmt::format("does not take \"{}\"", what.substr(prefix.size()));
    }
  }
  // "--node: 1 required TEXT missing"
  if (size_t at = what.find(": 1 required "); at != std::string::npos) {
    what = what.substr(0, at) + " needs a value behind it";
  }
  return what;
}

// The subcommand that was being read, for "see `tocsin scan --help`".
std::string CommandPath(const CLI::App& app) {
  std::string path = "tocsin";
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return path;
}

void LogToStderr() {
  const char* no_colour = std::getenv("NO_COLOR");
  bool plain = no_colour != nullptr && *no_colour != '\0';
  auto logger = std::make_shared<spdlog::logger>(
      "tocsin", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
                    plain ? spdlog::color_mode::never : spdlog::color_mode::automatic));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::warn);  // serve says more
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

int Run(int argc, char** argv) {
  Program program{argc > 0 ? argv[0] : "tocsin", ExecutableDirectory()};
  Action action;

  CLI::App app{std::string("Finds known failures in logs\n") + kSummary, "tocsin"};
  UseHelpFormatter(app);
  app.set_version_flag("--version", "tocsin " TOCSIN_VERSION);
  app.get_option("--version")->description("Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer(kExamples);
  app.require_subcommand(1);
  AddServe(app, program, action);
  AddDemo(app, program, action);
  AddScan(app, program, action);
  AddMatch(app, program, action);
  AddExplain(app, program, action);
  AddIncidents(app, program, action);
  AddSilences(app, program, action);
  AddNodes(app, program, action);
  AddSignatures(app, program, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    Output out;
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    std::string path = CommandPath(app);
    out.Write(at->get_formatter()->make_help(at, path, CLI::AppFormatMode::Normal));
    return kDone;
  } catch (const CLI::CallForVersion&) {
    Output out;
    out.Line("tocsin " TOCSIN_VERSION);
    return kDone;
  } catch (const CLI::ParseError& error) {
    std::string what = Sentence(error);
    if (what == "A subcommand is required") {
      std::vector<std::string> given = app.remaining(true);
      what = given.empty() ? "a command is missing"
                           : fmt::format("there is no command \"{}\"", Printable(given.front()));
    }
    Complain(fmt::format("{}; see `{} --help`", what, CommandPath(app)));
    return kUsage;
  }
  return action();
}

}  // namespace

int Fail(const absl::Status& status) {
  Complain(Message(status));
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return kUsage;
    default:
      return kInputOutput;
  }
}

int Main(int argc, char** argv) {
  // A closed pipe is an error of one write (Output, gRPC, Kafka), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  LogToStderr();
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    Complain(fmt::format("unexpected error: {}", error.what()));
    return kInputOutput;
  }
}

}  // namespace tocsin::cli
