// SPDX-License-Identifier: Apache-2.0
#include "base/signature.h"

#include <algorithm>

namespace tocsin {

std::string_view Localised(const Text& text, std::string_view lang) {
  if (auto it = text.find(std::string(lang)); it != text.end()) return it->second;
  if (auto it = text.find("en"); it != text.end()) return it->second;
  return text.empty() ? std::string_view() : text.begin()->second;
}

Catalogue::Catalogue(std::vector<Signature> signatures, std::string version)
    : signatures_(std::move(signatures)), version_(std::move(version)) {
  std::sort(signatures_.begin(), signatures_.end(),
            [](const Signature& a, const Signature& b) { return a.id < b.id; });
  for (const Signature& signature : signatures_) {
    by_id_.emplace(signature.id, &signature);
    for (const std::string& alias : signature.aliases) by_id_.emplace(alias, &signature);
  }
  for (const Signature& cause : signatures_) {
    for (const Edge& edge : cause.causes) {
      if (const Signature* effect = Find(edge.id)) {
        causes_of_[effect->id].push_back({&cause, edge});
      }
    }
    for (const std::string& clearer : cause.cleared_by) {
      if (const Signature* found = Find(clearer)) cleared_by_[found->id].push_back(&cause);
    }
  }
}

const Signature* Catalogue::Find(std::string_view id) const {
  auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

const std::vector<CauseOf>& Catalogue::CausesOf(std::string_view effect) const {
  static const std::vector<CauseOf> kNone;
  auto it = causes_of_.find(effect);
  return it == causes_of_.end() ? kNone : it->second;
}

const std::vector<const Signature*>& Catalogue::ClearedBy(std::string_view clearer) const {
  static const std::vector<const Signature*> kNone;
  auto it = cleared_by_.find(clearer);
  return it == cleared_by_.end() ? kNone : it->second;
}

}  // namespace tocsin
