// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka_producer.h"

#include <atomic>
#include <mutex>

#include "base/status.h"
#include "ingest/kafka_handle.h"

namespace tocsin::ingest {

using rdkafka::Deadline;
using rdkafka::Milliseconds;
using rdkafka::Owned;

struct KafkaProducer::Impl {
  Options options;  // constant after construction

  // Synchronise themselves.
  std::atomic<uint64_t> delivered = 0;
  std::atomic<uint64_t> failed = 0;

  std::mutex mu;
  std::string first_failure;  // since the last Flush; guarded by mu

  Owned<rd_kafka_t> rk;

  static void OnDelivery(rd_kafka_t* /*rk*/, const rd_kafka_message_t* message, void* opaque) {
    auto* impl = static_cast<Impl*>(opaque);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++impl->delivered;
      return;
    }
    ++impl->failed;
    const std::lock_guard lock(impl->mu);
    if (impl->first_failure.empty()) impl->first_failure = rd_kafka_err2str(message->err);
  }
};

KafkaProducer::KafkaProducer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaProducer::~KafkaProducer() = default;

absl::StatusOr<std::unique_ptr<KafkaProducer>> KafkaProducer::Create(Options options) {
  if (options.brokers.empty()) return InvalidArgument("no Kafka brokers given");
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(auto conf,
                   rdkafka::NewConf({{"client.id", "tocsin"},
                                     {"bootstrap.servers", options.brokers},
                                     {"enable.idempotence", "true"},
                                     {"reconnect.backoff.ms", "100"},
                                     {"reconnect.backoff.max.ms", "5000"},
                                     {"linger.ms", std::to_string(Milliseconds(options.linger))}},
                                    options.properties));
  impl->options = std::move(options);
  rd_kafka_conf_set_opaque(conf.get(), impl.get());
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &Impl::OnDelivery);
  ASSIGN_OR_RETURN(impl->rk, rdkafka::NewHandle(RD_KAFKA_PRODUCER, std::move(conf)));
  return std::unique_ptr<KafkaProducer>(new KafkaProducer(std::move(impl)));
}

absl::Status KafkaProducer::Produce(const Outgoing& message) {
  const std::string topic(message.topic);
  // Names must end in NUL; the vector must not grow once pointers into it are taken.
  std::vector<std::string> names;
  names.reserve(message.headers.size());
  std::vector<rd_kafka_vu_t> args;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    args.emplace_back().vtype = type;
    return args.back();
  };
  const auto bytes = [](std::string_view view) { return const_cast<char*>(view.data()); };
  add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 =
      message.partition < 0 ? RD_KAFKA_PARTITION_UA : message.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  if (message.key) add(RD_KAFKA_VTYPE_KEY).u.mem = {bytes(*message.key), message.key->size()};
  if (message.payload) {
    // An empty payload is not a tombstone: its pointer must not be null.
    const std::string_view payload = message.payload->data() == nullptr ? "" : *message.payload;
    add(RD_KAFKA_VTYPE_VALUE).u.mem = {bytes(payload), payload.size()};
  }
  if (message.time != kNoTime) {
    add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 =
        std::chrono::floor<std::chrono::milliseconds>(message.time).time_since_epoch().count();
  }
  for (const auto& [name, value] : message.headers) {
    names.emplace_back(name);
    add(RD_KAFKA_VTYPE_HEADER).u.header = {names.back().c_str(), value.data(),
                                           static_cast<ssize_t>(value.size())};
  }
  const Deadline deadline(impl_->options.block_max);
  for (;;) {
    const Owned<rd_kafka_error_t> error(
        rd_kafka_produceva(impl_->rk.get(), args.data(), args.size()));
    rd_kafka_poll(impl_->rk.get(), 0);
    if (error == nullptr) return absl::OkStatus();
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return InvalidArgument("message to Kafka topic '{}' refused: {}", topic,
                             rd_kafka_error_string(error.get()));
    }
    if (deadline.passed()) return Unavailable("Kafka producer's queue stayed full");
    rd_kafka_poll(impl_->rk.get(), 10);
  }
}

absl::Status KafkaProducer::Flush(Duration timeout) {
  const rd_kafka_resp_err_t error = rd_kafka_flush(impl_->rk.get(), Milliseconds(timeout));
  std::string failure;
  {
    const std::lock_guard lock(impl_->mu);
    failure.swap(impl_->first_failure);
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Unavailable("{} messages are not delivered to Kafka yet: {}",
                       rd_kafka_outq_len(impl_->rk.get()), rd_kafka_err2str(error));
  }
  if (!failure.empty()) return Unavailable("not delivered to Kafka: {}", failure);
  return absl::OkStatus();
}

uint64_t KafkaProducer::delivered() const { return impl_->delivered; }
uint64_t KafkaProducer::failed() const { return impl_->failed; }

}  // namespace tocsin::ingest
