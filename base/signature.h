// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/entity.h"
#include "base/stream.h"
#include "base/time.h"

namespace tocsin {

// The numbers equal tocsin.v1.Severity's.
enum class Severity : uint8_t {
  kUnspecified = 0,
  kInfo = 1,
  kWarning = 2,
  kError = 3,
  kCritical = 4
};
std::string_view SeverityName(Severity severity);                 // "warning"
std::optional<Severity> SeverityFromName(std::string_view name);  // any case

// A text in several languages, by language tag ("en", "zh").
using Text = std::map<std::string, std::string>;
// `lang` if it is there, else English, else whatever there is, else "".
std::string_view Localised(const Text& text, std::string_view lang = "en");

// "This signature's problems cause that one's": cause and effect share an entity of kind `same`;
// the effect's onset lies between `after` before the cause's onset (effects may be logged first)
// and `before` after the cause was last seen.
struct Edge {
  std::string id;  // the effect
  EntityKind same = EntityKind::kNode;
  Duration before = std::chrono::minutes(10);
  Duration after = std::chrono::minutes(1);
};

// How the value of a capture is read; see signatures/README.md.
enum class CaptureType : uint8_t { kText, kBytes, kCount, kDuration, kImage, kExitCode };

struct Example {
  std::string text;
  std::map<std::string, std::string>
      captures;  // asserted; may be fewer than the signature captures
  std::string file;
  int line = 0;
};

// A finding counts only where one of `ids` was found within this time of it, before or after, at
// the same entity of kind `same`.
struct Near {
  std::vector<std::string> ids;
  EntityKind same = EntityKind::kNode;
  Duration within = std::chrono::minutes(1);
};

// `after` was found, and `id` was not in this time after it, though the node was heard of.
struct Absent {
  std::string after;
  std::string id;
  Duration within = std::chrono::minutes(10);
};

// What a container or node logs, in all its streams.
struct Measure {
  bool of_containers = false;  // else nodes
  int64_t over = 0;  // bytes a second in every slot for as long as `lasts`; 0: `silent` is asked
  Duration lasts = std::chrono::minutes(1);
  // Nothing for so long, while most nodes that logged beside it still do.
  Duration silent{};
};

// Planned work may be logged this much after its first effect. So that the fold knows of it in
// time, a lane announces it by a row of its own, filed so much earlier and named after the
// signature with the suffix.
inline constexpr Duration kPlannedAhead = std::chrono::seconds(20);
inline constexpr std::string_view kAheadSuffix = "~ahead";

// One known failure. Field by field the YAML of signatures/README.md, with defaults resolved.
struct Signature {
  enum class Kind : uint8_t {
    kOccurrence,  // ends by quiet time
    kState,       // said once, true until unsaid
  };

  std::string id;
  Text title;
  StreamMask streams = kAllStreams;  // kText is always in it
  Severity severity = Severity::kError;
  Kind kind = Kind::kOccurrence;
  EntityKind entity = EntityKind::kNode;
  std::vector<std::string> match;   // any of these
  std::vector<std::string> unless;  // a record that also matches one of these is not a finding
  // A wrapper that prints its cause: no finding on a record in which a signature that is not
  // generic, and not kInfo, says what it was.
  bool generic = false;
  // Without `match`: made of other signatures' findings or of tallies.
  bool derived() const { return !sequence.empty() || absent || measure; }
  bool each = false;  // every match in the record is a finding
  // Captures whose values are made comparable; one typed kExitCode also gives capture `signal`.
  std::map<std::string, CaptureType, std::less<>> capture_types;
  int64_t threshold_count = 1;                          // hits ...
  Duration threshold_within = std::chrono::minutes(1);  // ... within this much event time
  std::string threshold_distinct;  // not hits but different values of this capture count
  std::string ratio_of;            // and hits are at least `ratio_over` of this signature's ...
  double ratio_over = 0;           // ... in the same time
  Duration threshold_for{};        // and all this lasts
  // Lines with equal values of these captures within this time are one occurrence.
  std::vector<std::string> occurrence_key;
  Duration occurrence_within = std::chrono::seconds(5);
  std::optional<Near> requires_near;
  // Not matched but derived: these, in order, within threshold_within.
  std::vector<std::string> sequence;
  std::optional<Absent> absent;               // not matched but derived
  std::optional<Measure> measure;             // not matched but measured
  std::string group;                          // see CauseOf::sibling
  Duration quiet = std::chrono::minutes(10);  // kOccurrence: over after this much quiet
  std::vector<std::string> cleared_by;        // signatures that prove recovery at the same entity
  std::vector<Edge> causes;
  std::vector<std::string> expected_during;  // planned work in which this is normal
  bool context = false;  // some `expected_during` names it; the catalogue sets it
  bool removal = false;  // `entity`, a node, is there no more: what is open about it ends
  std::vector<std::string> refines;  // made redundant by this one on the same record
  std::vector<std::string> aliases;
  std::vector<std::string> references;
  Text cause;
  Text remedy;
  std::string check;
  std::vector<Example> examples;
  std::vector<Example> counterexamples;
  std::string file;  // where it stands
  int line = 0;
  // Of the site's own overrides: what it does with the findings, and for people, what differs from
  // the file above and where that is said.
  bool off = false;     // no findings
  bool shadow = false;  // findings are counted and shown, and open no incident
  std::vector<std::string> overridden;
};

// A signature as it holds in a part of the fleet only.
struct ScopedSignature {
  std::string cluster;  // empty: in every cluster
  std::string ns;       // '*' and '?' stand for anything; empty: in every namespace
  Signature signature;
};

// An edge seen from the effect.
struct CauseOf {
  const Signature* cause;
  Edge edge;
  // Not a cause: of the same `group`. At one entity the problem that began first stands for the
  // others, so that the clauses of one message are one incident.
  bool sibling = false;
};

// The rules beyond patterns, one a line, for people: "5 different values of host within 5m".
std::vector<std::string> DescribeRules(const Signature& signature);

// All signatures, immutable. Share freely between threads. Views and pointers live as long as it
// does.
class Catalogue {
 public:
  Catalogue() = default;
  // `signatures` are valid (matcher/catalogue_loader.h checks): ids unique, edges' targets exist.
  // Sorted by id here. `version` identifies the content.
  // `scoped` are variants of some of them; none has the cluster, namespace and id of another.
  Catalogue(std::vector<Signature> signatures, std::string version,
            std::vector<ScopedSignature> scoped = {});
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  const std::vector<Signature>& signatures() const { return signatures_; }
  const std::string& version() const { return version_; }
  // By id or alias; nullptr if unknown.
  const Signature* Find(std::string_view id) const;
  // `signature` (one of signatures()) as it holds in this cluster and namespace (empty: in none):
  // itself, or of the variants that fit the most specific one: a namespace in a cluster, a
  // namespace, namespaces by a pattern, a cluster; among equals the last. Costs nothing where there
  // are no variants.
  const Signature& In(const Signature& signature, std::string_view cluster,
                      std::string_view ns) const;
  // What may cause `effect` (an id), in the order of the causes' ids.
  const std::vector<CauseOf>& CausesOf(std::string_view effect) const;
  // The signatures that `clearer` (an id) proves recovered.
  const std::vector<const Signature*>& ClearedBy(std::string_view clearer) const;
  // The signatures with a rule (requires_near, sequence, absent, ratio) that looks at findings of
  // `id`.
  const std::vector<const Signature*>& WatchersOf(std::string_view id) const;
  // Whether some signature's `expected_during` names this one (an id), and whether any is so named.
  bool IsContext(std::string_view id) const { return contexts_.contains(id); }
  bool has_contexts() const { return !contexts_.empty(); }
  // The signatures that tell of an entity's removal.
  const std::vector<const Signature*>& Removals() const { return removals_; }
  // What a lane must tally beyond lines and bytes per node. Nodes, slot by slot: for `measure`,
  // `absent` and states that must last. Containers: for `measure`.
  bool tallies_nodes() const { return tallies_nodes_; }
  bool tallies_containers() const { return tallies_containers_; }
  const std::vector<const Signature*>& Measures() const { return measures_; }

 private:
  void IndexRules(const Signature& signature);

  std::vector<Signature> signatures_;
  std::string version_;
  std::map<std::string, std::vector<ScopedSignature>, std::less<>> scoped_;  // by id
  std::map<std::string, const Signature*, std::less<>> by_id_;
  std::map<std::string, std::vector<CauseOf>, std::less<>> causes_of_;
  std::map<std::string, std::vector<const Signature*>, std::less<>> cleared_by_;
  std::map<std::string, std::vector<const Signature*>, std::less<>> watchers_;
  std::vector<const Signature*> measures_;
  std::set<std::string, std::less<>> contexts_;  // ids
  std::vector<const Signature*> removals_;
  bool tallies_nodes_ = false;
  bool tallies_containers_ = false;
};

}  // namespace tocsin
