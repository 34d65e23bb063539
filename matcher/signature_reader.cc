// SPDX-License-Identifier: Apache-2.0
#include "matcher/signature_reader.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/core.h>

#include "matcher/dialect.h"
#include "matcher/field_reader.h"
#include "matcher/rule_reader.h"
#include "matcher/utf8.h"

namespace tocsin::matcher {
namespace {

const std::vector<std::string_view> kFields = {
    "id",         "title",           "streams",        "severity",
    "kind",       "entity",          "match",          "each",
    "unless",     "generic",         "captures",       "exit_code",
    "occurrence", "requires_near",   "sequence",       "absent",
    "measure",    "group",           "threshold",      "clears",
    "causes",     "expected_during", "removal",        "refines",
    "aliases",    "references",      "cause",          "remedy",
    "check",      "examples",        "counterexamples"};

class Reader : public FieldReader {
 public:
  Reader(const std::string& file, bool known_patterns, std::vector<LintIssue>& issues)
      : FieldReader(file, issues), known_patterns_(known_patterns) {}

  void Read(const std::string& text, std::vector<ReadSignature>& out) {
    if (!IsValidUtf8(text)) {
      return Add({}, "is not UTF-8; save it as UTF-8 and write other bytes as \\xNN");
    }
    std::vector<YAML::Node> documents;
    try {
      documents = YAML::LoadAll(text);
    } catch (const YAML::Exception& e) {
      return Add({e.mark.line + 1, e.mark.column + 1},
                 fmt::format("is not YAML ({}); quote patterns and examples with '...'", e.msg));
    }
    if (documents.size() > 1) {
      return Add({}, "holds several YAML documents; write one list and no '---' between");
    }
    if (documents.empty() || documents[0].IsNull()) {
      return Add({}, "is empty; write a list of signatures, '- id: ...'");
    }
    const YAML::Node& list = documents[0];
    if (!list.IsSequence()) {
      return Add(At(list), "a file is a list of signatures; write '- id: ...' instead");
    }
    for (const YAML::Node& node : list) {
      if (full()) return;
      ReadOne(node, out);
    }
  }

 private:
  void ReadOne(const YAML::Node& node, std::vector<ReadSignature>& out);
  void ReadStreams(const YAML::Node& node, Signature& signature);
  void ReadPatterns(const YAML::Node& node, const std::string& field,
                    std::vector<std::string>& into, std::vector<Place>* places);
  void ReadClears(const YAML::Node& node, ReadSignature& read, Place& quiet_at);
  void ReadCauses(const YAML::Node& node, ReadSignature& read);
  void ReadReferences(const YAML::Node& node, const std::string& field, ReadSignature& read,
                      std::vector<std::string>& into);
  void ReadExamples(const YAML::Node& node, const std::string& field, std::vector<Example>& into);
  void CheckRules(const ReadSignature& read, bool has_match);
  void CheckCaptures(const ReadSignature& read, const YAML::Node& node);

  const bool known_patterns_;
};

void Reader::ReadStreams(const YAML::Node& node, Signature& signature) {
  std::vector<Place> places;
  std::vector<std::string> names = Strings(node, "streams", &places);
  if (node.IsSequence() && node.size() == 0) {
    Add(At(node), "'streams' is empty; leave it out for every stream");
  }
  StreamMask mask = MaskOf(Stream::kText);
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::optional<Stream> stream = StreamFromName(names[i])) {
      mask |= MaskOf(*stream);
      continue;
    }
    std::vector<std::string_view> all;
    for (int s = 0; s < kStreamCount; ++s) all.push_back(StreamName(static_cast<Stream>(s)));
    std::string nearest = Nearest(names[i], all);
    Add(places[i], fmt::format("unknown stream '{}'; write {} instead", names[i],
                               nearest.empty() ? "one of " + Join(all) : "'" + nearest + "'"));
  }
  signature.streams = mask;
}

void Reader::ReadPatterns(const YAML::Node& node, const std::string& field,
                          std::vector<std::string>& into, std::vector<Place>* places) {
  std::vector<Place> own;
  into = Strings(node, field, &own);
  for (size_t i = 0; i < into.size() && !full() && !known_patterns_; ++i) {
    PatternProblem problem = CheckPattern(into[i]);
    if (!problem.message.empty()) {
      Add(own[i], fmt::format("pattern '{}', byte {}: {}", into[i].substr(0, 200), problem.at + 1,
                              problem.message));
    }
  }
  if (places != nullptr) *places = std::move(own);
}

void Reader::ReadClears(const YAML::Node& node, ReadSignature& read, Place& quiet_at) {
  ForEachField(node, "'clears' must be a map", "clears: {quiet: 10m}, or clears: {by: [id]},",
               [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                 if (name == "quiet") {
                   quiet_at = At(key);
                   read.signature.quiet = Time(value, name, read.signature.quiet, false);
                 } else if (name == "by") {
                   ReadReferences(value, "clears.by", read, read.signature.cleared_by);
                 } else {
                   Add(At(key), fmt::format("unknown field '{}' in 'clears'; write 'quiet' or 'by' "
                                            "instead",
                                            name));
                 }
               });
}

void Reader::ReadReferences(const YAML::Node& node, const std::string& field, ReadSignature& read,
                            std::vector<std::string>& into) {
  std::vector<Place> places;
  into = Strings(node, field, &places);
  for (size_t i = 0; i < into.size(); ++i) read.references.push_back({into[i], field, places[i]});
}

void Reader::ReadCauses(const YAML::Node& node, ReadSignature& read) {
  const std::string instead = "causes: [{id: other-signature, same: node}]";
  if (!node.IsSequence()) {
    return Add(At(node), fmt::format("'causes' must be a list; write {} instead", instead));
  }
  std::set<std::pair<std::string, EntityKind>> seen;
  for (const YAML::Node& item : node) {
    Edge edge;
    Place id_at;
    ForEachField(item, "an item of 'causes' must be a map", instead,
                 [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                   if (name == "id") {
                     edge.id = Id(value, "id");
                     id_at = At(value);
                   } else if (name == "same") {
                     edge.same = Kind(value, "scope");
                   } else if (name == "before") {
                     edge.before = Time(value, name, edge.before, true);
                   } else if (name == "after") {
                     edge.after = Time(value, name, edge.after, true);
                   } else {
                     Add(At(key), fmt::format("unknown field '{}' in 'causes'; write 'id', 'same', "
                                              "'before' or 'after' instead",
                                              name));
                   }
                 });
    if (!item.IsMap()) continue;
    if (id_at.line == 0) {
      Add(At(item), fmt::format("an item of 'causes' has no id; write {} instead", instead));
      continue;
    }
    if (!seen.insert({edge.id, edge.same}).second) {
      Add(id_at, fmt::format("'{}' is caused twice through the same {}; write it once", edge.id,
                             EntityKindName(edge.same)));
    }
    read.references.push_back({edge.id, "causes", id_at});
    read.signature.causes.push_back(std::move(edge));
  }
}

void Reader::ReadExamples(const YAML::Node& node, const std::string& field,
                          std::vector<Example>& into) {
  if (!node.IsSequence()) {
    return Add(At(node),
               fmt::format("'{}' must be a list; write {}: ['...'] instead", field, field));
  }
  for (const YAML::Node& item : node) {
    Example example;
    example.file = file();
    example.line = At(item).line;
    if (item.IsScalar() && !item.Scalar().empty()) {
      example.text = item.Scalar();
    } else {
      ForEachField(
          item, fmt::format("an item of '{}' must be a line of log", field),
          "'the line' or {text: 'the line', captures: {name: value}}",
          [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
            if (name == "text") {
              example.text = String(value, "text");
            } else if (name == "captures" && field == "examples") {
              ForEachField(
                  value, "'captures' must be a map", "captures: {name: 'value'}",
                  [&](const std::string& capture, const YAML::Node&, const YAML::Node& want) {
                    if (want.IsScalar()) {
                      example.captures[capture] = want.Scalar();
                    } else {
                      Add(At(want),
                          "a capture's value is a text; write it between single "
                          "quotes");
                    }
                  });
            } else {
              Add(At(key), fmt::format("unknown field '{}' in '{}'; write 'text'{} instead", name,
                                       field, field == "examples" ? " or 'captures'" : ""));
            }
          });
      if (item.IsMap() && example.text.empty()) {
        Add(At(item), fmt::format("an item of '{}' has no text; write text: '...'", field));
      }
    }
    into.push_back(std::move(example));
  }
}

// Whatever the file says of a capture, some pattern takes it.
void Reader::CheckCaptures(const ReadSignature& read, const YAML::Node& node) {
  std::set<std::string> names;
  for (const std::string& pattern : read.signature.match) {
    for (std::string& name : AnalysePattern(pattern).names) names.insert(std::move(name));
  }
  for (const Reference& used : read.captures_used) {
    // Who is involved, the record itself may say.
    bool known = used.field != "captures" &&
                 (used.id == "namespace" || EntityKindFromName(used.id).has_value());
    if (known || names.count(used.id) > 0) continue;
    Add(used.place,
        fmt::format("'{}' names capture '{}', which no pattern takes; write (?<{}>...) in "
                    "'match'",
                    used.field, used.id, used.id));
  }
  if (names.count("exit_code") > 0) names.insert("signal");
  for (const Example& example : read.signature.examples) {
    for (const auto& [name, value] : example.captures) {
      if (names.count(name) > 0) continue;
      Add({example.line, At(node).column},
          fmt::format(
              "the example expects capture '{}', which no pattern takes; write (?<{}>...) in "
              "'match'",
              name, name));
    }
  }
}

// What makes findings: patterns, or one of the rules that need none.
void Reader::CheckRules(const ReadSignature& read, bool has_match) {
  const Signature& signature = read.signature;
  int derived = (signature.sequence.empty() ? 0 : 1) + (signature.absent ? 1 : 0) +
                (signature.measure ? 1 : 0);
  if (derived == 0 && !has_match) {
    Add(read.place, "the signature has no match; write match: ['...']");
  } else if (derived > 1) {
    Add(read.place, "'sequence', 'absent' and 'measure' stand alone; write a signature for each");
  } else if (derived == 1 && (has_match || !signature.examples.empty() || signature.requires_near ||
                              !signature.occurrence_key.empty())) {
    Add(read.place,
        "a signature with 'sequence', 'absent' or 'measure' matches no line; leave out match, "
        "exit_code, examples, occurrence and requires_near");
  }
}

void Reader::ReadOne(const YAML::Node& node, std::vector<ReadSignature>& out) {
  ReadSignature read;
  Signature& signature = read.signature;
  read.place = At(node);
  read.id_place = read.place;
  signature.file = file();
  signature.line = read.place.line;
  bool has_id = false, has_match = false;
  Place quiet_at;
  YAML::Node exit_code(YAML::NodeType::Undefined);
  ForEachField(
      node, "a signature is a map", "'- id: ...'",
      [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
        if (name == "id") {
          has_id = true;
          signature.id = Id(value, name);
          read.id_place = At(value);
        } else if (name == "title") {
          signature.title = LocalText(value, name);
        } else if (name == "streams") {
          ReadStreams(value, signature);
        } else if (name == "severity") {
          std::optional<Severity> severity;
          if (value.IsScalar()) severity = SeverityFromName(value.Scalar());
          if (!severity) {
            Add(At(value),
                fmt::format("unknown severity {}; write info, warning, error or critical "
                            "instead",
                            Shown(value)));
          } else {
            signature.severity = *severity;
          }
        } else if (name == "kind") {
          if (value.IsScalar() && value.Scalar() == "state") {
            signature.kind = Signature::Kind::kState;
          } else if (!value.IsScalar() || value.Scalar() != "occurrence") {
            Add(At(value),
                fmt::format("unknown kind {}; write occurrence or state instead", Shown(value)));
          }
        } else if (name == "entity") {
          signature.entity = Kind(value, name);
        } else if (name == "match") {
          has_match = true;
          ReadPatterns(value, name, signature.match, &read.match_places);
          if (value.IsSequence() && value.size() == 0) {
            Add(At(value), "'match' is empty; write match: ['...'] instead");
          }
        } else if (name == "unless") {
          ReadPatterns(value, name, signature.unless, nullptr);
        } else if (name == "generic") {
          signature.generic = Bool(value, name);
        } else if (name == "removal") {
          signature.removal = Bool(value, name);
        } else if (name == "each") {
          signature.each = Bool(value, name);
        } else if (name == "captures") {
          ReadCaptureTypes(value, *this, read);
        } else if (name == "exit_code") {
          exit_code = value;  // its patterns come after those of `match`
        } else if (name == "occurrence") {
          ReadOccurrence(value, *this, read);
        } else if (name == "requires_near") {
          ReadRequiresNear(value, *this, read);
        } else if (name == "sequence") {
          ReadSequence(value, *this, read);
        } else if (name == "absent") {
          ReadAbsent(value, *this, read);
        } else if (name == "measure") {
          ReadMeasure(value, *this, read);
        } else if (name == "group") {
          signature.group = Id(value, name);
        } else if (name == "threshold") {
          ReadThreshold(value, *this, read);
        } else if (name == "clears") {
          ReadClears(value, read, quiet_at);
        } else if (name == "causes") {
          ReadCauses(value, read);
        } else if (name == "expected_during") {
          ReadReferences(value, name, read, signature.expected_during);
        } else if (name == "refines") {
          ReadReferences(value, name, read, signature.refines);
        } else if (name == "aliases") {
          signature.aliases = Strings(value, name, &read.alias_places);
        } else if (name == "references") {
          signature.references = Strings(value, name);
        } else if (name == "cause") {
          signature.cause = LocalText(value, name);
        } else if (name == "remedy") {
          signature.remedy = LocalText(value, name);
        } else if (name == "check") {
          signature.check = String(value, name);
        } else if (name == "examples") {
          ReadExamples(value, name, signature.examples);
        } else if (name == "counterexamples") {
          ReadExamples(value, name, signature.counterexamples);
        } else {
          std::string nearest = Nearest(name, kFields);
          Add(At(key),
              fmt::format("unknown field '{}'; {}", name.substr(0, 80),
                          nearest.empty() ? "leave it out (signatures/README.md lists the fields)"
                                          : "write '" + nearest + "' instead"));
        }
      });
  if (node.IsMap()) {
    if (!has_id) Add(read.place, "the signature has no id; write id: 'some-name'");
    if (exit_code.IsDefined()) {
      has_match = true;
      ReadExitCode(exit_code, *this, read);
    }
    CheckRules(read, has_match);
    if (signature.kind == Signature::Kind::kState && quiet_at.line != 0) {
      Add(quiet_at,
          "a state stays until it is unsaid, so 'quiet' can not end it; write clears: {by: "
          "[id]} or kind: occurrence instead");
    }
    if (has_match) CheckCaptures(read, node);
  }
  if (!signature.id.empty()) out.push_back(std::move(read));
}

}  // namespace

const std::vector<std::string_view>& SignatureFields() { return kFields; }

void ReadSignatures(const std::string& file, const std::string& text, bool known_patterns,
                    std::vector<ReadSignature>& out, std::vector<LintIssue>& issues) {
  try {
    Reader(file, known_patterns, issues).Read(text, out);
  } catch (const YAML::Exception& e) {
    // Reading checks types first, so this is what yaml-cpp finds wrong by itself.
    issues.push_back(
        {file, e.mark.line + 1, e.mark.column + 1,
         fmt::format("is not YAML ({}); quote patterns and examples with '...'", e.msg)});
  }
}

}  // namespace tocsin::matcher
