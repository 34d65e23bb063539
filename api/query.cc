// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "google/protobuf/util/field_mask_util.h"

#include "api/error.h"
#include "api/fields.h"
#include "api/filter.h"
#include "api/order.h"
#include "api/page.h"
#include "base/status.h"

namespace tocsin::api {

using google::protobuf::util::FieldMaskUtil;
using v1::Incident;

namespace {

// How many items a scan visits between two looks at whether anybody still waits for its outcome.
constexpr size_t kLookEvery = 256;

absl::Status CancelledStatus() {
  return WithReason(Error(absl::StatusCode::kCancelled, "the caller gave up waiting"), "CANCELLED");
}

absl::Status CheckMask(const google::protobuf::FieldMask& mask) {
  for (const std::string& path : mask.paths()) {
    if (path != "*" && !FieldMaskUtil::IsValidPath<Incident>(path)) {
      return BadField("read_mask", fmt::format("an incident has no field {}", Quoted(path)),
                      "INVALID_MASK");
    }
  }
  return absl::OkStatus();
}

const Silences& NoSilences() {
  static const auto& none = *new Silences;
  return none;
}

void ApplyMask(const google::protobuf::FieldMask& mask, Incident& incident) {
  const auto& paths = mask.paths();
  if (paths.empty() || std::find(paths.begin(), paths.end(), "*") != paths.end()) return;
  FieldMaskUtil::TrimMessage(mask, &incident);
}

}  // namespace

absl::StatusOr<std::string> ClusterOfParent(const std::string& parent) {
  constexpr std::string_view kPrefix = "clusters/";
  if (parent.empty() || parent == "clusters/-") return "";
  std::string cluster = parent.starts_with(kPrefix) ? parent.substr(kPrefix.size()) : "";
  if (cluster.empty() || cluster.find('/') != std::string::npos) {
    return BadField(
        "parent", fmt::format("{} is not clusters/CLUSTER, nor clusters/- for all", Quoted(parent)),
        "INVALID_NAME");
  }
  return cluster;
}

Query::Query(Board& board, const store::Store& store, std::shared_ptr<const Catalogue> catalogue,
             const Clock& clock, Commands* commands, const Silences* silences)
    : board_(board),
      store_(store),
      clock_(clock),
      commands_(commands),
      silences_(silences != nullptr ? silences : &NoSilences()),
      catalogue_(std::move(catalogue)) {
  TOCSIN_CHECK(catalogue_ != nullptr);
}

void Query::SetCatalogue(std::shared_ptr<const Catalogue> catalogue) {
  TOCSIN_CHECK(catalogue != nullptr);
  std::lock_guard lock(mu_);
  catalogue_ = std::move(catalogue);
}

std::shared_ptr<const Catalogue> Query::GetCatalogue() const {
  std::lock_guard lock(mu_);
  return catalogue_;
}

absl::StatusOr<v1::ListIncidentsResponse> Query::ListIncidents(
    const v1::ListIncidentsRequest& request, const Cancelled& cancelled) const {
  ASSIGN_OR_RETURN(const std::string cluster, ClusterOfParent(request.parent()));
  ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  ASSIGN_OR_RETURN(const Order order, Order::Parse(request.order_by()));
  RETURN_IF_ERROR(CheckMask(request.read_mask()));
  const uint64_t arguments = Fingerprint(
      {cluster, request.filter(), request.order_by(), request.read_mask().SerializeAsString()});
  ASSIGN_OR_RETURN(state::v1::PageToken token,
                   ReadToken(request.page_token(), "ListIncidents", arguments));
  const bool first_page = token.version() == 0;
  Place after;
  if (first_page) {
    token.set_method("ListIncidents");
    token.set_arguments(arguments);
    token.set_now(ToNanos(clock_.Now()));
  } else {
    if (static_cast<size_t>(token.numbers_size()) != order.number_count()) {
      return BadField("page_token", "this is no token that this method gave", "INVALID_PAGE_TOKEN");
    }
    after.numbers.assign(token.numbers().begin(), token.numbers().end());
    after.name = token.last();
  }
  ASSIGN_OR_RETURN(const Filter filter,
                   Filter::Parse(request.filter(), IncidentSchema(), TimeFromNanos(token.now())));

  // The first page_size + 1 after `after`, as a heap with the last of them on top.
  struct Candidate {
    Incident incident;
    Place place;  // its name points into `incident`, on the heap with it
  };
  std::vector<std::unique_ptr<Candidate>> page;
  const size_t wanted = static_cast<size_t>(page_size) + 1;
  auto before = [&](const auto& a, const auto& b) { return order.Before(a->place, b->place); };
  int total = 0;
  size_t visited = 0;
  bool gave_up = false;
  auto visit = [&](const Incident& incident) {
    if (++visited % kLookEvery == 0 && cancelled && cancelled()) {
      gave_up = true;
      return false;
    }
    if (!filter.Matches(incident)) return true;
    ++total;
    Place place = order.PlaceOf(incident);
    if (!first_page && !order.Before(after, place)) return true;
    if (page.size() == wanted) {
      if (!order.Before(place, page.front()->place)) return true;
      std::pop_heap(page.begin(), page.end(), before);
      page.pop_back();
    }
    auto candidate = std::make_unique<Candidate>();
    candidate->incident = incident;
    candidate->place = order.PlaceOf(candidate->incident);
    page.push_back(std::move(candidate));
    std::push_heap(page.begin(), page.end(), before);
    return true;
  };
  ASSIGN_OR_RETURN(const int64_t revision, board_.Scan(cluster, visit));
  if (gave_up) return CancelledStatus();
  std::sort_heap(page.begin(), page.end(), before);

  if (first_page) {
    token.set_total(total);
    token.set_revision(revision);
  }
  v1::ListIncidentsResponse response;
  response.set_total_size(token.total());
  response.set_revision(token.revision());
  size_t bytes = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    Candidate& candidate = *page[i];
    // The place is kept before the mask may take away what it is made of.
    std::string name = candidate.incident.name();
    silences_->Mark(TimeFromNanos(token.now()), candidate.incident);
    ApplyMask(request.read_mask(), candidate.incident);
    bytes += candidate.incident.ByteSizeLong();
    if (i == static_cast<size_t>(page_size) || (i > 0 && bytes > kPageMax_bytes)) {
      response.set_next_page_token(WriteToken(token));
      break;
    }
    token.mutable_numbers()->Assign(candidate.place.numbers.begin(), candidate.place.numbers.end());
    token.set_last(std::move(name));
    *response.add_incidents() = std::move(candidate.incident);
  }
  return response;
}

absl::StatusOr<Incident> Query::GetIncident(const v1::GetIncidentRequest& request) const {
  RETURN_IF_ERROR(CheckMask(request.read_mask()));
  if (request.name().empty()) return BadField("name", "must not be empty", "INVALID_NAME");
  absl::StatusOr<Incident> incident = board_.Get(request.name());
  if (absl::IsNotFound(incident.status())) {
    return WithReason(NotFound("there is no incident {}", Quoted(request.name())),
                      "INCIDENT_NOT_FOUND", {{"name", Quoted(request.name())}});
  }
  if (absl::IsInvalidArgument(incident.status()) &&
      ReasonOf(incident.status()) == "INVALID_ARGUMENT") {  // the store's own words
    return BadField("name", Message(incident.status()), "INVALID_NAME");
  }
  if (incident.ok()) {
    silences_->Mark(clock_.Now(), *incident);
    ApplyMask(request.read_mask(), *incident);
  }
  return incident;
}

absl::StatusOr<std::unique_ptr<WatchStream>> Query::WatchIncidents(
    const v1::WatchIncidentsRequest& request, std::function<void()> wake) {
  ASSIGN_OR_RETURN(std::string cluster, ClusterOfParent(request.parent()));
  ASSIGN_OR_RETURN(Filter filter, Filter::Parse(request.filter(), IncidentSchema(), clock_.Now()));
  if (request.revision() < 0) {
    return BadField("revision", fmt::format("{} is negative", request.revision()),
                    "INVALID_REVISION");
  }
  auto mark = [this](v1::Incident& incident) { silences_->Mark(clock_.Now(), incident); };
  return std::make_unique<WatchStream>(board_.Subscribe(request.revision(), std::move(wake)),
                                       std::move(cluster), std::move(filter),
                                       request.revision() != 0, std::move(mark));
}

// --- nodes
// --------------------------------------------------------------------------------------------

namespace {

std::string NodeKey(const v1::Node& node) {
  std::string key = node.cluster();
  key += '\0';
  key += node.node();
  return key;
}

void NameNode(v1::Node& node) {
  if (node.name().empty()) {
    node.set_name(fmt::format("clusters/{}/nodes/{}", node.cluster(), node.node()));
  }
}

}  // namespace

absl::Status Query::AddOpenIncidents(std::string_view cluster, const Cancelled& cancelled,
                                     google::protobuf::RepeatedPtrField<v1::Node>& nodes) const {
  constexpr size_t kOpenMax = 100;
  struct Open {
    v1::Severity severity;
    int64_t time;
    std::string name;
    bool operator<(const Open& o) const {
      return std::tie(o.severity, o.time, name) < std::tie(severity, time, o.name);
    }
  };
  if (nodes.empty()) return absl::OkStatus();
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Open>> open;
  for (const v1::Node& node : nodes) open[{node.cluster(), node.node()}];
  size_t visited = 0;
  bool gave_up = false;
  auto scanned = board_.Scan(cluster, [&](const Incident& incident) {
    if (++visited % kLookEvery == 0 && cancelled && cancelled()) gave_up = true;
    if (incident.state() == Incident::RESOLVED) return !gave_up;
    for (const std::string& node : incident.nodes()) {
      auto found = open.find({incident.cluster(), node});
      if (found == open.end()) continue;
      std::vector<Open>& list = found->second;
      list.push_back({incident.severity(), NanosOf(incident.open_time()), incident.name()});
      if (list.size() < 4 * kOpenMax) continue;
      std::nth_element(list.begin(), list.begin() + kOpenMax, list.end());
      list.resize(kOpenMax);
    }
    return !gave_up;
  });
  RETURN_IF_ERROR(scanned.status());
  if (gave_up) return CancelledStatus();
  for (v1::Node& node : nodes) {
    std::vector<Open>& list = open[{node.cluster(), node.node()}];
    std::sort(list.begin(), list.end());
    node.clear_open_incidents();
    for (size_t i = 0; i < std::min(list.size(), kOpenMax); ++i) {
      node.add_open_incidents(list[i].name);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ListNodesResponse> Query::ListNodes(const v1::ListNodesRequest& request,
                                                       const Cancelled& cancelled) const {
  ASSIGN_OR_RETURN(const std::string cluster, ClusterOfParent(request.parent()));
  ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  const uint64_t arguments = Fingerprint({cluster, request.filter()});
  ASSIGN_OR_RETURN(state::v1::PageToken token,
                   ReadToken(request.page_token(), "ListNodes", arguments));
  const bool first_page = token.version() == 0;
  if (first_page) {
    token.set_method("ListNodes");
    token.set_arguments(arguments);
    token.set_now(ToNanos(clock_.Now()));
  }
  ASSIGN_OR_RETURN(const Filter filter,
                   Filter::Parse(request.filter(), NodeSchema(), TimeFromNanos(token.now())));
  v1::ListNodesResponse response;
  int total = 0;
  size_t visited = 0, bytes = 0;
  bool gave_up = false, more = false;
  std::string last;
  RETURN_IF_ERROR(store_.ScanNodes(cluster, token.last(), [&](const v1::Node& stored) {
    if (++visited % kLookEvery == 0 && cancelled && cancelled()) {
      gave_up = true;
      return false;
    }
    v1::Node node = stored;
    NameNode(node);
    if (!filter.Matches(node)) return true;
    ++total;
    if (more) return true;  // only counting
    bytes += node.ByteSizeLong();
    more =
        response.nodes_size() == page_size || (response.nodes_size() > 0 && bytes > kPageMax_bytes);
    if (more) return first_page;  // later pages know the total from the first
    last = NodeKey(node);
    *response.add_nodes() = std::move(node);
    return true;
  }));
  if (gave_up) return CancelledStatus();
  if (first_page) token.set_total(total);
  response.set_total_size(token.total());
  if (more) {
    token.set_last(last);
    response.set_next_page_token(WriteToken(token));
  }
  RETURN_IF_ERROR(AddOpenIncidents(cluster, cancelled, *response.mutable_nodes()));
  return response;
}

absl::StatusOr<v1::Node> Query::GetNode(const v1::GetNodeRequest& request,
                                        const Cancelled& cancelled) const {
  std::string cluster, node = request.name();
  if (size_t slash = node.find('/'); slash != std::string::npos) {
    size_t middle = node.find("/nodes/");
    if (!node.starts_with("clusters/") || middle == std::string::npos) {
      return BadField("name", fmt::format("{} is not clusters/CLUSTER/nodes/NODE", Quoted(node)),
                      "INVALID_NAME");
    }
    ASSIGN_OR_RETURN(cluster, ClusterOfParent(node.substr(0, middle)));
    node = node.substr(middle + 7);
  }
  if (node.empty()) return BadField("name", "names no node", "INVALID_NAME");
  v1::ListNodesResponse found;
  if (!cluster.empty()) {
    absl::StatusOr<v1::Node> exact = store_.GetNode(cluster, node);
    if (exact.ok()) {
      *found.add_nodes() = *std::move(exact);
    } else if (!absl::IsNotFound(exact.status())) {
      return exact;
    }
  }
  if (found.nodes().empty()) {
    bool is_exact = false;
    RETURN_IF_ERROR(store_.ScanNodes(cluster, "", [&](const v1::Node& other) {
      if (!other.node().starts_with(node)) return true;
      bool exact = other.node() == node;  // better than any number of longer ones
      if (is_exact && !exact) return true;
      if (exact && !is_exact) found.clear_nodes();
      is_exact = exact;
      if (found.nodes_size() < 2) *found.add_nodes() = other;
      return true;
    }));
  }
  if (found.nodes().empty()) {
    return WithReason(NotFound("there is no node {}", Quoted(request.name())), "NODE_NOT_FOUND",
                      {{"name", Quoted(request.name())}});
  }
  for (v1::Node& each : *found.mutable_nodes()) NameNode(each);
  if (found.nodes_size() > 1) {
    return BadField(
        "name",
        fmt::format("{} is the beginning of several names, {} and {} among them",
                    Quoted(request.name()), found.nodes(0).name(), found.nodes(1).name()),
        "AMBIGUOUS_NAME");
  }
  RETURN_IF_ERROR(AddOpenIncidents(found.nodes(0).cluster(), cancelled, *found.mutable_nodes()));
  return std::move(*found.mutable_nodes(0));
}

}  // namespace tocsin::api
