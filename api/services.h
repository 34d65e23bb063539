// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "api/query.h"

namespace grpc {
class Service;
}

namespace tocsin::api {

class WatchHub;
class Workers;

// The services of tocsin.v1. They only translate: `query` answers on a thread of `workers`,
// `watches` streams. Every unary call honours its deadline and cancellation, also while it waits
// for a thread; when no more may wait it is RESOURCE_EXHAUSTED with a RetryInfo. All arguments
// outlive the services.
std::vector<std::unique_ptr<grpc::Service>> MakeServices(Query& query, Workers& workers,
                                                         Workers& command_workers,
                                                         WatchHub& watches);

}  // namespace tocsin::api
