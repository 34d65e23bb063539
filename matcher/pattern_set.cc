// SPDX-License-Identifier: Apache-2.0
#include "matcher/pattern_set.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <hs.h>
#include <limits>
#include <mutex>
#include <string>

#include <re2/re2.h>

#include "base/hash.h"
#include "matcher/dialect.h"
#include "matcher/re2_options.h"

// One union database: scanning once with every pattern and applying the stream mask to the few hits
// costs less than choosing among databases, up to some thousands of patterns (DESIGN section G's
// dialect rule; measured in bench/).
namespace tocsin::matcher {
namespace {

constexpr size_t kGroupsMax = 32;  // the whole match and the dialect's 31 groups

struct LazyRegex {
  std::once_flag once;
  std::unique_ptr<RE2> re;
  std::vector<std::string> names;  // by group number; empty: unnamed
};

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
using Database = std::unique_ptr<hs_database_t, FreeDatabase>;

constexpr std::string_view kCacheKind = "hyperscan";

// All that a database follows from, but the processor: hs_deserialize_database looks at that.
uint64_t KeyOf(const std::vector<const char*>& expressions, const std::vector<unsigned>& flags) {
  uint64_t key = StableHash(hs_version());
  for (size_t i = 0; i < expressions.size(); ++i) {
    key = StableHash(expressions[i], key + flags[i] + 1);
  }
  return key;
}

Database FromCache(const PatternCache& cache, uint64_t key) {
  hs_database_t* database = nullptr;
  cache.Read(kCacheKind, key, [&](std::string_view bytes) {
    return hs_deserialize_database(bytes.data(), bytes.size(), &database) == HS_SUCCESS;
  });
  return Database(database);
}

void ToCache(const hs_database_t& database, const PatternCache& cache, uint64_t key) {
  char* bytes = nullptr;
  size_t size = 0;
  if (hs_serialize_database(&database, &bytes, &size) != HS_SUCCESS) return;
  std::unique_ptr<char, void (*)(void*)> owned(bytes, std::free);
  cache.Write(kCacheKind, key, {bytes, size});
}

}  // namespace

struct PatternSet::Impl {
  const Catalogue* catalogue = nullptr;
  std::vector<PatternInfo> patterns;
  std::vector<const std::string*> texts;  // in the catalogue
  std::vector<std::vector<uint32_t>> refined_by;
  Database database;  // null: no patterns
  std::unique_ptr<LazyRegex[]> regexes;
};

PatternSet::PatternSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PatternSet::~PatternSet() = default;

const Catalogue& PatternSet::catalogue() const { return *impl_->catalogue; }
const std::vector<PatternInfo>& PatternSet::patterns() const { return impl_->patterns; }
std::string_view PatternSet::pattern_text(uint32_t pattern) const { return *impl_->texts[pattern]; }
const std::vector<uint32_t>& PatternSet::RefinedBy(uint32_t signature) const {
  return impl_->refined_by[signature];
}

absl::StatusOr<std::unique_ptr<const PatternSet>> PatternSet::Compile(const Catalogue& catalogue,
                                                                      const PatternCache& cache) {
  if (hs_valid_platform() != HS_SUCCESS) {
    return FailedPrecondition(
        "this processor lacks SSSE3, which Hyperscan needs; run tocsin on a newer machine");
  }
  auto impl = std::make_unique<Impl>();
  impl->catalogue = &catalogue;
  const std::vector<Signature>& signatures = catalogue.signatures();
  std::vector<const char*> expressions;
  std::vector<unsigned> flags, ids;
  impl->refined_by.resize(signatures.size());
  for (uint32_t s = 0; s < signatures.size(); ++s) {
    const Signature& signature = signatures[s];
    for (bool unless : {false, true}) {
      const std::vector<std::string>& texts = unless ? signature.unless : signature.match;
      for (uint32_t i = 0; i < texts.size(); ++i) {
        PatternForm form = AnalysePattern(texts[i]);
        if (!form.problem.message.empty()) {
          return InvalidArgument("{}:{}: {}: pattern '{}': {}", signature.file, signature.line,
                                 signature.id, texts[i], form.problem.message);
        }
        ids.push_back(static_cast<unsigned>(impl->patterns.size()));
        expressions.push_back(texts[i].c_str());
        flags.push_back(HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL |
                        (form.caseless ? HS_FLAG_CASELESS : 0));
        impl->patterns.push_back({s, i, unless, !form.names.empty(), signature.streams});
        impl->texts.push_back(&texts[i]);
      }
    }
    for (const std::string& id : signature.refines) {
      if (const Signature* refined = catalogue.Find(id)) {
        impl->refined_by[s].push_back(static_cast<uint32_t>(refined - signatures.data()));
      }
    }
    std::sort(impl->refined_by[s].begin(), impl->refined_by[s].end());
  }
  const uint64_t key = KeyOf(expressions, flags);
  if (!expressions.empty()) impl->database = FromCache(cache, key);
  if (!expressions.empty() && impl->database == nullptr) {
    hs_database_t* database = nullptr;
    hs_compile_error_t* error = nullptr;
    if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                         static_cast<unsigned>(expressions.size()), HS_MODE_BLOCK, nullptr,
                         &database, &error) != HS_SUCCESS) {
      std::unique_ptr<hs_compile_error_t, hs_error_t (*)(hs_compile_error_t*)> owned(
          error, hs_free_compile_error);
      if (error->expression < 0) {
        return InvalidArgument("Hyperscan refuses the catalogue: {}; write fewer patterns",
                               error->message);
      }
      size_t bad = static_cast<size_t>(error->expression);
      const Signature& signature = signatures[impl->patterns[bad].signature];
      return InvalidArgument(
          "{}:{}: {}: pattern '{}': Hyperscan refuses it ({}); write what both engines accept",
          signature.file, signature.line, signature.id, *impl->texts[bad], error->message);
    }
    impl->database.reset(database);
    ToCache(*database, cache, key);
  }
  impl->regexes = std::make_unique<LazyRegex[]>(impl->patterns.size());
  return std::unique_ptr<const PatternSet>(new PatternSet(std::move(impl)));
}

bool PatternSet::Extract(uint32_t pattern, std::string_view text, size_t from, Span& span,
                         std::vector<Capture>& captures) const {
  LazyRegex& lazy = impl_->regexes[pattern];
  std::call_once(lazy.once, [&] {
    auto re = std::make_unique<RE2>(AnalysePattern(*impl_->texts[pattern]).re2, Re2Options());
    if (!re->ok()) return;  // the loader checks; a catalogue made by hand may not have been
    for (const auto& [number, name] : re->CapturingGroupNames()) {
      size_t group = static_cast<size_t>(number);
      if (group >= lazy.names.size()) lazy.names.resize(group + 1);
      lazy.names[group] = name;
    }
    lazy.re = std::move(re);
  });
  if (lazy.re == nullptr) return false;
  std::array<re2::StringPiece, kGroupsMax> groups;
  // One slot is always asked for: where the match stands.
  size_t wanted = std::clamp<size_t>(lazy.names.size(), 1, kGroupsMax);
  if (!lazy.re->Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                      RE2::UNANCHORED, groups.data(), static_cast<int>(wanted))) {
    return false;
  }
  span.begin = static_cast<size_t>(groups[0].data() - text.data());
  span.end = span.begin + groups[0].size();
  for (size_t i = 1; i < wanted; ++i) {
    if (lazy.names[i].empty() || groups[i].data() == nullptr) continue;
    captures.push_back({lazy.names[i], {groups[i].data(), groups[i].size()}});
  }
  return true;
}

struct Scanner::Impl {
  const PatternSet::Impl* set = nullptr;
  hs_scratch_t* scratch = nullptr;
  StreamMask streams = 0;
  std::vector<uint32_t> hits;
};

Scanner::Scanner(const PatternSet& patterns) : impl_(std::make_unique<Impl>()) {
  impl_->set = patterns.impl_.get();
  impl_->hits.reserve(64);
  if (impl_->set->database != nullptr) {
    TOCSIN_CHECK(hs_alloc_scratch(impl_->set->database.get(), &impl_->scratch) == HS_SUCCESS);
  }
}

Scanner::~Scanner() { hs_free_scratch(impl_->scratch); }

const std::vector<uint32_t>& Scanner::Scan(std::string_view text, StreamMask streams) {
  Impl& impl = *impl_;
  impl.hits.clear();
  if (impl.scratch == nullptr || text.empty()) return impl.hits;
  impl.streams = streams;
  auto on_match = [](unsigned id, unsigned long long, unsigned long long, unsigned,
                     void* context) -> int {
    Impl& self = *static_cast<Impl*>(context);
    if (self.set->patterns[id].streams & self.streams) self.hits.push_back(id);
    return 0;
  };
  // Hyperscan counts in 32 bits; nothing that long comes out of a decoder.
  text = text.substr(0, std::numeric_limits<unsigned>::max());
  TOCSIN_CHECK(hs_scan(impl.set->database.get(), text.data(), static_cast<unsigned>(text.size()), 0,
                       impl.scratch, on_match, &impl) == HS_SUCCESS);
  if (impl.hits.size() > 1) std::sort(impl.hits.begin(), impl.hits.end());
  return impl.hits;
}

}  // namespace tocsin::matcher
