// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/filter.h"
#include "base/time.h"
#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/silence.pb.h"

namespace tocsin::api {

// The silences there are. The fold puts them, the query layer asks whom they hold for. Thread-safe.
class Silences {
 public:
  // Adds or replaces, by name. One whose filter this release cannot read silences nothing.
  void Put(const v1::Silence& silence);
  void Remove(const std::string& name);
  // By name; an empty one if there is none.
  v1::Silence Find(const std::string& name) const;
  // All, in the order of their expiry, then name.
  std::vector<v1::Silence> All() const;
  // Sets silenced_by to the name of a silence that holds for the incident at `now`, the one that
  // lasts longest; clears it if there is none. Costs a look at each active silence.
  void Mark(Time now, v1::Incident& incident) const;

 private:
  struct Entry {
    v1::Silence silence;
    Filter filter;
    bool readable = false;
  };
  std::shared_ptr<const std::vector<Entry>> entries() const;

  mutable std::mutex mu_;
  std::shared_ptr<const std::vector<Entry>> entries_ =  // guarded by mu_; replaced whole
      std::make_shared<const std::vector<Entry>>();
};

// PENDING, ACTIVE or EXPIRED, by the clock.
v1::Silence::State SilenceStateAt(const v1::Silence& silence, Time now);

}  // namespace tocsin::api
