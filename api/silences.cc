// SPDX-License-Identifier: Apache-2.0
#include "api/silences.h"

#include <algorithm>
#include <tuple>

#include "api/fields.h"

namespace tocsin::api {

v1::Silence::State SilenceStateAt(const v1::Silence& silence, Time now) {
  if (NanosOf(silence.expire_time()) <= ToNanos(now)) return v1::Silence::EXPIRED;
  return NanosOf(silence.start_time()) > ToNanos(now) ? v1::Silence::PENDING : v1::Silence::ACTIVE;
}

std::shared_ptr<const std::vector<Silences::Entry>> Silences::entries() const {
  std::lock_guard lock(mu_);
  return entries_;
}

void Silences::Put(const v1::Silence& silence) {
  Entry entry{silence, {}, false};
  // Relative times in it mean what they meant when it was made.
  auto filter = Filter::Parse(silence.filter(), IncidentSchema(),
                              TimeFromNanos(NanosOf(silence.create_time())));
  if (filter.ok()) {
    entry.filter = *std::move(filter);
    entry.readable = true;
  }
  std::lock_guard lock(mu_);
  auto next = std::make_shared<std::vector<Entry>>(*entries_);
  std::erase_if(*next, [&](const Entry& e) { return e.silence.name() == silence.name(); });
  next->push_back(std::move(entry));
  std::sort(next->begin(), next->end(), [](const Entry& a, const Entry& b) {
    auto rank = [](const Entry& e) {
      return std::tuple(NanosOf(e.silence.expire_time()), std::string_view(e.silence.name()));
    };
    return rank(a) < rank(b);
  });
  entries_ = std::move(next);
}

void Silences::Remove(const std::string& name) {
  std::lock_guard lock(mu_);
  auto next = std::make_shared<std::vector<Entry>>(*entries_);
  std::erase_if(*next, [&](const Entry& e) { return e.silence.name() == name; });
  entries_ = std::move(next);
}

v1::Silence Silences::Find(const std::string& name) const {
  for (const Entry& entry : *entries()) {
    if (entry.silence.name() == name) return entry.silence;
  }
  return {};
}

std::vector<v1::Silence> Silences::All() const {
  std::vector<v1::Silence> all;
  for (const Entry& entry : *entries()) all.push_back(entry.silence);
  return all;
}

void Silences::Mark(Time now, v1::Incident& incident) const {
  incident.clear_silenced_by();
  for (const Entry& entry : *entries()) {
    if (!entry.readable || SilenceStateAt(entry.silence, now) != v1::Silence::ACTIVE) continue;
    if (entry.filter.Matches(incident)) incident.set_silenced_by(entry.silence.name());
  }
}

}  // namespace tocsin::api
