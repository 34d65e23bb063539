// SPDX-License-Identifier: Apache-2.0
#include "matcher/tagger.h"

#include <algorithm>
#include <cstdlib>

#include "matcher/capture_value.h"
#include "matcher/exit_code.h"

namespace tocsin::matcher {

namespace {
// A line of a mebibyte can hold a hundred thousand clauses; nobody reads more than these.
constexpr size_t kEachMax = 1000;
}  // namespace

Tagger::Tagger(const PatternSet& patterns) : patterns_(patterns), scanner_(patterns) {}

void Tagger::Tag(const Record& record, absl::FunctionRef<void(const Finding&)> visit) {
  std::string_view text = MatchedText(record.text);
  const std::vector<uint32_t>& hits = scanner_.Scan(text, MaskOf(record.stream));
  if (hits.empty()) return;

  // Hits are sorted, and a signature's patterns stand together, `match` before `unless`.
  const std::vector<PatternInfo>& infos = patterns_.patterns();
  candidates_.clear();
  for (size_t i = 0; i < hits.size();) {
    Candidate candidate{infos[hits[i]].signature, i, i, false};
    bool unless = false;
    for (; i < hits.size() && infos[hits[i]].signature == candidate.signature; ++i) {
      if (infos[hits[i]].unless) {
        unless = true;
      } else {
        candidate.last_hit = i + 1;
      }
    }
    if (!unless && candidate.last_hit > candidate.first_hit) candidates_.push_back(candidate);
  }
  if (candidates_.size() > 1) {
    // A refined signature still refines others: of a chain only the most specific is left.
    for (const Candidate& candidate : candidates_) {
      for (uint32_t refined : patterns_.RefinedBy(candidate.signature)) {
        for (Candidate& other : candidates_) other.refined |= other.signature == refined;
      }
    }
  }

  YieldGeneric();

  finding_.record = &record;
  for (const Candidate& candidate : candidates_) {
    if (candidate.refined) continue;
    finding_.signature = &patterns_.catalogue().signatures()[candidate.signature];
    finding_.captures.clear();
    if (finding_.signature->each) {
      EmitEach(text, hits, candidate, visit);
      continue;
    }
    uint32_t pattern = hits[candidate.first_hit];
    if (infos[pattern].captures) {
      PatternSet::Span span;
      patterns_.Extract(pattern, text, 0, span, finding_.captures);
    }
    Emit(visit);
  }
}

void Tagger::YieldGeneric() {
  if (candidates_.size() < 2) return;
  const std::vector<Signature>& signatures = patterns_.catalogue().signatures();
  bool told = std::any_of(candidates_.begin(), candidates_.end(), [&](const Candidate& candidate) {
    const Signature& signature = signatures[candidate.signature];
    return !candidate.refined && !signature.generic && !signature.requires_near &&
           signature.severity > Severity::kInfo;
  });
  if (!told) return;
  for (Candidate& candidate : candidates_) {
    candidate.refined |= signatures[candidate.signature].generic;
  }
}

void Tagger::EmitEach(std::string_view text, const std::vector<uint32_t>& hits,
                      const Candidate& candidate, absl::FunctionRef<void(const Finding&)> visit) {
  each_.clear();
  each_captures_.clear();
  for (size_t i = candidate.first_hit; i < candidate.last_hit; ++i) {
    Each match;
    size_t from = 0;
    while (from <= text.size() && each_.size() < kEachMax) {
      match.first_capture = each_captures_.size();
      if (!patterns_.Extract(hits[i], text, from, match.span, each_captures_)) break;
      match.last_capture = each_captures_.size();
      each_.push_back(match);
      from = std::max(match.span.end, match.span.begin + 1);
    }
  }
  if (each_.empty()) return Emit(visit);
  // Leftmost first; where two patterns begin at the same byte, the lower-numbered (sorts stably).
  std::stable_sort(each_.begin(), each_.end(),
                   [](const Each& a, const Each& b) { return a.span.begin < b.span.begin; });
  size_t end = 0;
  for (const Each& match : each_) {
    if (match.span.begin < end) continue;
    end = match.span.end;
    finding_.captures.assign(
        each_captures_.begin() + static_cast<std::ptrdiff_t>(match.first_capture),
        each_captures_.begin() + static_cast<std::ptrdiff_t>(match.last_capture));
    Emit(visit);
  }
}

void Tagger::Emit(absl::FunctionRef<void(const Finding&)> visit) {
  if (!finding_.signature->capture_types.empty()) NormaliseCaptures();
  finding_.identity = ResolveIdentity(*finding_.record, finding_.captures);
  ResolveEntity(finding_.signature->entity, finding_.identity, finding_.entity);
  // Whose line it is decides whether it counts; whom the problem is about, how bad it is.
  const Signature& here = patterns_.catalogue().In(*finding_.signature, finding_.identity.cluster,
                                                   finding_.identity.ns);
  if (here.off) return;
  finding_.shadow = here.shadow;
  finding_.severity =
      patterns_.catalogue()
          .In(*finding_.signature, finding_.identity.cluster, NamespaceOf(finding_.entity))
          .severity;
  visit(finding_);
}

void Tagger::NormaliseCaptures() {
  values_.resize(std::max(values_.size(), finding_.captures.size()));  // no value moves below
  std::string_view signal;
  for (size_t i = 0; i < finding_.captures.size(); ++i) {
    Capture& capture = finding_.captures[i];
    auto type = finding_.signature->capture_types.find(capture.name);
    if (type == finding_.signature->capture_types.end()) continue;
    if (!NormaliseCapture(type->second, capture.value, values_[i])) continue;
    capture.value = values_[i];
    if (type->second == CaptureType::kExitCode) {
      signal = SignalOfExitCode(std::atoi(values_[i].c_str()));
    }
  }
  if (!signal.empty()) finding_.captures.push_back({"signal", signal});
}

}  // namespace tocsin::matcher
