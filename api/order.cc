// SPDX-License-Identifier: Apache-2.0
#include "api/order.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/error.h"
#include "api/fields.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

absl::StatusOr<Order> Order::Parse(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Key>, 5> kKeys = {
      {{"severity", Key::kSeverity},
       {"open_time", Key::kOpenTime},
       {"last_hit_time", Key::kLastHitTime},
       {"hit_count", Key::kHitCount},
       {"name", Key::kName}}};
  Order order;
  text = Trim(text);
  if (text.empty()) text = "severity desc, open_time desc";
  while (true) {
    size_t comma = text.find(',');
    std::string_view part = Trim(text.substr(0, comma));
    size_t space = part.find(' ');
    std::string_view direction =
        space == std::string_view::npos ? std::string_view() : Trim(part.substr(space));
    std::string_view name = part.substr(0, space);
    const auto* key = std::find_if(kKeys.begin(), kKeys.end(),
                                   [&](const auto& known) { return known.first == name; });
    if (key == kKeys.end() || (!direction.empty() && direction != "desc" && direction != "asc")) {
      return BadField(
          "order_by",
          fmt::format("{} is not one of severity, open_time, last_hit_time, hit_count, name, "
                      "each with or without \" desc\"",
                      Quoted(part)),
          "INVALID_ORDER");
    }
    bool twice = std::any_of(order.keys_.begin(), order.keys_.end(),
                             [&](const Part& p) { return p.key == key->second; });
    if (twice) {
      return BadField("order_by", fmt::format("{} stands there twice", name), "INVALID_ORDER");
    }
    if (!order.by_name_) order.keys_.push_back({key->second, direction == "desc"});
    order.by_name_ |= key->second == Key::kName;
    if (comma == std::string_view::npos) return order;
    text.remove_prefix(comma + 1);
  }
}

Place Order::PlaceOf(const v1::Incident& incident) const {
  Place place;
  place.name = incident.name();
  for (const Part& part : keys_) {
    switch (part.key) {
      case Key::kSeverity:
        place.numbers.push_back(incident.severity());
        break;
      case Key::kOpenTime:
        place.numbers.push_back(NanosOf(incident.open_time()));
        break;
      case Key::kLastHitTime:
        place.numbers.push_back(NanosOf(incident.last_hit_time()));
        break;
      case Key::kHitCount:
        place.numbers.push_back(incident.hit_count());
        break;
      case Key::kName:
        break;
    }
  }
  return place;
}

bool Order::Before(const Place& a, const Place& b) const {
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].key == Key::kName) return keys_[i].descending ? a.name > b.name : a.name < b.name;
    if (a.numbers[i] != b.numbers[i]) return (a.numbers[i] < b.numbers[i]) != keys_[i].descending;
  }
  return a.name < b.name;
}

}  // namespace tocsin::api
