// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "base/status.h"
#include "ingest/kafka.h"
#include "ingest/kafka_handle.h"

namespace tocsin::ingest {
namespace {

using rdkafka::Deadline;
using rdkafka::Milliseconds;
using rdkafka::Owned;

constexpr std::string_view kStorePrefix = "tocsin-store=";

bool Denied(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

absl::Status ToStatus(rd_kafka_resp_err_t error, std::string_view what) {
  const char* text = rd_kafka_err2str(error);
  if (Denied(error)) return FailedPrecondition("Kafka denies us {}: {}", what, text);
  return Unavailable("Kafka says nothing of {}: {}", what, text);
}

}  // namespace

struct KafkaAdmin::Impl {
  // Constant after construction.
  KafkaOptions options;
  Owned<rd_kafka_t> rk;
  Owned<rd_kafka_queue_t> answers;  // to commits; destroyed before rk

  std::mutex mu;
  bool committing = false;                                  // guarded by mu
  rd_kafka_resp_err_t answer = RD_KAFKA_RESP_ERR_NO_ERROR;  // to the last commit; guarded by mu

  // Runs inside rd_kafka_queue_poll_callback, which is only called with mu held.
  static void OnCommitted(rd_kafka_t* /*rk*/, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* offsets, void* opaque) {
    auto* impl = static_cast<Impl*>(opaque);
    impl->committing = false;
    impl->answer = error;
    if (offsets == nullptr) return;
    for (int i = 0; i < offsets->cnt; ++i) {
      if (impl->answer == RD_KAFKA_RESP_ERR_NO_ERROR) impl->answer = offsets->elems[i].err;
    }
  }

  absl::Status AddTopics(const Deadline& deadline, Layout& layout);
  absl::Status AddWatermarks(const Deadline& deadline, Layout& layout);
  absl::Status AddCommitted(const Deadline& deadline, Layout& layout);
};

KafkaAdmin::KafkaAdmin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaAdmin::~KafkaAdmin() = default;

absl::StatusOr<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Create(const KafkaOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  ASSIGN_OR_RETURN(auto conf, rdkafka::NewConsumerConf(options, {}));
  ASSIGN_OR_RETURN(impl->rk, rdkafka::NewHandle(RD_KAFKA_CONSUMER, std::move(conf)));
  impl->answers.reset(rd_kafka_queue_new(impl->rk.get()));
  return std::unique_ptr<KafkaAdmin>(new KafkaAdmin(std::move(impl)));
}

absl::Status KafkaAdmin::Impl::AddTopics(const Deadline& deadline, Layout& layout) {
  // All topics, although we want few: asking for one by name makes brokers that are set up so
  // create it.
  constexpr int kAllTopics = 1;
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(rk.get(), kAllTopics, nullptr, &raw, Milliseconds(deadline.left()));
  const Owned<const rd_kafka_metadata_t> metadata(raw);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ToStatus(error, fmt::format("its topics at {}", options.brokers));
  }
  std::set<std::string_view> missing(options.topics.begin(), options.topics.end());
  for (int t = 0; t < metadata->topic_cnt; ++t) {
    const rd_kafka_metadata_topic_t& found = metadata->topics[t];
    const auto wanted = missing.find(found.topic);
    if (wanted == missing.end() || found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return ToStatus(found.err, fmt::format("topic '{}'", *wanted));
    }
    for (int p = 0; p < found.partition_cnt; ++p) {
      layout.partitions.push_back({.id = {found.topic, found.partitions[p].id}});
    }
    missing.erase(wanted);
  }
  layout.missing_topics.assign(missing.begin(), missing.end());
  std::sort(layout.partitions.begin(), layout.partitions.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return absl::OkStatus();
}

absl::Status KafkaAdmin::Impl::AddWatermarks(const Deadline& deadline, Layout& layout) {
  for (PartitionLayout& partition : layout.partitions) {
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        rk.get(), partition.id.topic.c_str(), partition.id.partition, &partition.low,
        &partition.high, Milliseconds(deadline.left()));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(error, ToString(partition.id));
  }
  return absl::OkStatus();
}

absl::Status KafkaAdmin::Impl::AddCommitted(const Deadline& deadline, Layout& layout) {
  if (layout.partitions.empty()) return absl::OkStatus();
  const auto list = rdkafka::NewList(layout.partitions.size());
  for (const PartitionLayout& partition : layout.partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.id.topic.c_str(),
                                      partition.id.partition);
  }
  const std::string what = fmt::format("group '{}'", options.group);
  const rd_kafka_resp_err_t error =
      rd_kafka_committed(rk.get(), list.get(), Milliseconds(deadline.left()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(error, what);
  for (PartitionLayout& partition : layout.partitions) {
    const rd_kafka_topic_partition_t* found = rd_kafka_topic_partition_list_find(
        list.get(), partition.id.topic.c_str(), partition.id.partition);
    TOCSIN_CHECK(found != nullptr);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(found->err, what);
    if (found->offset < 0) continue;  // nothing committed
    partition.committed = found->offset;
    const std::string_view metadata(static_cast<const char*>(found->metadata),
                                    found->metadata == nullptr ? 0 : found->metadata_size);
    // A commit without our mark was made by hand or by another tool; it claims nothing.
    if (metadata.substr(0, kStorePrefix.size()) == kStorePrefix) {
      partition.committed_store = metadata.substr(kStorePrefix.size());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Layout> KafkaAdmin::Describe(Duration timeout) {
  const Deadline deadline(timeout);
  Layout layout;
  layout.group = impl_->options.group;
  RETURN_IF_ERROR(impl_->AddTopics(deadline, layout));
  char* id = rd_kafka_clusterid(impl_->rk.get(), Milliseconds(deadline.left()));
  if (id == nullptr) {
    return Unavailable("Kafka at {} did not say which cluster it is", impl_->options.brokers);
  }
  layout.cluster_id = id;
  rd_kafka_mem_free(impl_->rk.get(), id);
  RETURN_IF_ERROR(impl_->AddWatermarks(deadline, layout));
  RETURN_IF_ERROR(impl_->AddCommitted(deadline, layout));
  return layout;
}

absl::Status KafkaAdmin::CommitHint(std::span<const state::v1::Position> positions, Duration wait) {
  const Deadline deadline(wait);
  const std::string metadata = std::string(kStorePrefix) + impl_->options.store_id;
  const auto list = rdkafka::NewList(positions.size());
  for (const state::v1::Position& position : positions) {
    if (position.partition() < 0) continue;
    rd_kafka_topic_partition_t* entry = rd_kafka_topic_partition_list_add(
        list.get(), position.source().c_str(), position.partition());
    entry->offset = position.next_tally();
    entry->metadata = strdup(metadata.c_str());  // the list frees it
    entry->metadata_size = metadata.size();
  }
  if (list->cnt == 0) return absl::OkStatus();

  const std::lock_guard lock(impl_->mu);
  const auto serve = [&](Duration time) {
    rd_kafka_queue_poll_callback(impl_->answers.get(), Milliseconds(time));
  };
  serve(Duration::zero());
  // An earlier one may still be under way: with time to wait we want ours written after it.
  while (impl_->committing && !deadline.passed()) serve(deadline.left());
  if (!impl_->committing) {
    const rd_kafka_resp_err_t error = rd_kafka_commit_queue(
        impl_->rk.get(), list.get(), impl_->answers.get(), &Impl::OnCommitted, impl_.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Unavailable("Kafka offsets not committed: {}", rd_kafka_err2str(error));
    }
    impl_->committing = true;
    while (impl_->committing && !deadline.passed()) serve(deadline.left());
  }
  if (impl_->committing && wait > Duration::zero()) {
    return Unavailable("Kafka offsets not committed: no answer yet");
  }
  const rd_kafka_resp_err_t answer = std::exchange(impl_->answer, RD_KAFKA_RESP_ERR_NO_ERROR);
  if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Unavailable("Kafka offsets not committed: {}", rd_kafka_err2str(answer));
  }
  return absl::OkStatus();
}

}  // namespace tocsin::ingest
