// SPDX-License-Identifier: Apache-2.0
// Common Reliability Enumerations. A rule is a set of terms that must all be seen within a window,
// or a sequence that must be seen in that order, of one source. A rule of one term is a signature;
// a sequence becomes one over a signature per term; a set of two, one that needs the other near. Of
// other sets the most telling term is taken.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <re2/re2.h>
#include <yaml-cpp/yaml.h>

#include "matcher/dialect.h"
#include "matcher/import_draft.h"
#include "matcher/re2_options.h"

namespace tocsin::matcher {
namespace {

using Fate = ImportedRule::Fate;

constexpr size_t kExamplesMax = 3;
constexpr size_t kExampleMax_bytes = 2000;
// A term that needs less than this says too little to stand for the others.
constexpr size_t kTellingMin = 6;
// What the language allows.
constexpr size_t kStepsMax = 10;
constexpr Duration kNearMax = std::chrono::minutes(30);

std::string Scalar(const YAML::Node& map, const char* key) {
  if (!map.IsDefined() || !map.IsMap()) return "";
  YAML::Node node = map[key];
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : "";
}

// CRE's 0 (worst) to 4.
std::string SeverityOf(const std::string& number) {
  if (number == "0") return "critical";
  if (number == "1") return "error";
  if (number == "4") return "info";
  return "warning";
}

// The stream of a data source that is one component of a node; empty: anything may be behind it.
std::string StreamOfSource(const std::string& source) {
  if (source == "cre.kubernetes") return "event";
  for (const char* component : {"kubelet", "containerd", "coredns", "kernel"}) {
    if (source == std::string("cre.log.") + component) return component;
  }
  return "";
}

struct Term {
  std::string pattern;
  int64_t count = 1;
};

class CreImporter {
 public:
  explicit CreImporter(Import& import) : import_(import) {}

  void ReadFile(const std::string& file) {
    file_ = file;
    auto text = ReadWhole(file);
    if (!text.ok()) return Refuse("", Message(text.status()));
    try {
      YAML::Node root = YAML::Load(*text);
      YAML::Node rules = root.IsMap() ? root["rules"] : YAML::Node(YAML::NodeType::Undefined);
      if (!rules.IsDefined() || !rules.IsSequence()) return Refuse("", "has no list of rules");
      for (const YAML::Node& rule : rules) ReadRule(rule);
    } catch (const YAML::Exception& e) {
      Refuse("", fmt::format("line {}: is not YAML ({})", e.mark.line + 1, e.msg));
    }
  }

  std::vector<Draft> TakeDrafts() { return std::move(drafts_); }

 private:
  void Refuse(const std::string& rule, const std::string& reason) {
    import_.rules.push_back({file_, rule, Fate::kRefused, reason, ""});
  }

  // Empty: `term` is filled.
  static std::string ReadTerm(const YAML::Node& node, Term& term) {
    if (node.IsScalar()) {
      term.pattern = PatternFromText(node.Scalar());
      return term.pattern.empty() ? "a term is empty" : "";
    }
    if (!node.IsMap()) return "a term is neither a text nor a map";
    for (const auto& field : node) {
      const std::string& name = field.first.Scalar();
      const std::string value = field.second.IsScalar() ? field.second.Scalar() : "";
      if (name == "value") {
        term.pattern = PatternFromText(value);
      } else if (name == "regex") {
        auto ours = PatternFromGo(value);
        if (!ours.ok()) return Message(ours.status());
        term.pattern = *ours;
      } else if (name == "count") {
        auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), term.count);
        if (error != std::errc() || end != value.data() + value.size() || term.count < 1) {
          return fmt::format("count '{}' is no number from 1", value.substr(0, 40));
        }
      } else if (name == "jq" || name == "field" || name == "extract") {
        return fmt::format("a term reads a field of JSON ({}), and a signature the message", name);
      } else {
        return fmt::format("a term has '{}', which has no counterpart", name.substr(0, 40));
      }
    }
    return term.pattern.empty() ? "a term is empty" : "";
  }

  void ReadRule(const YAML::Node& rule) {
    if (!rule.IsMap()) return Refuse("", "a rule is no map");
    YAML::Node cre = rule["cre"], how = rule["rule"];
    std::string name = Scalar(cre, "id");
    if (name.empty()) return Refuse("", "has no cre.id");
    if (!how.IsDefined() || !how.IsMap()) return Refuse(name, "has no rule");
    YAML::Node set = how["set"], sequence = how["sequence"];
    if (set.IsDefined() == sequence.IsDefined()) {
      return Refuse(name, set.IsDefined() ? "has both a set and a sequence"
                                          : "has neither a set nor a sequence");
    }
    YAML::Node body = set.IsDefined() ? set : sequence;
    if (!body.IsMap()) return Refuse(name, "its rule is no map");
    YAML::Node terms = body[set.IsDefined() ? "match" : "order"];
    if (!terms.IsDefined() || !terms.IsSequence() || terms.size() == 0) {
      return Refuse(name, "has no terms");
    }

    std::vector<std::string> lost;  // why the signature finds more
    std::vector<Term> usable;
    std::string unusable;
    for (const YAML::Node& node : terms) {
      Term term;
      std::string why = ReadTerm(node, term);
      if (why.empty()) {
        usable.push_back(std::move(term));
      } else {
        unusable = why;
      }
    }
    if (usable.empty()) return Refuse(name, unusable);
    std::optional<Duration> window = ParseDuration(Scalar(body, "window"));
    if (window && (*window <= Duration::zero() || *window > std::chrono::hours(24))) window.reset();
    if (body["negate"].IsDefined()) lost.emplace_back("what it must not see is not looked for");
    if (body["correlations"].IsDefined()) {
      lost.emplace_back("what its terms must share is not asked");
    }
    Draft draft;
    Describe(cre, body, name, draft);
    bool whole = usable.size() == terms.size() && window.has_value();
    for (const Term& term : usable) whole = whole && term.count == 1;
    if (whole && terms.size() > 1 && sequence.IsDefined() && terms.size() <= kStepsMax) {
      lost.emplace_back("its terms share a node, not a source");
      draft.entity = "node";
      draft.within = *window;
      for (size_t i = 0; i < usable.size(); ++i)
        draft.sequence.push_back(AddTerm(draft, usable[i], i));
    } else if (whole && terms.size() == 2 && set.IsDefined() && *window <= kNearMax) {
      lost.emplace_back("its terms share a node, not a source");
      size_t first = Telling(usable[1].pattern) > Telling(usable[0].pattern) ? 1 : 0;
      draft.match = {usable[first].pattern};
      draft.near = AddTerm(draft, usable[1 - first], 1 - first);
      draft.near_within = *window;
    } else if (std::string why = TakeOne(usable, terms.size(), window, lost, draft); !why.empty()) {
      return Refuse(name, why);
    }
    if (!draft.match.empty()) AddExamples(draft);
    import_.rules.push_back({file_, name, lost.empty() ? Fate::kExact : Fate::kWidened,
                             fmt::format("{}", fmt::join(lost, "; ")), draft.id});
    drafts_.push_back(std::move(draft));
  }

  // A term as a signature of its own, which only tags. Returns its id.
  std::string AddTerm(const Draft& of, const Term& term, size_t index) {
    Draft draft;
    draft.id = fmt::format("{}-term-{}", of.id, index + 1);
    draft.title = fmt::format("{}: term {}", of.title, index + 1);
    draft.severity = "info";
    draft.origin = of.origin;
    draft.streams = of.streams;
    draft.match = {term.pattern};
    AddExamples(draft);
    drafts_.push_back(std::move(draft));
    return drafts_.back().id;
  }

  // The most telling term stands for all. Empty: `draft` has it.
  static std::string TakeOne(const std::vector<Term>& usable, size_t terms,
                             std::optional<Duration> window, std::vector<std::string>& lost,
                             Draft& draft) {
    Term chosen = usable[0];
    for (const Term& term : usable) {
      if (Telling(term.pattern) > Telling(chosen.pattern)) chosen = term;
    }
    if (terms > 1) {
      if (Telling(chosen.pattern) < kTellingMin) {
        return fmt::format("needs {} terms, of which none says enough alone", terms);
      }
      lost.push_back(fmt::format("one of its {} terms is enough", terms));
    }
    draft.count = chosen.count;
    if (chosen.count > 1) {
      if (!window) return "counts without a window up to a day";
      draft.within = *window;
    }
    draft.match = {chosen.pattern};
    return "";
  }

  void Describe(const YAML::Node& cre, const YAML::Node& body, const std::string& name,
                Draft& draft) {
    draft.id = IdFrom(name);
    for (int n = 2; !ids_.insert(draft.id).second; ++n) {
      draft.id = fmt::format("{}-{}", IdFrom(name), n);
    }
    draft.title = Scalar(cre, "title");
    draft.cause = Scalar(cre, "cause");
    draft.remedy = Scalar(cre, "mitigation");
    draft.severity = SeverityOf(Scalar(cre, "severity"));
    draft.entity = "pod";
    draft.origin = fmt::format("{}, {}", name, std::filesystem::path(file_).filename().string());
    draft.references = {name};
    if (YAML::Node links = cre["references"]; links.IsDefined() && links.IsSequence()) {
      for (const YAML::Node& link : links) {
        if (link.IsScalar() && !link.Scalar().empty()) draft.references.push_back(link.Scalar());
      }
    }
    if (std::string stream = StreamOfSource(Scalar(body["event"], "source")); !stream.empty()) {
      draft.streams = {stream};
    }
  }

  // Lines of the test.log beside the rule that the pattern finds.
  void AddExamples(Draft& draft) {
    auto log = ReadWhole((std::filesystem::path(file_).parent_path() / "test.log").string());
    if (!log.ok()) return;
    RE2 pattern(AnalysePattern(draft.match[0]).re2, Re2Options());
    if (!pattern.ok()) return;
    for (size_t begin = 0; begin < log->size() && draft.examples.size() < kExamplesMax;) {
      size_t end = std::min(log->find('\n', begin), log->size());
      std::string line = log->substr(begin, end - begin);
      begin = end + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.size() > kExampleMax_bytes || !RE2::PartialMatch(line, pattern)) continue;
      if (std::find(draft.examples.begin(), draft.examples.end(), line) == draft.examples.end()) {
        draft.examples.push_back(std::move(line));
      }
    }
  }

  Import& import_;
  std::string file_;
  std::vector<Draft> drafts_;
  std::set<std::string> ids_;
};

}  // namespace

absl::StatusOr<Import> ImportCre(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<std::string> files, FilesBelow(path, ".yaml"));
  Import import;
  CreImporter importer(import);
  for (const std::string& file : files) importer.ReadFile(file);
  std::vector<Draft> drafts = importer.TakeDrafts();
  if (!drafts.empty()) {
    import.yaml = ToYaml("Imported from Common Reliability Enumerations.", drafts);
  }
  return import;
}

}  // namespace tocsin::matcher
