// SPDX-License-Identifier: Apache-2.0
#include "correlate/causes.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/row.h"

namespace tocsin::correlate {
namespace {

using state::v1::Problem;

constexpr int kChainMax = 64;  // longer chains of causes are cut: no story is that long

// The first entity of this kind that both name; "" if none. Both sets are sorted.
std::string SharedEntity(const Problem& a, const Problem& b, EntityKind kind) {
  auto i = a.related().begin();
  auto j = b.related().begin();
  while (i != a.related().end() && j != b.related().end()) {
    if (*i < *j) {
      ++i;
    } else if (*j < *i) {
      ++j;
    } else {
      if (EntityFromString(*i).kind == kind) return *i;
      ++i;
      ++j;
    }
  }
  return "";
}

bool Better(const Candidate& a, const Candidate& b) {
  auto rank = [](const Candidate& c) {
    bool before = c.gap >= -kSlotLength;
    // Among those before the effect the nearest, then the others by nearness too.
    return std::tuple(c.sibling, static_cast<int>(c.scope), !before, before ? c.gap : -c.gap,
                      std::string_view(c.key));
  };
  return rank(a) < rank(b);
}

}  // namespace

std::optional<Candidate> MayCause(const Problem& cause, const Problem& effect, const Edge& edge,
                                  const Catalogue& catalogue) {
  if (cause.episode() == 0 || cause.cluster() != effect.cluster()) return std::nullopt;
  Time onset = TimeFromNanos(effect.onset());
  if (TimeFromNanos(cause.first()) > onset + edge.after) return std::nullopt;
  const Signature* signature = catalogue.Find(cause.signature());
  bool lasting =
      signature != nullptr && signature->kind == Signature::Kind::kState && cause.active();
  Time seen = TimeFromNanos(std::max(cause.last(), cause.cleared()));
  if (signature != nullptr && signature->kind == Signature::Kind::kOccurrence) {
    seen = TimeFromNanos(cause.last());
  }
  if (!lasting && seen + edge.before < onset) return std::nullopt;
  std::string shared = SharedEntity(cause, effect, edge.same);
  if (shared.empty()) return std::nullopt;
  return Candidate{ProblemKey(cause), std::move(shared), edge.same,
                   Duration(effect.onset() - cause.onset())};
}

std::vector<Candidate> CandidateCauses(const Problem& effect, const Layer& layer) {
  std::map<std::string, Candidate> best;  // by cause: one problem is one candidate
  std::string self = ProblemKey(effect);
  for (const CauseOf& by : layer.catalogue().CausesOf(effect.signature())) {
    for (const std::string& entity : effect.related()) {
      if (EntityFromString(entity).kind != by.edge.same) continue;
      for (const std::string& key : layer.Sharing(effect.cluster(), by.cause->id, entity)) {
        const Problem* cause = layer.Find(key);
        if (cause == nullptr || key == self) continue;
        if (by.sibling && (cause->entity() != effect.entity() ||
                           std::pair(effect.onset(), self) < std::pair(cause->onset(), key))) {
          continue;
        }
        std::optional<Candidate> candidate = MayCause(*cause, effect, by.edge, layer.catalogue());
        if (!candidate) continue;
        candidate->sibling = by.sibling;
        auto [it, inserted] = best.emplace(key, *candidate);
        if (!inserted && Better(*candidate, it->second)) it->second = *candidate;
      }
    }
  }
  std::vector<Candidate> sorted;
  for (auto& [key, candidate] : best) sorted.push_back(std::move(candidate));
  std::sort(sorted.begin(), sorted.end(), Better);
  return sorted;
}

std::string RootOf(const std::string& key, const Layer& layer) {
  std::string at = key;
  for (int i = 0; i < kChainMax; ++i) {
    const Problem* problem = layer.Find(at);
    if (problem == nullptr || problem->parent().empty()) return at;
    at = problem->parent();
  }
  return at;
}

}  // namespace tocsin::correlate
