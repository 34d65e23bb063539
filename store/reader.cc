// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "google/protobuf/timestamp.pb.h"
#include "rocksdb/iterator.h"

#include "base/status.h"
#include "base/stream.h"
#include "store/reading.h"
#include "store/tally_merge.h"

namespace tocsin::store {
namespace {

bool Parse(std::string_view bytes, google::protobuf::MessageLite& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void SetTime(int64_t nanos, google::protobuf::Timestamp& timestamp) {
  Time time = TimeFromNanos(nanos);
  auto whole = std::chrono::floor<seconds>(time);
  timestamp.set_seconds(whole.time_since_epoch().count());
  timestamp.set_nanos(static_cast<int32_t>((time - whole).count()));
}

std::string NameOfStream(uint32_t stream) {
  if (stream < static_cast<uint32_t>(kStreamCount)) {
    return std::string(StreamName(static_cast<Stream>(stream)));
  }
  return fmt::format("stream-{}", stream);  // of a newer release
}

// Collects the tallies of one node, which stand next to each other.
class NodeBuilder {
 public:
  explicit NodeBuilder(const TallyKey& key) {
    node_.set_cluster(key.cluster);
    node_.set_node(key.node);
    node_.set_name(fmt::format("clusters/{}/nodes/{}", key.cluster, key.node));
  }

  bool Is(const TallyKey& key) const {
    return node_.node() == key.node && node_.cluster() == key.cluster;
  }

  void Add(const TallyKey& key, const state::v1::Tally& tally) {
    v1::StreamTally& stream = *node_.add_streams();
    stream.set_stream(NameOfStream(key.stream));
    stream.set_lines(tally.lines());
    stream.set_bytes(tally.bytes());
    if (tally.first() != 0) SetTime(tally.first(), *stream.mutable_first_time());
    if (tally.last() != 0) SetTime(tally.last(), *stream.mutable_last_time());
    AddTally(tally, sum_);
  }

  v1::Node Finish() {
    node_.set_lines(sum_.lines());
    node_.set_bytes(sum_.bytes());
    if (sum_.first() != 0) SetTime(sum_.first(), *node_.mutable_first_time());
    if (sum_.last() != 0) SetTime(sum_.last(), *node_.mutable_last_time());
    return std::move(node_);
  }

 private:
  v1::Node node_;
  state::v1::Tally sum_;
};

absl::StatusOr<std::pair<TallyKey, state::v1::Tally>> DecodeTally(std::string_view key,
                                                                  std::string_view value) {
  std::optional<TallyKey> decoded = DecodeTallyKey(key);
  state::v1::Tally tally;
  if (!decoded || !Parse(value, tally)) return BadEntry(Family::kTallies, key);
  return std::pair(std::move(*decoded), std::move(tally));
}

}  // namespace

RocksStore::Reading::Reading(const RocksStore& store)
    : store_(store), lock_(store.database_mu_), database_(store.database_.get()) {
  if (database_ != nullptr) snapshot_ = database_->db().GetSnapshot();
}

RocksStore::Reading::~Reading() {
  if (snapshot_ != nullptr) database_->db().ReleaseSnapshot(snapshot_);
}

absl::Status RocksStore::Reading::status() const {
  if (database_ != nullptr) return absl::OkStatus();
  return Unavailable("the store in {} could not be reopened after a disk error",
                     store_.options_.dir);
}

absl::Status RocksStore::Reading::Get(Family family, std::string_view key, std::string& value,
                                      bool& found) const {
  return database_->Get(family, key, snapshot_, value, found);
}

absl::Status RocksStore::Reading::Scan(Family family, std::string_view begin, std::string_view end,
                                       bool bulk, const Visit& visit) const {
  rocksdb::Slice upper = Bytes(end);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  if (bulk) {
    options.fill_cache = false;
    options.readahead_size = 1 << 20;
  }
  std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(options, database_->family(family)));
  for (it->Seek(Bytes(begin)); it->Valid(); it->Next()) {
    ASSIGN_OR_RETURN(bool more, visit(View(it->key()), View(it->value())));
    if (!more) return absl::OkStatus();
  }
  return FromRocksDb(it->status(), "cannot read the store");
}

absl::Status RocksStore::Reading::Incident(std::string_view name, v1::Incident& incident,
                                           bool& found) const {
  std::string bytes;
  RETURN_IF_ERROR(Get(Family::kIncidents, name, bytes, found));
  if (!found) return absl::OkStatus();
  std::optional<IncidentValue> value = DecodeIncidentValue(bytes);
  if (!value) return BadEntry(Family::kIncidents, name);
  found = !store_.IncidentExpired(value->resolved);
  if (found && !Parse(value->proto, incident)) return BadEntry(Family::kIncidents, name);
  return absl::OkStatus();
}

absl::Status RocksStore::Load(const Visitor& visitor) const {
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  if (visitor.row) {
    RETURN_IF_ERROR(
        reading.Scan(Family::kRows, "", "", true,
                     [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                       state::v1::Row row;
                       if (!Parse(value, row)) return BadEntry(Family::kRows, key);
                       visitor.row(std::string(key), std::move(row));
                       return true;
                     }));
  }
  if (visitor.problem) {
    RETURN_IF_ERROR(
        reading.Scan(Family::kProblems, "", "", true,
                     [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                       state::v1::Problem problem;
                       if (!Parse(value, problem)) return BadEntry(Family::kProblems, key);
                       if (!ProblemExpired(problem)) visitor.problem(std::move(problem));
                       return true;
                     }));
  }
  if (visitor.incident) {
    RETURN_IF_ERROR(
        reading.Scan(Family::kIncidents, "", "", true,
                     [&](std::string_view key, std::string_view bytes) -> absl::StatusOr<bool> {
                       std::optional<IncidentValue> value = DecodeIncidentValue(bytes);
                       if (!value) return BadEntry(Family::kIncidents, key);
                       if (IncidentExpired(value->resolved)) return true;
                       v1::Incident incident;
                       if (!Parse(value->proto, incident)) return BadEntry(Family::kIncidents, key);
                       visitor.incident(std::move(incident));
                       return true;
                     }));
  }
  if (visitor.silence) {
    RETURN_IF_ERROR(
        reading.Scan(Family::kMeta, kMetaSilence, "silence0", true,
                     [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                       v1::Silence silence;
                       if (!Parse(value, silence)) return BadEntry(Family::kMeta, key);
                       visitor.silence(std::move(silence));
                       return true;
                     }));
  }
  if (visitor.tally) {
    RETURN_IF_ERROR(
        reading.Scan(Family::kTallies, "", "", true,
                     [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                       ASSIGN_OR_RETURN(auto decoded, DecodeTally(key, value));
                       auto& [tally_key, tally] = decoded;
                       tally.set_cluster(std::move(tally_key.cluster));
                       tally.set_node(std::move(tally_key.node));
                       tally.set_stream(tally_key.stream);
                       visitor.tally(std::move(tally));
                       return true;
                     }));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<state::v1::Position>> RocksStore::Positions() const {
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  std::vector<state::v1::Position> positions;
  RETURN_IF_ERROR(
      reading.Scan(Family::kPositions, "", "", false,
                   [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                     state::v1::Position position;
                     if (!DecodePositionKey(key) || !Parse(value, position)) {
                       return BadEntry(Family::kPositions, key);
                     }
                     positions.push_back(std::move(position));
                     return true;
                   }));
  return positions;
}

absl::Status RocksStore::ScanIncidents(
    std::string_view cluster, const std::function<bool(const v1::Incident&)>& visit) const {
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  std::string begin = cluster.empty() ? "" : fmt::format("clusters/{}/incidents/", ToUtf8(cluster));
  v1::Incident incident;
  return reading.Scan(
      Family::kIncidents, begin, PrefixEnd(begin), true,
      [&](std::string_view key, std::string_view bytes) -> absl::StatusOr<bool> {
        // A cluster may be called "C/incidents/x": its incidents are not C's.
        if (!cluster.empty() && key.find('/', begin.size()) != std::string_view::npos) return true;
        std::optional<IncidentValue> value = DecodeIncidentValue(bytes);
        if (!value) return BadEntry(Family::kIncidents, key);
        if (IncidentExpired(value->resolved)) return true;
        if (!Parse(value->proto, incident)) return BadEntry(Family::kIncidents, key);
        return visit(incident);
      });
}

absl::Status RocksStore::ScanChanges(int64_t after,
                                     const std::function<bool(const v1::Incident&)>& visit) const {
  if (after == std::numeric_limits<int64_t>::max()) return absl::OkStatus();
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  v1::Incident incident;
  return reading.Scan(Family::kByRevision, EncodeRevisionKey(after + 1, ""), "", false,
                      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                        std::optional<RevisionKey> entry = DecodeRevisionKey(key);
                        if (!entry) return BadEntry(Family::kByRevision, key);
                        bool found = false;
                        RETURN_IF_ERROR(reading.Incident(entry->name, incident, found));
                        return !found || visit(incident);
                      });
}

absl::Status RocksStore::ScanNodes(std::string_view cluster, std::string_view start_after,
                                   const std::function<bool(const v1::Node&)>& visit) const {
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  std::string begin = cluster.empty() ? "" : TallyClusterPrefix(ToUtf8(cluster));
  std::string end = PrefixEnd(begin);
  if (!start_after.empty()) {
    size_t nul = start_after.find('\0');
    if (nul == std::string_view::npos) return InvalidArgument("not a place in the list of nodes");
    std::string prefix =
        TallyNodePrefix(ToUtf8(start_after.substr(0, nul)), ToUtf8(start_after.substr(nul + 1)));
    begin = std::max(begin, PrefixEnd(prefix));
    if (!end.empty() && begin >= end) return absl::OkStatus();
  }
  std::optional<NodeBuilder> node;
  bool more = true;
  RETURN_IF_ERROR(
      reading.Scan(Family::kTallies, begin, end, false,
                   [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                     ASSIGN_OR_RETURN(auto decoded, DecodeTally(key, value));
                     if (node && !node->Is(decoded.first)) {
                       more = visit(node->Finish());
                       node.reset();
                     }
                     if (!more) return false;
                     if (!node) node.emplace(decoded.first);
                     node->Add(decoded.first, decoded.second);
                     return true;
                   }));
  if (more && node) visit(node->Finish());
  return absl::OkStatus();
}

absl::StatusOr<v1::Node> RocksStore::GetNode(std::string_view cluster,
                                             std::string_view name) const {
  Reading reading(*this);
  RETURN_IF_ERROR(reading.status());
  std::string prefix = TallyNodePrefix(ToUtf8(cluster), ToUtf8(name));
  std::optional<NodeBuilder> node;
  RETURN_IF_ERROR(
      reading.Scan(Family::kTallies, prefix, PrefixEnd(prefix), false,
                   [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                     ASSIGN_OR_RETURN(auto decoded, DecodeTally(key, value));
                     if (!node) node.emplace(decoded.first);
                     node->Add(decoded.first, decoded.second);
                     return true;
                   }));
  if (!node) return NotFound("nothing was heard of node {} in cluster {}", name, cluster);
  return node->Finish();
}

Store::Stats RocksStore::GetStats() const {
  Stats stats;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.dir, error)) {
    std::error_code gone;  // files come and go meanwhile
    uint64_t bytes = entry.file_size(gone);
    if (!gone) stats.disk_bytes += bytes;
  }
  std::shared_lock lock(database_mu_);
  if (database_ == nullptr) return stats;
  auto sum = [&](const char* property) {
    uint64_t value = 0;
    database_->db().GetAggregatedIntProperty(property, &value);
    return value;
  };
  stats.memory_bytes = sum("rocksdb.size-all-mem-tables") +
                       sum("rocksdb.estimate-table-readers-mem") + database_->cache_bytes();
  stats.keys_estimated = sum("rocksdb.estimate-num-keys");
  return stats;
}

}  // namespace tocsin::store
