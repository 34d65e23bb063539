// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/time.h"
#include "tocsin/state/v1/state.pb.h"

// Kafka, as far as tocsin needs it. The truth about how far we have read is in our own store; the
// group's committed offsets are only a hint for lag tools, and carry the store's id so that two
// stores that share a group notice each other. Starting goes
//
//   KafkaAdmin::Describe -> PlanStart(layout, stored positions) -> KafkaAdmin::CommitHint (the
//   claim)
//     -> KafkaConsumer::Create(starts) -> Poll, Poll, ...
//
// and every half minute or so Describe + PlanStart again: what is new goes to
// KafkaConsumer::Assign, and an error means that another store took the group over, or that a topic
// was recreated.
namespace tocsin::ingest {

struct KafkaOptions {
  std::string brokers;              // "host:port,host:port"
  std::vector<std::string> topics;  // names, not patterns; each once
  std::string group = "tocsin";
  std::string store_id;  // written into the committed offsets' metadata
  // Passed to librdkafka as they are (security.protocol, sasl.*, ssl.*, tuning) and after our own
  // settings, so they win. The few that our promises rest on (auto.offset.reset and the like) are
  // refused by Create.
  std::map<std::string, std::string> properties;

  // A Poll ends at the first of the two. The second is soft by one message. 1 .. 1'000'000.
  int batch_records_max = 4096;
  size_t batch_bytes_max = size_t{4} << 20;
  // How long the broker may hold an empty fetch back: more saves requests on quiet topics. It is
  // also what the mock broker always waits.
  Duration fetch_wait = std::chrono::milliseconds(20);
  // What one consumer fetches ahead while nobody polls. More rides out longer pauses; every lane
  // has one. At least 1 MiB.
  size_t queued_bytes_max = size_t{32} << 20;
  // Pause between attempts to reach a broker: starts at 100 ms, doubles up to this.
  Duration reconnect_max = std::chrono::seconds(5);
  // How often broker state is looked at for Health.
  Duration health_interval = std::chrono::seconds(1);
  // A position past the end of the log is believed only after this long: a replica that lags after
  // a change of leader looks the same for a moment.
  Duration truncation_grace = std::chrono::seconds(30);
  // Headers that name a message's cluster and node; the first present and not empty wins.
  std::vector<std::string> cluster_headers = {"cluster"};
  std::vector<std::string> node_headers = {"node", "host"};

  // kInvalidArgument in one sentence.
  absl::Status Validate() const;
};

struct PartitionId {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const PartitionId&) const = default;  // NOLINT(modernize-use-nullptr)
};

// "topic[3]", as messages print it.
std::string ToString(const PartitionId& id);

// Where reading starts.
struct StartAt {
  PartitionId id;
  int64_t offset = 0;
  bool operator==(const StartAt&) const = default;
};

// Offsets that retention took before we read them: [from, to). The number of records is at most
// to - from: compaction and transactions leave holes in offsets.
struct Gap {
  PartitionId id;
  int64_t from = 0;
  int64_t to = 0;
  bool operator==(const Gap&) const = default;
};

// What the broker says.
struct PartitionLayout {
  PartitionId id;
  int64_t low = 0;                   // first offset in the log
  int64_t high = 0;                  // offset of the next message to be written
  std::optional<int64_t> committed;  // by the group
  std::string committed_store;  // store id in the commit's metadata; empty if it holds none of ours
};
struct Layout {
  std::string cluster_id;  // Kafka's own: changes when the cluster is another one
  std::string group;
  std::vector<PartitionLayout> partitions;  // sorted by id
  std::vector<std::string> missing_topics;  // configured, but not there or not ours to see; sorted
};

// Asks about topics and writes hints. Thread-safe. Owns a connection of its own.
class KafkaAdmin {
 public:
  // kInvalidArgument names the bad option or property. Connects in the background: a broker that is
  // away shows in Describe.
  static absl::StatusOr<std::unique_ptr<KafkaAdmin>> Create(const KafkaOptions& options);
  ~KafkaAdmin();

  // The layout of the configured topics, or
  //   kUnavailable         no (full) answer within `timeout`: try again later
  //   kFailedPrecondition  the broker denies us a topic or the group
  // Blocks. Costs a round trip per partition, and the cluster's list of topics.
  absl::StatusOr<Layout> Describe(Duration timeout);

  // Writes `next_tally` of the positions (files are left out) as the group's offsets. One commit is
  // under way at a time; with no `wait` a call during one does nothing, because a later one will
  // say more. With `wait` it blocks until the broker has answered. kUnavailable when the broker
  // refused the last commit or did not answer in time; nothing depends on it, the caller counts it
  // and goes on.
  absl::Status CommitHint(std::span<const state::v1::Position> positions,
                          Duration wait = Duration::zero());

 private:
  struct Impl;
  explicit KafkaAdmin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct StartPlan {
  std::vector<StartAt> starts;  // every partition of the layout, sorted by id
  std::vector<Gap> gaps;        // what is gone for good; its sources are incomplete
};

enum class Reset : bool {
  kNo,
  kPositions,  // `tocsin serve --reset-positions`: forget positions and take the group over
};

// Decides where each partition starts. Pure.
//   stored position (next_tally) within the log   go on there
//   below the log's start                         a gap; go on at the start
//   no stored position                            the start of the log
// kFailedPrecondition, in one sentence that names the way out, when
//   the group's commits carry another store's id, a position was read from another Kafka cluster,
//   lies past the end of its log, or its partition is gone although the topic is there.
// kDataLoss when the positions contradict themselves (negative, next_tally > next_hit, given
// twice). Positions of topics that are no longer configured and of files are left alone.
absl::StatusOr<StartPlan> PlanStart(const Layout& layout,
                                    std::span<const state::v1::Position> positions,
                                    std::string_view store_id, Reset reset = Reset::kNo);

// One message. The views live until the consumer's next Poll or its end; `topic` as long as the
// consumer.
struct Message {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  Time broker_time = kNoTime;  // kNoTime: the message has none
  std::string_view cluster;    // from headers; empty: not said
  std::string_view node;
  std::string_view payload;  // empty for a tombstone as well
};

// All messages below `offset` have been handed out and there was none at it when the broker last
// answered. Said once when the end is reached, again after further messages. While Health says
// reachable and nothing else comes from the partition, it still holds.
struct PartitionEnd {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
};

// The spans live until the next Poll.
struct PollResult {
  std::span<const Message> messages;   // offsets rise within a partition
  std::span<const PartitionEnd> ends;  // partitions at their end after `messages`
  std::span<const Gap> gaps;  // retention overtook us; `messages` may already lie behind it
  uint64_t redelivered = 0;   // came again below the position; skipped
  uint64_t corrupt = 0;       // batches that failed their CRC or did not decompress; skipped
  size_t bytes = 0;           // payload of `messages`
};

struct KafkaHealth {
  // Every broker that leads an assigned partition (with none assigned: any broker) is connected.
  bool reachable = false;
  Time since = kNoTime;  // of `reachable`
  int brokers_up = 0;
  int brokers = 0;
  std::string last_error;  // stays after recovery
  Time last_error_time = kNoTime;
};

// Reads assigned partitions. One per lane; everything but health() belongs to one thread.
//
// Backpressure is not polling: at most queued_bytes_max (and one fetch) wait inside.
// An unreachable broker is not an error: Poll returns nothing, Health says so, and reading goes on
// by itself where it stopped.
class KafkaConsumer {
 public:
  // kInvalidArgument: options, or a partition given twice. Does not wait for the broker.
  static absl::StatusOr<std::unique_ptr<KafkaConsumer>> Create(const KafkaOptions& options,
                                                               std::span<const StartAt> starts);
  ~KafkaConsumer();

  // Waits up to `timeout` for the first message or end, then takes what is already here, up to the
  // caps of the options. kFailedPrecondition, for good: a partition's log ends before our position
  // (the topic was recreated, or the log was cut). When retention overtook a partition, asking
  // for its new start may add up to a second.
  absl::StatusOr<PollResult> Poll(Duration timeout);

  // Adds partitions. kInvalidArgument if one is assigned already; then none is added.
  absl::Status Assign(std::span<const StartAt> starts);

  // Stops reading one partition; Release goes on exactly where it stopped. For partitions that are
  // too far ahead of the others. What was fetched ahead is thrown away and fetched again: hold
  // rarely. kNotFound if it is not assigned. Both do nothing if it is held (released) already.
  absl::Status Hold(const PartitionId& id);
  absl::Status Release(const PartitionId& id);

  // Current also while nobody polls. Thread-safe.
  KafkaHealth health() const;

 private:
  struct Impl;
  explicit KafkaConsumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::ingest
