// SPDX-License-Identifier: Apache-2.0
#include "ingest/embedded_kafka.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/status.h"
#include "ingest/kafka_handle.h"

namespace tocsin::ingest {

struct EmbeddedKafka::Impl {
  struct DestroyCluster {
    void operator()(rd_kafka_mock_cluster_t* cluster) const {
      rd_kafka_mock_cluster_destroy(cluster);
    }
  };
  // The mock cluster needs a client to live in; nothing is ever sent with it.
  rdkafka::Owned<rd_kafka_t> rk;
  std::unique_ptr<rd_kafka_mock_cluster_t, DestroyCluster> cluster;
  std::string bootstrap;
};

EmbeddedKafka::EmbeddedKafka(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedKafka::~EmbeddedKafka() = default;

absl::StatusOr<std::unique_ptr<EmbeddedKafka>> EmbeddedKafka::Create(int num_brokers) {
  if (num_brokers < 1) return InvalidArgument("an embedded Kafka needs a broker");
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(auto conf, rdkafka::NewConf({{"client.id", "tocsin-embedded"}}, {}));
  ASSIGN_OR_RETURN(impl->rk, rdkafka::NewHandle(RD_KAFKA_PRODUCER, std::move(conf)));
  impl->cluster.reset(rd_kafka_mock_cluster_new(impl->rk.get(), num_brokers));
  if (impl->cluster == nullptr) return Unavailable("the embedded Kafka cannot listen on loopback");
  impl->bootstrap = rd_kafka_mock_cluster_bootstraps(impl->cluster.get());
  return std::unique_ptr<EmbeddedKafka>(new EmbeddedKafka(std::move(impl)));
}

const std::string& EmbeddedKafka::bootstrap() const { return impl_->bootstrap; }

absl::Status EmbeddedKafka::CreateTopic(const std::string& name, int partitions) {
  const rd_kafka_resp_err_t error =
      rd_kafka_mock_topic_create(impl_->cluster.get(), name.c_str(), partitions, 1);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return FailedPrecondition("topic '{}' not created: {}", name, rd_kafka_err2str(error));
  }
  return absl::OkStatus();
}

void EmbeddedKafka::SetDown(bool down) {
  constexpr int32_t kAll = -1;
  if (down) {
    rd_kafka_mock_broker_set_down(impl_->cluster.get(), kAll);
  } else {
    rd_kafka_mock_broker_set_up(impl_->cluster.get(), kAll);
  }
}

}  // namespace tocsin::ingest
