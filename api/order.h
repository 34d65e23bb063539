// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"

#include "tocsin/v1/incident.pb.h"

namespace tocsin::api {

// An incident's place in an order. `name` is a view into what it was made from.
struct Place {
  absl::InlinedVector<int64_t, 4> numbers;
  std::string_view name;
};

// `order_by` of ListIncidents: total, because the name breaks ties.
class Order {
 public:
  // Empty: "severity desc, open_time desc". INVALID_ARGUMENT names what is not known.
  static absl::StatusOr<Order> Parse(std::string_view text);

  Place PlaceOf(const v1::Incident& incident) const;
  bool Before(const Place& a, const Place& b) const;
  // Of Place::numbers in this order.
  size_t number_count() const { return keys_.size() - (by_name_ ? 1 : 0); }

 private:
  enum class Key { kSeverity, kOpenTime, kLastHitTime, kHitCount, kName };
  struct Part {
    Key key;
    bool descending;
  };
  std::vector<Part> keys_;  // nothing comes after kName
  bool by_name_ = false;
};

}  // namespace tocsin::api
