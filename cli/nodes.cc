// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "api/json.h"

namespace tocsin::cli {
namespace {

struct Options {
  std::string server;
  Format format = Format::kTable;
  std::string cluster;
  std::string name;
  size_t limit = 0;
};

std::string Ago(const google::protobuf::Timestamp& timestamp, Time now) {
  Time time = TimeOf(timestamp);
  return time == kNoTime ? "-" : Age(now - time);
}

int List(const Options& options) {
  Client client(options.server);
  v1::ListNodesRequest request;
  request.set_parent("clusters/" + (options.cluster.empty() ? "-" : options.cluster));
  int64_t total = 0;
  auto nodes = client.ListNodes(request, options.limit, total);
  if (!nodes.ok()) return Fail(nodes.status());
  Output out;
  if (options.format == Format::kJson) {
    for (const v1::Node& node : *nodes) out.Line(api::ToJson(node));
  } else if (nodes->empty()) {
    Complain("no node has been heard of yet");
  } else {
    Time now = SystemClock().Now();
    Table table({{"CLUSTER"},
                 {"NODE", false, 12},
                 {"LAST", true},
                 {"LINES", true},
                 {"BYTES", true},
                 {"OPEN", true},
                 {"STREAMS", false, 16}});
    for (const v1::Node& node : *nodes) {
      std::string streams;
      for (const v1::StreamTally& tally : node.streams()) {
        streams += (streams.empty() ? "" : ", ") + tally.stream();
      }
      int open = node.open_incidents_size();
      table.Add({{node.cluster().empty() ? "-" : node.cluster()},
                 {node.node().empty() ? "(no node)" : node.node(), Colour::kBold},
                 {Ago(node.last_time(), now)},
                 {WithCommas(static_cast<uint64_t>(node.lines()))},
                 {Bytes(static_cast<uint64_t>(node.bytes()))},
                 {std::to_string(open), open > 0 ? Colour::kRed : Colour::kNone},
                 {streams}});
    }
    table.Print(out);
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

int Get(const Options& options) {
  Client client(options.server);
  std::string name = options.name;
  if (!options.cluster.empty() && name.find('/') == std::string::npos) {
    name = fmt::format("clusters/{}/nodes/{}", options.cluster, name);
  }
  auto node = client.GetNode(name);
  if (!node.ok()) return Fail(node.status());
  Output out;
  if (options.format == Format::kJson) {
    out.Line(api::ToJson(*node));
  } else {
    Time now = SystemClock().Now();
    out.Line(out.Paint(Colour::kBold, Printable(node->node())) + "  " +
             out.Paint(Colour::kDim, Printable(node->name())));
    out.Line(fmt::format("  heard {} ago, {} ({})", Ago(node->last_time(), now),
                         Plural(static_cast<uint64_t>(node->lines()), "line"),
                         Bytes(static_cast<uint64_t>(node->bytes()))));
    out.Line("");
    Table table({{"STREAM"}, {"LINES", true}, {"BYTES", true}, {"FIRST (UTC)"}, {"LAST", true}});
    for (const v1::StreamTally& tally : node->streams()) {
      table.Add({{tally.stream()},
                 {WithCommas(static_cast<uint64_t>(tally.lines()))},
                 {Bytes(static_cast<uint64_t>(tally.bytes()))},
                 {DateTime(TimeOf(tally.first_time()))},
                 {Ago(tally.last_time(), now)}});
    }
    table.Print(out);
    if (node->open_incidents_size() > 0) {
      out.Line("");
      out.Line(out.Paint(Colour::kBold, "Open incidents"));
      for (const std::string& incident : node->open_incidents())
        out.Line("  " + Printable(incident));
    }
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

}  // namespace

void AddNodes(CLI::App& app, const Program&, Action& action) {
  CLI::App* nodes = AddCommand(
      app, "nodes", "Ask a server which nodes it hears",
      "Asks a running tocsin server for the nodes whose logs reach it: how much of which stream, "
      "how long "
      "ago, and what is wrong there. A node that fell silent is the first thing to look at.",
      "  tocsin nodes list\n"
      "  tocsin nodes get node-17\n");
  nodes->require_subcommand(1);
  auto add = [&](const std::string& name, const std::string& summary, const std::string& purpose,
                 const std::string& examples, int (*run)(const Options&)) {
    CLI::App* command = AddCommand(*nodes, name, summary, purpose, examples);
    auto options = std::make_shared<Options>();
    AddServer(*command, options->server);
    AddOutput(*command, options->format);
    command->add_option("--cluster", options->cluster, "Only this cluster")
        ->option_text("CLUSTER")
        ->take_last();
    command->callback(
        [&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair(command, options);
  };
  auto [list, list_options] = add(
      "list", "Nodes that were heard of", "Prints every node, with how long ago it was last heard.",
      "  tocsin nodes list\n  tocsin nodes list -o json | jq 'select(.lines == \"0\")'\n", List);
  list->add_option("--limit", list_options->limit, "At most this many; 0 (default) is all")
      ->option_text("N")
      ->take_last();
  auto [get, get_options] = add(
      "get", "One node in full",
      "Prints what each stream of a node has said, and its open incidents.",
      "  tocsin nodes get node-17\n  tocsin nodes get clusters/prod/nodes/node-17 -o json\n", Get);
  get->add_option("NAME", get_options->name, "Node, or clusters/CLUSTER/nodes/NODE")
      ->option_text("NAME")
      ->required();
}

}  // namespace tocsin::cli
