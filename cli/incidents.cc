// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"
#include "base/status.h"

namespace tocsin::cli {
namespace {

struct Options {
  std::string server;
  Format format = Format::kTable;
  std::string cluster;
  std::string filter;
  std::string name;
  bool all = false;
  size_t limit = 0;
  double seconds = 0;
  int64_t revision = 0;
  std::string who = DefaultWho();
  std::string note;
};

std::string Parent(const std::string& cluster) {
  return "clusters/" + (cluster.empty() ? "-" : cluster);
}

// What `list` and `watch` ask for: open ones unless --all, and the user's own filter. OR binds
// tighter than AND in this language.
std::string Filter(const Options& options) {
  std::string filter = options.all ? "" : "(state = OPEN OR state = ACKNOWLEDGED)";
  if (options.filter.empty()) return filter;
  return filter.empty() ? options.filter : fmt::format("{} AND ({})", filter, options.filter);
}

int List(const Options& options) {
  Client client(options.server);
  v1::ListIncidentsRequest request;
  request.set_parent(Parent(options.cluster));
  request.set_filter(Filter(options));
  request.set_order_by("severity desc, open_time desc");
  int64_t total = 0;
  auto incidents = client.ListIncidents(request, options.limit, total);
  if (!incidents.ok()) return Fail(incidents.status());
  Output out;
  if (options.format == Format::kJson) {
    for (const v1::Incident& incident : *incidents) out.Line(api::ToJson(incident));
  } else if (incidents->empty()) {
    Complain(options.all ? "no incidents"
                         : "nothing is wrong as far as the logs say; --all shows what was");
  } else {
    PrintIncidentTable(out, *incidents, {.now = SystemClock().Now()});
  }
  out.Flush();
  if (options.limit > 0 && total > static_cast<int64_t>(incidents->size())) {
    Complain(fmt::format("{} of {} incidents shown; a larger --limit shows more", incidents->size(),
                         total));
  }
  return out.failed() ? kInputOutput : kDone;
}

int Get(const Options& options) {
  Client client(options.server);
  auto incident = client.GetIncident(options.name);
  if (!incident.ok()) return Fail(incident.status());
  Output out;
  if (options.format == Format::kJson) {
    out.Line(api::ToJson(*incident));
  } else {
    PrintIncidentStory(out, *incident,
                       {.now = SystemClock().Now(), .evidence_max = 20, .problems_max = 50});
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Decide(const Options& options,
           absl::StatusOr<v1::Incident> (Client::*decide)(const std::string&, const std::string&,
                                                          const std::string&)) {
  Client client(options.server);
  auto incident = (client.*decide)(options.name, options.who, options.note);
  if (!incident.ok()) return Fail(incident.status());
  Output out;
  if (options.format == Format::kJson) {
    out.Line(api::ToJson(*incident));
  } else {
    PrintIncidentTable(out, {*incident}, {.now = SystemClock().Now()});
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Acknowledge(const Options& options) { return Decide(options, &Client::Acknowledge); }
int Resolve(const Options& options) { return Decide(options, &Client::Resolve); }
int Reopen(const Options& options) { return Decide(options, &Client::Reopen); }

const char* ChangeWord(v1::WatchIncidentsResponse::Type type) {
  switch (type) {
    case v1::WatchIncidentsResponse::ADDED:
      return "+";
    case v1::WatchIncidentsResponse::DELETED:
      return "-";
    default:
      return "~";
  }
}

int Watch(const Options& options) {
  Client client(options.server);
  v1::WatchIncidentsRequest request;
  request.set_parent(Parent(options.cluster));
  request.set_filter(Filter(options));
  request.set_revision(options.revision);
  Output out;
  out.set_line_buffered(true);
  absl::Status status = client.Watch(request, options.seconds, [&](const auto& change) {
    if (change.type() == v1::WatchIncidentsResponse::BOOKMARK) return true;
    const v1::Incident& incident = change.incident();
    if (options.format == Format::kJson) {
      out.Line(api::ToJson(incident));
    } else {
      out.Line(fmt::format(
          "{} {}  {}  {}  {}  {}  {}", ChangeWord(change.type()), ClockTime(SystemClock().Now()),
          out.Paint(SeverityColour(incident.severity()), Pad(SeverityWord(incident.severity()), 8)),
          Pad(StateWord(incident), 8), out.Paint(Colour::kBold, Printable(incident.title())),
          Printable(Where(incident)),
          out.Paint(Colour::kDim, fmt::format("{} {}", Plural(incident.hit_count(), "hit"),
                                              IncidentId(incident.name()).substr(0, 12)))));
    }
    return !out.failed();
  });
  out.Flush();
  if (out.failed()) return kInputOutput;
  // --for is over: what was asked for.
  if (status.code() == absl::StatusCode::kDeadlineExceeded && options.seconds > 0) return kDone;
  return status.ok() ? kDone : Fail(status);
}

void AddSelection(CLI::App& command, Options& options) {
  command.add_option("--cluster", options.cluster, "Only this cluster")
      ->option_text("CLUSTER")
      ->take_last();
  command
      .add_option(
          "--filter", options.filter,
          "Only incidents that match, e.g. 'severity >= ERROR AND node = \"node-17\"'; over state, "
          "severity, signature, cluster, node, pod, namespace, workload, open_time, last_hit_time")
      ->option_text("FILTER")
      ->take_last();
  command.add_flag("--all", options.all, "Resolved ones too");
}

}  // namespace

void AddIncidents(CLI::App& app, const Program&, Action& action) {
  CLI::App* incidents =
      AddCommand(app, "incidents", "Ask a server what is wrong",
                 "Asks a running tocsin server for its incidents: problems tied together by cause, "
                 "with evidence, "
                 "state and remedy. Exit codes: 0 done, 2 usage or unknown incident, 3 the server "
                 "does not answer.",
                 "  tocsin incidents list\n"
                 "  tocsin incidents get 3f2a91c0\n"
                 "  TOCSIN_SERVER=tocsin.example:7700 tocsin incidents watch -o json\n");
  incidents->require_subcommand(1);

  auto add = [&](const std::string& name, const std::string& summary, const std::string& purpose,
                 const std::string& examples, int (*run)(const Options&)) {
    CLI::App* command = AddCommand(*incidents, name, summary, purpose, examples);
    auto options = std::make_shared<Options>();
    AddServer(*command, options->server);
    AddOutput(*command, options->format);
    command->callback(
        [&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair(command, options);
  };

  auto [list, list_options] =
      add("list", "Open incidents, worst first",
          "Prints the incidents that are not resolved, worst first, newest first among equals.",
          "  tocsin incidents list\n"
          "  tocsin incidents list --filter 'namespace = \"prod\"' -o json | jq .title\n",
          List);
  AddSelection(*list, *list_options);
  list->add_option("--limit", list_options->limit, "At most this many; 0 (default) is all")
      ->option_text("N")
      ->take_last();

  auto [get, get_options] =
      add("get", "One incident in full",
          "Prints one incident as a page: where and since when, the tree of causes, the lines that "
          "prove it, "
          "what to do. NAME is the full name, the id, or the beginning of an id as list prints it.",
          "  tocsin incidents get 3f2a91c0\n"
          "  tocsin incidents get clusters/prod/incidents/3f2a91c07be1 -o json\n",
          Get);
  get->add_option("NAME", get_options->name, "Name, id, or beginning of an id")
      ->option_text("NAME")
      ->required();

  auto decision = [&](const std::string& name, const std::string& summary,
                      const std::string& purpose, int (*run)(const Options&)) {
    auto [command, options] =
        add(name, summary, purpose,
            fmt::format("  tocsin incidents {} 3f2a91c0 --note 'on it'\n", name), run);
    command->add_option("NAME", options->name, "Name, id, or beginning of an id")
        ->option_text("NAME")
        ->required();
    command->add_option("--who", options->who, "Who does this. Default: the user's name")
        ->option_text("WHO")
        ->take_last();
    command->add_option("--note", options->note, "What to tell the others")
        ->option_text("TEXT")
        ->take_last();
  };
  decision("ack", "Say that somebody looks after it",
           "Acknowledges an open incident. It stays acknowledged until it is resolved and comes "
           "back.",
           Acknowledge);
  decision("resolve", "Say that it is over",
           "Resolves an incident by hand. It comes back by itself when there is another hit.",
           Resolve);
  decision("reopen", "Say that it is not over",
           "Opens a resolved incident again, until somebody resolves it or it comes back and ends.",
           Reopen);

  auto [watch, watch_options] = add("watch", "Incidents as they change",
                                    "Prints every incident there is, then each again whenever it "
                                    "changes, until Ctrl-C: + is new, ~ has "
                                    "changed, - is withdrawn.",
                                    "  tocsin incidents watch\n"
                                    "  tocsin incidents watch --for 60 -o json\n",
                                    Watch);
  AddSelection(*watch, *watch_options);
  watch
      ->add_option("--for", watch_options->seconds,
                   "End after this many seconds; 0 (default) never")
      ->option_text("SECONDS")
      ->take_last();
  watch->add_option("--revision", watch_options->revision, "Only what changed after this revision")
      ->option_text("N")
      ->take_last();
}

}  // namespace tocsin::cli
