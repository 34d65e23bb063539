// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/demo_story.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/signals.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "base/status.h"
#include "ingest/kafka_producer.h"
#include "pipeline/service.h"

namespace tocsin::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr const char* kTopic = "logs";
constexpr const char* kCluster = "demo";
constexpr uint16_t kPort = 7700;
constexpr uint16_t kHttpPort = 7780;
// The embedded broker keeps about 5 MB of each of four partitions, and records are spread over them
// at random. A replay of at most this size cannot overwrite what the service has not read yet,
// however slow it is.
constexpr size_t kReplayMax_bytes = 10 << 20;

struct Options {
  std::string data_dir;
  std::string grpc_listen;
  std::string signatures;
  bool exit = false;
  bool dump = false;
};

// Removes what the demo made, not what the user named.
class WorkingDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<WorkingDirectory>> Create(const std::string& named) {
    if (!named.empty())
      return std::unique_ptr<WorkingDirectory>(new WorkingDirectory(named, false));
    std::error_code error;
    fs::path temporary = fs::temp_directory_path(error);
    std::string pattern = ((error ? fs::path("/tmp") : temporary) / "tocsin-demo-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return Unavailable("cannot make a directory {}: {}", pattern, std::strerror(errno));
    }
    return std::unique_ptr<WorkingDirectory>(new WorkingDirectory(pattern, true));
  }
  ~WorkingDirectory() {
    std::error_code ignored;
    if (temporary_) fs::remove_all(path_, ignored);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  WorkingDirectory(std::string path, bool temporary)
      : path_(std::move(path)), temporary_(temporary) {}
  const std::string path_;
  const bool temporary_;
};

bool PortIsFree(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // let the server say what is wrong
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return is_free;
}

// Writes the records as a fleet would have, in about four seconds. False: the user wants to stop.
absl::StatusOr<bool> Replay(const std::vector<DemoRecord>& records, const std::string& brokers,
                            std::stop_token stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<ingest::KafkaProducer> producer,
                   ingest::KafkaProducer::Create({.brokers = brokers}));
  StatusLine status;
  constexpr milliseconds kStep(50);
  const size_t step = std::max<size_t>(1, records.size() / 80);
  for (size_t i = 0; i < records.size(); ++i) {
    if (stop.stop_requested()) return false;
    RETURN_IF_ERROR(
        producer->Produce({.topic = kTopic, .payload = records[i].json, .time = records[i].time}));
    if (i % step == step - 1) {
      status.Show(fmt::format("replaying  {}  {} of {}", DateTime(records[i].time),
                              WithCommas(i + 1), Plural(records.size(), "record")));
      std::this_thread::sleep_for(kStep);
    }
  }
  RETURN_IF_ERROR(producer->Flush(seconds(30)));
  return true;
}

// What the incidents say, without what moves although nothing happens.
std::string Fingerprint(const std::vector<v1::Incident>& incidents) {
  std::string all;
  for (v1::Incident incident : incidents) {
    incident.clear_revision();
    incident.clear_etag();
    incident.clear_settled();
    all += incident.SerializeAsString();
  }
  return all;
}

// Asks until every record is counted at a node and the answer has not changed for two seconds.
absl::StatusOr<std::vector<v1::Incident>> Settle(Client& client, size_t records,
                                                 std::stop_token stop) {
  constexpr auto kQuiet = seconds(2);
  constexpr auto kQuietAnyway = seconds(25);  // node tallies travel every ten seconds
  constexpr auto kDeadline = seconds(120);
  StatusLine status;
  const steady_clock::time_point begin = steady_clock::now();
  steady_clock::time_point changed = begin;
  std::string last;
  while (true) {
    v1::ListIncidentsRequest request;
    request.set_parent("clusters/-");
    int64_t total = 0;
    ASSIGN_OR_RETURN(std::vector<v1::Incident> incidents, client.ListIncidents(request, 0, total));
    ASSIGN_OR_RETURN(std::vector<v1::Node> nodes, client.ListNodes({}, 0, total));
    int64_t lines = 0;
    for (const v1::Node& node : nodes) lines += node.lines();
    steady_clock::time_point now = steady_clock::now();
    if (std::string print = Fingerprint(incidents); print != last) {
      changed = now;
      last = std::move(print);
    }
    bool complete = lines >= static_cast<int64_t>(records);
    if (stop.stop_requested() || (complete && now - changed > kQuiet) ||
        now - changed > kQuietAnyway) {
      return incidents;
    }
    if (now - begin > kDeadline) {
      return Error(absl::StatusCode::kDeadlineExceeded,
                   "the incidents were still changing after two minutes");
    }
    status.Show(fmt::format("thinking  {} of {} read, {}", WithCommas(static_cast<uint64_t>(lines)),
                            Plural(records, "record"), Plural(incidents.size(), "incident")));
    std::this_thread::sleep_for(milliseconds(200));
  }
}

void Present(Output& out, const std::vector<v1::Incident>& incidents, size_t records,
             const Program& program, const std::string& address, bool exiting) {
  std::vector<v1::Incident> sorted = incidents;
  std::sort(sorted.begin(), sorted.end(), WorseFirst);
  Time now = SystemClock().Now();
  out.Line(out.Paint(Colour::kBold, fmt::format("{} became {}:", Plural(records, "log record"),
                                                Plural(sorted.size(), "incident"))));
  out.Line("");
  PrintIncidentTable(out, sorted, {.now = now});
  if (sorted.empty()) return;
  // The story with the longest chain is the one worth reading first.
  auto told = std::max_element(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.problems_size() < b.problems_size();
  });
  out.Line("");
  out.Line(out.Paint(Colour::kBold, "One of them in full:"));
  out.Line("");
  PrintIncidentStory(out, *told, {.now = now, .evidence_max = 5});
  if (exiting) return;
  std::string server = address == "127.0.0.1:7700" ? "" : " --server " + address;
  std::string id = IncidentId(told->name()).substr(0, UniquePrefix(sorted));
  out.Line(out.Paint(Colour::kBold, "Try next, in another terminal:"));
  out.Line(fmt::format("  {} incidents list{}", program.name, server));
  out.Line(fmt::format("  {} incidents get {}{}", program.name, id, server));
  out.Line(fmt::format("  {} incidents watch{}", program.name, server));
  out.Line(fmt::format("  {} nodes list{}", program.name, server));
  out.Line(fmt::format("  grpcurl -plaintext {} tocsin.v1.IncidentService/ListIncidents", address));
  out.Line("");
}

absl::Status Demo(const Program& program, const Options& options) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Catalogue> catalogue,
                   LoadCatalogueFor(program, options.signatures));
  DemoOptions story{.end = SystemClock().Now()};
  ASSIGN_OR_RETURN(std::vector<DemoRecord> records, RenderDemo(DemoStory(), DemoNoise(), story));
  size_t bytes = 0;
  for (const DemoRecord& record : records) bytes += record.json.size();
  TOCSIN_CHECK(bytes <= kReplayMax_bytes);

  StopSignals signals;
  ASSIGN_OR_RETURN(std::unique_ptr<WorkingDirectory> directory,
                   WorkingDirectory::Create(options.data_dir));
  pipeline::ServeOptions serve;
  serve.data_dir = directory->path();
  serve.cluster = kCluster;
  serve.kafka_topics = {kTopic};
  serve.kafka_group = "tocsin-demo";
  serve.embedded_kafka = true;
  serve.reset_positions = true;  // of an earlier demo's broker, which is gone
  serve.grpc_listen = options.grpc_listen;
  if (serve.grpc_listen.empty()) {
    bool is_free = PortIsFree(kPort);
    serve.grpc_listen = fmt::format("127.0.0.1:{}", is_free ? kPort : 0);
    if (!is_free) Complain(fmt::format("port {} is taken; using a free one", kPort));
  }
  // Who chose a place for gRPC may have reasons to keep off the usual ones.
  bool is_usual = options.grpc_listen.empty() && PortIsFree(kHttpPort);
  serve.http_listen = fmt::format("127.0.0.1:{}", is_usual ? kHttpPort : 0);
  ASSIGN_OR_RETURN(std::unique_ptr<pipeline::Service> service,
                   pipeline::Service::Start(serve, catalogue));
  Complain(fmt::format("embedded kafka on {}", service->kafka_brokers()));
  Complain(fmt::format("http listening on {}", service->http_address()));
  Complain(fmt::format("grpc listening on {}", service->grpc_address()));
  Complain(fmt::format("replaying {} of three nodes: {}, {}", Age(story.length),
                       Plural(records.size(), "record"), Bytes(bytes)));

  ASSIGN_OR_RETURN(bool replayed, Replay(records, service->kafka_brokers(), signals.token()));
  if (replayed) {
    Client client(service->grpc_address());
    ASSIGN_OR_RETURN(std::vector<v1::Incident> incidents,
                     Settle(client, records.size(), signals.token()));
    Output out;
    out.set_end_on_broken_pipe(false);  // there is a directory to remove, and a server to keep up
    Present(out, incidents, records.size(), program, service->grpc_address(), options.exit);
    out.Flush();
    if (!options.exit) {
      Complain("serving until Ctrl-C");
      signals.Wait();
    }
  }
  return service->Stop();
}

int Run(const Program& program, const Options& options) {
  if (options.dump) {
    auto records = RenderDemo(DemoStory(), DemoNoise(), {.end = SystemClock().Now()});
    if (!records.ok()) return Fail(records.status());
    Output out;
    for (const DemoRecord& record : *records) out.Line(record.json);
    out.Flush();
    return out.failed() ? kInputOutput : kDone;
  }
  absl::Status status = Demo(program, options);
  return status.ok() ? kDone : Fail(status);
}

}  // namespace

void AddDemo(CLI::App& app, const Program& program, Action& action) {
  CLI::App* command = AddCommand(
      app, "demo", "See a recorded cluster failure explained",
      "Starts a server with a Kafka broker inside, replays twelve minutes of a three-node cluster "
      "through it "
      "(a full thin pool, an overflowing ARP table and an unreachable registry amid thousands of "
      "ordinary "
      "lines), prints the incidents that come of it, and keeps serving gRPC until Ctrl-C. Keeps "
      "its state in "
      "a temporary directory and removes it at the end.",
      "  tocsin demo\n"
      "  tocsin demo --exit                  print the incidents and end\n"
      "  tocsin demo --dump | tocsin scan -  the same records without Kafka and server\n");
  auto options = std::make_shared<Options>();
  command->add_flag("--exit", options->exit, "End after printing, instead of serving on");
  command->add_flag("--dump", options->dump, "Print the records that would be replayed, and end");
  command
      ->add_option("--data-dir", options->data_dir,
                   "Keep the state here, and leave it there at the end")
      ->option_text("DIR")
      ->take_last();
  command
      ->add_option("--grpc-listen", options->grpc_listen,
                   "Where gRPC is served. Default: 127.0.0.1:7700, or a free port if that is taken")
      ->option_text("HOST:PORT")
      ->take_last();
  AddSignaturesDir(*command, options->signatures);
  command->callback([&program, &action, options] {
    action = [&program, options] { return Run(program, *options); };
  });
}

}  // namespace tocsin::cli
