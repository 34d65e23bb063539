// SPDX-License-Identifier: Apache-2.0
#include "base/signature.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace tocsin {

std::string_view Localised(const Text& text, std::string_view lang) {
  if (auto it = text.find(std::string(lang)); it != text.end()) return it->second;
  if (auto it = text.find("en"); it != text.end()) return it->second;
  return text.empty() ? std::string_view() : text.begin()->second;
}

namespace {

bool GlobMatches(std::string_view glob, std::string_view text) {
  size_t g = 0, t = 0;
  size_t star = std::string_view::npos, retry = 0;  // the last '*', and where it began to match
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      retry = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

// Larger is more specific.
int Rank(const ScopedSignature& scoped) {
  int rank = scoped.cluster.empty() ? 0 : 1;
  if (!scoped.ns.empty()) rank += scoped.ns.find_first_of("*?") == std::string::npos ? 4 : 2;
  return rank;
}

}  // namespace

Catalogue::Catalogue(std::vector<Signature> signatures, std::string version,
                     std::vector<ScopedSignature> scoped)
    : signatures_(std::move(signatures)), version_(std::move(version)) {
  for (ScopedSignature& variant : scoped) {
    scoped_[variant.signature.id].push_back(std::move(variant));
  }
  for (auto& [id, variants] : scoped_) {
    // Most specific first, and of equals the last one.
    std::reverse(variants.begin(), variants.end());
    std::stable_sort(
        variants.begin(), variants.end(),
        [](const ScopedSignature& a, const ScopedSignature& b) { return Rank(a) > Rank(b); });
  }
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
  for (const Signature& signature : signatures_) IndexRules(signature);
  for (Signature& signature : signatures_) signature.context = contexts_.contains(signature.id);
  for (const auto& [id, variants] : scoped_) {
    for (const ScopedSignature& variant : variants) {
      tallies_nodes_ |= variant.signature.threshold_for > Duration::zero();
    }
  }
}

void Catalogue::IndexRules(const Signature& signature) {
  std::set<std::string> watched;
  auto watch = [&](const std::string& id) {
    const Signature* found = Find(id);
    if (found != nullptr && watched.insert(found->id).second) {
      watchers_[found->id].push_back(&signature);
    }
  };
  if (signature.requires_near) {
    for (const std::string& id : signature.requires_near->ids) watch(id);
  }
  for (const std::string& id : signature.sequence) watch(id);
  if (signature.absent) {
    watch(signature.absent->after);
    watch(signature.absent->id);
    tallies_nodes_ = true;
  }
  if (!signature.ratio_of.empty()) watch(signature.ratio_of);
  for (const std::string& id : signature.expected_during) {
    if (const Signature* found = Find(id)) contexts_.insert(found->id);
    tallies_nodes_ = true;  // that a window is over shows by what is logged later
  }
  if (signature.removal) removals_.push_back(&signature);
  if (signature.kind == Signature::Kind::kState && signature.threshold_for > Duration::zero()) {
    tallies_nodes_ = true;
  }
  if (signature.measure) {
    measures_.push_back(&signature);
    (signature.measure->of_containers ? tallies_containers_ : tallies_nodes_) = true;
  }
  if (signature.group.empty()) return;
  for (const Signature& other : signatures_) {
    if (&other == &signature || other.group != signature.group) continue;
    Edge edge;
    edge.id = signature.id;
    edge.same = signature.entity;
    edge.before = std::max(other.quiet, edge.before);
    edge.after = Duration::zero();
    causes_of_[signature.id].push_back({&other, edge, true});
  }
}

const std::vector<const Signature*>& Catalogue::WatchersOf(std::string_view id) const {
  static const std::vector<const Signature*> kNone;
  auto it = watchers_.find(id);
  return it == watchers_.end() ? kNone : it->second;
}

std::vector<std::string> DescribeRules(const Signature& signature) {
  std::vector<std::string> rules;
  auto list = [](const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const std::string& word : words) {
      if (!text.empty()) text += between;
      text += word;
    }
    return text;
  };
  auto add = [&](std::string rule) { rules.push_back(std::move(rule)); };
  if (!signature.sequence.empty()) {
    add(list(signature.sequence, ", then ") + ", within " +
        FormatDuration(signature.threshold_within));
  }
  if (const auto& absent = signature.absent) {
    add("after " + absent->after + " no " + absent->id + " within " +
        FormatDuration(absent->within));
  }
  if (const auto& measure = signature.measure) {
    std::string who = measure->of_containers ? "a container" : "a node";
    if (measure->silent > Duration::zero()) {
      add(who + " logs nothing for " + FormatDuration(measure->silent) + " while others go on");
    } else {
      add(who + " logs over " + std::to_string(measure->over) + " bytes a second for " +
          FormatDuration(measure->lasts));
    }
  }
  if (!signature.threshold_distinct.empty()) {
    add("counts different values of " + signature.threshold_distinct);
  }
  if (!signature.ratio_of.empty()) {
    std::string percent = std::to_string(std::lround(signature.ratio_over * 100));
    add("at least " + percent + " % of " + signature.ratio_of);
  }
  if (signature.threshold_for > Duration::zero())
    add("for " + FormatDuration(signature.threshold_for));
  if (!signature.occurrence_key.empty()) {
    add("lines with the same " + list(signature.occurrence_key, ", ") + " within " +
        FormatDuration(signature.occurrence_within) + " are one occurrence");
  }
  if (const auto& near = signature.requires_near) {
    add("only within " + FormatDuration(near->within) + " of " + list(near->ids, " or ") +
        " at the same " + std::string(EntityKindName(near->same)));
  }
  if (!signature.group.empty()) add("one incident with others of group " + signature.group);
  return rules;
}

const Signature* Catalogue::Find(std::string_view id) const {
  auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

const Signature& Catalogue::In(const Signature& signature, std::string_view cluster,
                               std::string_view ns) const {
  if (scoped_.empty()) return signature;
  auto found = scoped_.find(signature.id);
  if (found == scoped_.end()) return signature;
  for (const ScopedSignature& variant : found->second) {
    if (!variant.cluster.empty() && variant.cluster != cluster) continue;
    if (!variant.ns.empty() && (ns.empty() || !GlobMatches(variant.ns, ns))) continue;
    return variant.signature;
  }
  return signature;
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
