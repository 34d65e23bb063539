// SPDX-License-Identifier: Apache-2.0
//
// From what a caller typed to one incident: exact name, then alias, then unique prefix of the id.
#include <algorithm>
#include <set>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/status.h"
#include "store/reading.h"

namespace tocsin::store {
namespace {

constexpr int kHopsMax = 64;                // merges in a row
constexpr size_t kCandidatesMax = 10;       // named in the message
constexpr size_t kAliasesTriedMax = 10000;  // for one prefix

Time FromProto(const google::protobuf::Timestamp& timestamp) {
  return Time(seconds(timestamp.seconds()) + nanoseconds(timestamp.nanos()));
}

}  // namespace

// A search for ids that begin with `id`, in the names that begin with `prefix` (empty: in all).
struct RocksStore::Search {
  std::string prefix;
  std::string id;

  std::string begin() const { return prefix.empty() ? "" : prefix + id; }
  // Whether `name` is meant, and whether by its whole id.
  bool Matches(std::string_view name, bool& exact) const {
    std::optional<IncidentName> split = SplitIncidentName(name);
    if (!split || (!prefix.empty() && split->prefix != prefix)) return false;
    exact = split->id == id;
    return split->id.substr(0, id.size()) == id;
  }
};

std::optional<RocksStore::Search> RocksStore::ParseSearch(std::string_view name) {
  if (!name.empty() && name.find('/') == std::string_view::npos)
    return Search{"", std::string(name)};
  std::optional<IncidentName> split = SplitIncidentName(name);
  if (!split) return std::nullopt;
  bool any_cluster = split->prefix == "clusters/-/incidents/";
  return Search{any_cluster ? "" : std::string(split->prefix), std::string(split->id)};
}

Time ResolvedTime(const v1::Incident& incident) {
  if (incident.state() != v1::Incident::RESOLVED) return kNoTime;
  if (incident.has_resolve_time()) return FromProto(incident.resolve_time());
  if (incident.has_last_hit_time()) return FromProto(incident.last_hit_time());
  return FromProto(incident.open_time());
}

void MakeUtf8(google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!is_message && field->type() != FieldDescriptor::TYPE_STRING) continue;
    if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        if (is_message) {
          MakeUtf8(*reflection.MutableRepeatedMessage(&message, field, i));
          continue;
        }
        std::string scratch;
        const std::string& text =
            reflection.GetRepeatedStringReference(message, field, i, &scratch);
        if (!IsUtf8(text)) reflection.SetRepeatedString(&message, field, i, ToUtf8(text));
      }
    } else if (is_message) {
      MakeUtf8(*reflection.MutableMessage(&message, field));
    } else {
      std::string scratch;
      const std::string& text = reflection.GetStringReference(message, field, &scratch);
      if (!IsUtf8(text)) reflection.SetString(&message, field, ToUtf8(text));
    }
  }
}

absl::Status RocksStore::Reading::HasIncident(std::string_view name, bool& found) const {
  std::string bytes;
  RETURN_IF_ERROR(Get(Family::kIncidents, name, bytes, found));
  if (!found) return absl::OkStatus();
  std::optional<IncidentValue> value = DecodeIncidentValue(bytes);
  if (!value) return BadEntry(Family::kIncidents, name);
  found = !store_.IncidentExpired(value->resolved);
  return absl::OkStatus();
}

absl::Status RocksStore::Reading::Follow(std::string_view name, std::string& target) const {
  std::string at(name);
  std::string next;
  for (int hop = 0; hop < kHopsMax; ++hop) {
    bool found = false;
    RETURN_IF_ERROR(Get(Family::kAliases, at, next, found));
    if (!found) {
      target.clear();
      return absl::OkStatus();
    }
    at = next;
    RETURN_IF_ERROR(HasIncident(at, found));
    if (found) {
      target = at;
      return absl::OkStatus();
    }
  }
  return DataLoss("the aliases of {} go in a circle", name);
}

// The incidents that `search` leads to, through aliases too. A whole id, possible here when all
// clusters are searched, outranks longer ones. Stops soon after kCandidatesMax.
absl::StatusOr<std::set<std::string>> RocksStore::FindByPrefix(const Reading& reading,
                                                               const Search& search) const {
  std::set<std::string> candidates;
  std::set<std::string> exact_candidates;
  auto note = [&](std::string incident_name, bool exact) {
    if (exact) exact_candidates.insert(incident_name);
    if (candidates.size() <= kCandidatesMax) candidates.insert(std::move(incident_name));
  };
  // Longer ids in plenty decide nothing while a whole one may still come.
  auto enough = [&] { return candidates.size() > kCandidatesMax && !search.prefix.empty(); };
  auto incident = [&](std::string_view key, std::string_view bytes) -> absl::StatusOr<bool> {
    bool exact = false;
    if (!search.Matches(key, exact)) return true;
    std::optional<IncidentValue> value = DecodeIncidentValue(bytes);
    if (!value) return BadEntry(Family::kIncidents, key);
    if (!IncidentExpired(value->resolved)) note(std::string(key), exact);
    return !enough();
  };
  size_t tried = 0;
  auto alias = [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
    bool exact = false;
    if (!search.Matches(key, exact)) return true;
    std::string target;
    RETURN_IF_ERROR(reading.Follow(key, target));
    if (!target.empty()) note(target, exact);
    return ++tried < kAliasesTriedMax && !enough();
  };
  std::string begin = search.begin();
  RETURN_IF_ERROR(reading.Scan(Family::kIncidents, begin, PrefixEnd(begin), false, incident));
  if (!enough()) {
    RETURN_IF_ERROR(reading.Scan(Family::kAliases, begin, PrefixEnd(begin), false, alias));
  }
  return exact_candidates.empty() ? candidates : exact_candidates;
}

absl::StatusOr<v1::Incident> RocksStore::GetIncident(std::string_view raw_name) const {
  std::string name = ToUtf8(raw_name);
  std::optional<Search> search = ParseSearch(name);
  if (!search) {
    return InvalidArgument(
        "'{}' is not the name of an incident: write clusters/CLUSTER/incidents/ID", name);
  }
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  v1::Incident incident;
  bool found = false;
  RETURN_IF_ERROR(reading.Incident(name, incident, found));
  if (found) return incident;
  std::string target;
  RETURN_IF_ERROR(reading.Follow(name, target));
  if (target.empty()) {
    ASSIGN_OR_RETURN(std::set<std::string> candidates, FindByPrefix(reading, *search));
    if (candidates.empty()) return NotFound("there is no incident {}", name);
    if (candidates.size() > 1) {
      std::string list;
      size_t listed = 0;
      for (const std::string& candidate : candidates) {
        if (listed++ == kCandidatesMax) break;
        list += (list.empty() ? "" : ", ") + candidate;
      }
      return InvalidArgument("'{}' may be any of {}{}: write more of the id", name, list,
                             candidates.size() > kCandidatesMax ? ", ..." : "");
    }
    target = *candidates.begin();
  }
  RETURN_IF_ERROR(reading.Incident(target, incident, found));
  if (!found) return DataLoss("incident {} vanished inside one read", target);
  return incident;
}

}  // namespace tocsin::store
