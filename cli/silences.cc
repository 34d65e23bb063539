// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <memory>
#include <optional>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"
#include "base/time.h"

namespace tocsin::cli {
namespace {

struct Options {
  std::string server;
  Format format = Format::kTable;
  bool all = false;
  std::string filter;
  std::string duration;
  std::string who = DefaultWho();
  std::string note;
  std::string name;
};

std::string IdOf(const v1::Silence& silence) {
  return silence.name().substr(silence.name().rfind('/') + 1);
}

const char* StateWord(const v1::Silence& silence) {
  switch (silence.state()) {
    case v1::Silence::PENDING:
      return "pending";
    case v1::Silence::ACTIVE:
      return "active";
    default:
      return "expired";
  }
}

void Print(Output& out, const Options& options, const std::vector<v1::Silence>& silences) {
  if (options.format == Format::kJson) {
    for (const v1::Silence& silence : silences) out.Line(api::ToJson(silence));
    return;
  }
  Table table({{"ID"},
               {"STATE"},
               {"FROM (UTC)"},
               {"UNTIL (UTC)"},
               {"WHO", false, 8},
               {"FILTER", false, 20},
               {"NOTE", false, 8}});
  for (const v1::Silence& silence : silences) {
    table.Add({{IdOf(silence), Colour::kBold},
               {StateWord(silence)},
               {DateTime(TimeOf(silence.start_time()))},
               {DateTime(TimeOf(silence.expire_time()))},
               {silence.who()},
               {silence.filter()},
               {silence.note()}});
  }
  table.Print(out);
}

int List(const Options& options) {
  Client client(options.server);
  auto silences = client.ListSilences(options.all);
  if (!silences.ok()) return Fail(silences.status());
  Output out;
  if (silences->empty() && options.format == Format::kTable) {
    Complain(options.all ? "no silences" : "nothing is silenced; --all shows what was");
  } else {
    Print(out, options, *silences);
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Show(const Options& options, const absl::StatusOr<v1::Silence>& silence) {
  if (!silence.ok()) return Fail(silence.status());
  Output out;
  Print(out, options, {*silence});
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Create(const Options& options) {
  std::optional<Duration> lasts = ParseDuration(options.duration);
  if (!lasts || *lasts <= Duration::zero()) {
    Complain(fmt::format("--for is '{}': write how long it holds, such as 2h or 3d",
                         Printable(options.duration)));
    return kUsage;
  }
  v1::CreateSilenceRequest request;
  v1::Silence& silence = *request.mutable_silence();
  silence.set_filter(options.filter);
  silence.set_who(options.who);
  silence.set_note(options.note);
  const int64_t until = ToNanos(SystemClock().Now() + *lasts);
  silence.mutable_expire_time()->set_seconds(until / 1'000'000'000);
  Client client(options.server);
  return Show(options, client.CreateSilence(request));
}

int Expire(const Options& options) {
  Client client(options.server);
  return Show(options, client.ExpireSilence(options.name));
}

}  // namespace

void AddSilences(CLI::App& app, const Program&, Action& action) {
  CLI::App* silences = AddCommand(
      app, "silences", "Keep known trouble from waking anybody",
      "A silence marks the incidents that match its filter (silencedBy) from now until it ends. "
      "They "
      "are still recorded and shown. Exit codes: 0 done, 2 usage or refused, 3 the server does not "
      "answer.",
      "  tocsin silences create --for 2h --note 'disk is being replaced' 'node = \"node-17\"'\n"
      "  tocsin silences list\n"
      "  tocsin silences expire 3f2a91c0\n");
  silences->require_subcommand(1);
  auto add = [&](const std::string& name, const std::string& summary, const std::string& purpose,
                 const std::string& examples, int (*run)(const Options&)) {
    CLI::App* command = AddCommand(*silences, name, summary, purpose, examples);
    auto options = std::make_shared<Options>();
    AddServer(*command, options->server);
    AddOutput(*command, options->format);
    command->callback(
        [&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair(command, options);
  };
  auto [list, list_options] = add(
      "list", "What is silenced", "Prints the silences that hold or will, by the time they end.",
      "  tocsin silences list\n  tocsin silences list --all -o json\n", List);
  list->add_flag("--all", list_options->all, "Those that ended within the last week, too");

  auto [create, create_options] = add(
      "create", "Silence incidents for a while",
      "Silences what matches FILTER, which is written as for incidents list.",
      "  tocsin silences create --for 2h 'signature = \"node-not-ready\" AND node = \"node-17\"'\n"
      "  tocsin silences create --for 1d --note 'load test' 'namespace = \"staging\"'\n",
      Create);
  create->add_option("FILTER", create_options->filter, "Which incidents")
      ->option_text("FILTER")
      ->required();
  create->add_option("--for", create_options->duration, "How long it holds: 30m, 2h, 3d")
      ->option_text("DURATION")
      ->required()
      ->take_last();
  create->add_option("--who", create_options->who, "Who does this. Default: the user's name")
      ->option_text("WHO")
      ->take_last();
  create->add_option("--note", create_options->note, "Why")->option_text("TEXT")->take_last();

  auto [expire, expire_options] = add("expire", "End a silence now", "Ends a silence now.",
                                      "  tocsin silences expire 3f2a91c0\n", Expire);
  expire->add_option("NAME", expire_options->name, "Name, id, or beginning of an id")
      ->option_text("NAME")
      ->required();
}

}  // namespace tocsin::cli
