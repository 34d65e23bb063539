// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/signals.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "base/status.h"
#include "pipeline/service.h"

namespace tocsin::cli {
namespace {

// What the command line says; it wins over the configuration file, which wins over the defaults.
struct Flags {
  std::string config;
  std::optional<std::string> data_dir, signatures, overrides, cluster, grpc_listen, http_listen,
      kafka_brokers;
  std::optional<std::string> kafka_group, kafka_topics, roles;
  bool embedded_kafka = false, reset_positions = false, insecure = false;
};

std::vector<std::string> SplitAtCommas(const std::string& list) {
  std::vector<std::string> words;
  size_t begin = 0;
  while (begin <= list.size()) {
    size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

absl::StatusOr<pipeline::ServeOptions> Merge(const Flags& flags) {
  pipeline::ServeOptions options;
  if (!flags.config.empty()) RETURN_IF_ERROR(ReadConfigFile(flags.config, options));
  if (flags.data_dir) options.data_dir = *flags.data_dir;
  if (flags.signatures) options.signatures_dir = *flags.signatures;
  if (flags.overrides) options.overrides = *flags.overrides;
  if (flags.cluster) options.cluster = *flags.cluster;
  if (flags.grpc_listen) options.grpc_listen = *flags.grpc_listen;
  if (flags.http_listen) options.http_listen = *flags.http_listen;
  if (flags.kafka_brokers) options.kafka_brokers = *flags.kafka_brokers;
  if (flags.kafka_group) options.kafka_group = *flags.kafka_group;
  if (flags.kafka_topics) options.kafka_topics = SplitAtCommas(*flags.kafka_topics);
  if (flags.roles) options.roles = SplitAtCommas(*flags.roles);
  options.embedded_kafka = options.embedded_kafka || flags.embedded_kafka;
  options.reset_positions = options.reset_positions || flags.reset_positions;
  options.insecure = options.insecure || flags.insecure;
  RETURN_IF_ERROR(options.Validate());
  return options;
}

// A watcher is a file descriptor, and so is a file of the store: shells allow 1024 of them by
// default, and as many as the system lets us have without asking.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(const Program& program, const Flags& flags) {
  auto options = Merge(flags);
  if (!options.ok()) return Fail(options.status());
  auto catalogue = LoadCatalogueFor(program, options->signatures_dir, options->overrides);
  if (!catalogue.ok()) return Fail(catalogue.status());

  RaiseFileLimit();
  StopSignals signals;
  spdlog::set_level(spdlog::level::info);
  auto service = pipeline::Service::Start(*options, *catalogue);
  if (!service.ok()) return Fail(service.status());
  if (options->embedded_kafka) {
    Complain(fmt::format("embedded kafka on {}", (*service)->kafka_brokers()));
  }
  Complain(fmt::format("http listening on {}", (*service)->http_address()));
  Complain(fmt::format("grpc listening on {}", (*service)->grpc_address()));
  signals.Wait();
  absl::Status stopped = (*service)->Stop();
  return stopped.ok() ? kDone : Fail(stopped);
}

}  // namespace

void AddServe(CLI::App& app, const Program& program, Action& action) {
  CLI::App* command =
      AddCommand(app, "serve", "Listen to a fleet: Kafka in, incidents out",
                 "Reads log records from Kafka topics, keeps incidents in a directory, and answers "
                 "gRPC. Ends in order "
                 "on SIGTERM or Ctrl-C: what was read is kept, and the next start goes on from "
                 "there without losing "
                 "or repeating anything; a second signal ends at once. Flags win over --config.",
                 "  tocsin serve --data-dir ./data --kafka-brokers kafka:9092 --kafka-topics "
                 "node-logs,events\n"
                 "  tocsin serve --config /etc/tocsin/config.yaml\n"
                 "  tocsin serve --data-dir ./data --embedded-kafka      a broker inside, for "
                 "trying things out\n");
  auto flags = std::make_shared<Flags>();
  auto add = [command](const std::string& name, auto& field, const std::string& text,
                       const std::string& description) {
    command->add_option(name, field, description)->option_text(text)->take_last();
  };
  add("--config", flags->config, "FILE",
      "YAML; deploy/config.example.yaml shows every key with its default");
  add("--data-dir", flags->data_dir, "DIR", "Where state is kept. Default: /var/lib/tocsin");
  add("--grpc-listen", flags->grpc_listen, "HOST:PORT",
      "Where gRPC is served; port 0 takes a free one. Default: 127.0.0.1:7700");
  add("--http-listen", flags->http_listen, "HOST:PORT",
      "Where HTTP is served: JSON, events, metrics; port 0 takes a free one. Default: "
      "127.0.0.1:7780");
  add("--kafka-brokers", flags->kafka_brokers, "LIST", "host:port,... Default: 127.0.0.1:9092");
  add("--kafka-topics", flags->kafka_topics, "LIST", "Topics, separated by commas. Default: logs");
  add("--kafka-group", flags->kafka_group, "ID",
      "Consumer group that shows the progress. Default: tocsin");
  add("--cluster", flags->cluster, "CLUSTER", "Cluster of the records that name none");
  add("--signatures", flags->signatures, "DIR",
      "Directory of the catalogue. Default: $TOCSIN_SIGNATURES, then the one that came with the "
      "program");
  add("--overrides", flags->overrides, "FILE",
      "YAML with this site's own severities and thresholds, and with what is off");
  add("--roles", flags->roles, "LIST",
      "What this process does; all of match,fold,api, because this version does not split them");
  command->add_flag(
      "--embedded-kafka", flags->embedded_kafka,
      "Start a Kafka broker inside this process and read from it; its address is printed. "
      "It keeps a few MB in memory and nothing after the end");
  command->add_flag("--reset-positions", flags->reset_positions,
                    "Forget how far the topics were read, and read them from their beginning");
  command->add_flag("--insecure", flags->insecure,
                    "Serve plaintext on addresses other than loopback");
  command->callback([&program, &action, flags] {
    action = [&program, flags] { return Serve(program, *flags); };
  });
}

}  // namespace tocsin::cli
