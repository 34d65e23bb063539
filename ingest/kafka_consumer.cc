// SPDX-License-Identifier: Apache-2.0
//
// Partitions are assigned by hand, each at an explicit offset, and all of them feed the one
// consumer queue, which Poll drains message by message: librdkafka's batch calls can lose offsets
// (before 2.1). What the library would do by itself about offsets is switched off. So this file
// owns them: `next` of a partition only rises, whatever lies below it is a redelivery, and when the
// broker says that `next` is outside the log, the partition is taken out, its log is looked at, and
// it is put back at the right place (Recover).
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/status.h"
#include "ingest/kafka.h"
#include "ingest/kafka_handle.h"
#include "ingest/kafka_health.h"

namespace tocsin::ingest {
namespace {

using rdkafka::Deadline;
using rdkafka::Milliseconds;
using rdkafka::Owned;
using Steady = std::chrono::steady_clock;

constexpr Duration kLookTimeout = std::chrono::seconds(1);  // for a partition's watermarks
constexpr Duration kLookAgain = std::chrono::seconds(1);    // after they said nothing useful

struct Partition {
  int64_t next = 0;  // first offset not handed out
  bool held = false;
  // Outside the log: taken out of the assignment until Recover has found its place.
  bool lost = false;
  Steady::time_point look_at{};  // not before
  std::optional<Steady::time_point> past_end_since;
  // Scratch of one Poll: where the end was seen.
  std::optional<int64_t> end;
};
using Partitions =
    std::map<PartitionId, Partition>;  // nodes stay put: Message::topic points into them

std::string_view FirstHeader(const rd_kafka_headers_t* headers,
                             const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const void* value = nullptr;
    size_t size = 0;
    if (rd_kafka_header_get_last(headers, name.c_str(), &value, &size) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        value != nullptr && size > 0) {
      return {static_cast<const char*>(value), size};
    }
  }
  return {};
}

}  // namespace

struct KafkaConsumer::Impl {
  // Constant after construction.
  KafkaOptions options;

  // Synchronises itself. Declared before `rk`, whose threads' callbacks reach it.
  mutable HealthTracker tracker;
  Owned<rd_kafka_t> rk;

  // Of the polling thread.
  Partitions partitions;
  bool any_lost = false;
  absl::Status failed;                           // once set, every Poll says so
  std::vector<Owned<rd_kafka_message_t>> owned;  // destroyed before rk
  std::vector<Message> messages;
  std::vector<PartitionEnd> ends;
  std::vector<Gap> gaps;
  PollResult result;
  // The partition of the message before: messages come in runs. Valid within one Poll.
  const rd_kafka_topic_t* run_topic = nullptr;
  int32_t run_partition = -1;
  Partitions::iterator run;

  absl::Status Add(std::span<const StartAt> starts);
  void AssignAt(const PartitionId& id, int64_t offset);
  void Unassign(const PartitionId& id);
  void Recover();
  absl::Status RecoverOne(const PartitionId& id, Partition& partition);
  void Take(Owned<rd_kafka_message_t> message);
  void TakeError(const rd_kafka_message_t& message);
  Partitions::iterator Find(const rd_kafka_message_t& message);
};

KafkaConsumer::KafkaConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaConsumer::~KafkaConsumer() = default;

absl::StatusOr<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Create(
    const KafkaOptions& options, std::span<const StartAt> starts) {
  RETURN_IF_ERROR(options.Validate());
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  const int fetch_wait_ms = std::max(1, Milliseconds(options.fetch_wait));
  ASSIGN_OR_RETURN(
      auto conf,
      rdkafka::NewConsumerConf(
          options, {{"enable.partition.eof", "true"},
                    {"check.crcs", "true"},
                    {"fetch.wait.max.ms", std::to_string(fetch_wait_ms)},
                    {"queued.max.messages.kbytes", std::to_string(options.queued_bytes_max >> 10)},
                    // Bytes are the cap; this only says when a partition is worth a fetch.
                    {"queued.min.messages", "100000"},
                    // Not polling is how we say "too fast", however long it lasts.
                    {"max.poll.interval.ms", "86400000"},
                    {"statistics.interval.ms",
                     std::to_string(std::max(10, Milliseconds(options.health_interval)))}}));
  rd_kafka_conf_set_opaque(conf.get(), &impl->tracker);
  rd_kafka_conf_set_stats_cb(conf.get(),
                             [](rd_kafka_t* /*rk*/, char* json, size_t size, void* opaque) -> int {
                               static_cast<HealthTracker*>(opaque)->OnStatistics({json, size});
                               return 0;  // the library frees the text
                             });
  rd_kafka_conf_set_error_cb(conf.get(),
                             [](rd_kafka_t* /*rk*/, int error, const char* reason, void* opaque) {
                               static_cast<HealthTracker*>(opaque)->OnError(
                                   reason, error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN);
                             });
  ASSIGN_OR_RETURN(impl->rk, rdkafka::NewHandle(RD_KAFKA_CONSUMER, std::move(conf)));
  RETURN_IF_ERROR(impl->Add(starts));
  return std::unique_ptr<KafkaConsumer>(new KafkaConsumer(std::move(impl)));
}

absl::Status KafkaConsumer::Impl::Add(std::span<const StartAt> starts) {
  for (const StartAt& start : starts) {
    if (start.offset < 0 || start.id.partition < 0 || start.id.topic.empty()) {
      return InvalidArgument("{} cannot start at offset {}", ToString(start.id), start.offset);
    }
    const auto same = [&](const StartAt& other) { return other.id == start.id; };
    if (partitions.contains(start.id) || std::count_if(starts.begin(), starts.end(), same) > 1) {
      return InvalidArgument("{} is assigned twice", ToString(start.id));
    }
  }
  if (starts.empty()) return absl::OkStatus();
  const auto list = rdkafka::NewList(starts.size());
  for (const StartAt& start : starts) {
    partitions[start.id].next = start.offset;
    rd_kafka_topic_partition_list_add(list.get(), start.id.topic.c_str(), start.id.partition)
        ->offset = start.offset;
  }
  const Owned<rd_kafka_error_t> error(rd_kafka_incremental_assign(rk.get(), list.get()));
  TOCSIN_CHECK(error == nullptr);  // `partitions` mirrors the assignment
  return absl::OkStatus();
}

void KafkaConsumer::Impl::AssignAt(const PartitionId& id, int64_t offset) {
  const auto list = rdkafka::NewList(1);
  rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition)->offset = offset;
  const Owned<rd_kafka_error_t> error(rd_kafka_incremental_assign(rk.get(), list.get()));
  TOCSIN_CHECK(error == nullptr);
}

void KafkaConsumer::Impl::Unassign(const PartitionId& id) {
  const auto list = rdkafka::NewList(1);
  rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition);
  const Owned<rd_kafka_error_t> error(rd_kafka_incremental_unassign(rk.get(), list.get()));
  TOCSIN_CHECK(error == nullptr);
}

// Puts lost partitions back where reading can go on.
void KafkaConsumer::Impl::Recover() {
  any_lost = false;
  for (auto& [id, partition] : partitions) {
    if (!partition.lost) continue;
    if (partition.look_at <= Steady::now()) {
      if (absl::Status status = RecoverOne(id, partition); !status.ok()) failed = std::move(status);
    }
    any_lost = any_lost || partition.lost;
  }
}

absl::Status KafkaConsumer::Impl::RecoverOne(const PartitionId& id, Partition& partition) {
  int64_t low = 0;
  int64_t high = 0;
  const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
      rk.get(), id.topic.c_str(), id.partition, &low, &high, Milliseconds(kLookTimeout));
  const auto now = Steady::now();
  partition.look_at = now + kLookAgain;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();  // the broker is away
  if (partition.next > high) {
    if (!partition.past_end_since) partition.past_end_since = now;
    if (now - *partition.past_end_since < options.truncation_grace) return absl::OkStatus();
    return FailedPrecondition(
        "{} was read up to {}, but its log now ends at {} (was the topic recreated, or did it lose "
        "records?); run `tocsin serve --reset-positions` to read the log from its start",
        ToString(id), partition.next, high);
  }
  partition.past_end_since.reset();
  if (partition.next < low) {
    gaps.push_back({id, partition.next, low});
    partition.next = low;
  }
  partition.lost = false;
  if (!partition.held) AssignAt(id, partition.next);
  return absl::OkStatus();
}

Partitions::iterator KafkaConsumer::Impl::Find(const rd_kafka_message_t& message) {
  if (message.rkt != run_topic || message.partition != run_partition) {
    run_topic = message.rkt;
    run_partition = message.partition;
    run = message.rkt == nullptr
              ? partitions.end()
              : partitions.find({rd_kafka_topic_name(message.rkt), message.partition});
  }
  return run;
}

void KafkaConsumer::Impl::TakeError(const rd_kafka_message_t& message) {
  const auto found = Find(message);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (found != partitions.end() && !found->second.lost &&
          message.offset >= found->second.next) {
        // Past records that nobody may see: compacted away, or a transaction's markers.
        found->second.next = message.offset;
        found->second.end = message.offset;
      }
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      if (found != partitions.end() && !found->second.lost && !found->second.held) {
        Unassign(found->first);
        found->second.lost = true;
        found->second.look_at = Steady::now();
        any_lost = true;
      }
      break;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      ++result.corrupt;
      break;
    default:
      break;  // librdkafka tries again by itself; Health tells
  }
  const char* reason = rd_kafka_message_errstr(&message);
  tracker.OnError(
      found == partitions.end() ? reason : fmt::format("{}: {}", ToString(found->first), reason),
      message.err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN);
}

void KafkaConsumer::Impl::Take(Owned<rd_kafka_message_t> message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return TakeError(*message);
  const auto found = Find(*message);
  // From before a Hold, an offset that was looked for again, or the like.
  if (found == partitions.end() || found->second.held || found->second.lost) return;
  auto& [id, partition] = *found;
  if (message->offset < partition.next) {
    ++result.redelivered;
    return;
  }
  partition.next = message->offset + 1;
  partition.end.reset();
  partition.past_end_since.reset();

  Message& out = messages.emplace_back();
  out.topic = id.topic;
  out.partition = id.partition;
  out.offset = message->offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t ms = rd_kafka_message_timestamp(message.get(), &type);
  // A producer may write anything into a timestamp; what nanoseconds cannot hold is no time.
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && ms > 0 && ms < INT64_MAX / 1'000'000) {
    out.broker_time = Time(std::chrono::milliseconds(ms));
  }
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message.get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    out.cluster = FirstHeader(headers, options.cluster_headers);
    out.node = FirstHeader(headers, options.node_headers);
  }
  if (message->payload != nullptr) {
    out.payload = {static_cast<const char*>(message->payload), message->len};
  }
  result.bytes += message->len;
  owned.push_back(std::move(message));
}

absl::StatusOr<PollResult> KafkaConsumer::Poll(Duration timeout) {
  Impl& impl = *impl_;
  impl.messages.clear();
  impl.ends.clear();
  impl.gaps.clear();
  impl.owned.clear();
  impl.result = {};
  impl.run_topic = nullptr;
  impl.run_partition = -1;
  for (auto& [id, partition] : impl.partitions) partition.end.reset();
  if (!impl.failed.ok()) return impl.failed;
  if (impl.any_lost) impl.Recover();
  if (!impl.failed.ok()) return impl.failed;

  // Errors and statistics are on a queue of their own.
  rd_kafka_poll(impl.rk.get(), 0);
  const Deadline deadline(impl.gaps.empty() ? timeout : Duration::zero());
  const auto batch_max = static_cast<size_t>(impl.options.batch_records_max);
  // Not only messages count: a queue of nothing but errors must not hold us here for ever.
  for (size_t taken = 0; taken < batch_max && impl.result.bytes < impl.options.batch_bytes_max;
       ++taken) {
    const bool wait = taken == 0;
    Owned<rd_kafka_message_t> message(
        rd_kafka_consumer_poll(impl.rk.get(), wait ? Milliseconds(deadline.left()) : 0));
    if (message == nullptr) break;
    impl.Take(std::move(message));
  }
  for (const auto& [id, partition] : impl.partitions) {
    if (partition.end) impl.ends.push_back({id.topic, id.partition, *partition.end});
  }
  impl.result.messages = impl.messages;
  impl.result.ends = impl.ends;
  impl.result.gaps = impl.gaps;
  return impl.result;
}

absl::Status KafkaConsumer::Assign(std::span<const StartAt> starts) { return impl_->Add(starts); }

absl::Status KafkaConsumer::Hold(const PartitionId& id) {
  const auto found = impl_->partitions.find(id);
  if (found == impl_->partitions.end()) return NotFound("{} is not assigned", ToString(id));
  if (std::exchange(found->second.held, true) || found->second.lost) return absl::OkStatus();
  impl_->Unassign(id);
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Release(const PartitionId& id) {
  const auto found = impl_->partitions.find(id);
  if (found == impl_->partitions.end()) return NotFound("{} is not assigned", ToString(id));
  if (!std::exchange(found->second.held, false) || found->second.lost) return absl::OkStatus();
  impl_->AssignAt(id, found->second.next);
  return absl::OkStatus();
}

KafkaHealth KafkaConsumer::health() const {
  rd_kafka_poll(impl_->rk.get(), 0);  // serves what came since anybody last looked
  return impl_->tracker.Get();
}

}  // namespace tocsin::ingest
