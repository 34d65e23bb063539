// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "pipeline/fold.h"
#include "pipeline/kafka_lanes.h"

namespace tocsin::pipeline {

// What /metrics says: Prometheus' text format 0.0.4. Counters start at 0 with the process.
// README.md lists the names, which are part of the contract.
std::string FormatMetrics(const Fold::Stats& fold, const KafkaLanes::Stats& lanes,
                          std::string_view version);

}  // namespace tocsin::pipeline
