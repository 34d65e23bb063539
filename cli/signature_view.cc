// SPDX-License-Identifier: Apache-2.0
#include "cli/signature_view.h"

#include <string_view>
#include <vector>

#include "cli/incident_view.h"
#include "cli/text.h"
#include <fmt/core.h>

namespace tocsin::cli {
namespace {

std::vector<std::string> StreamNames(const Signature& signature) {
  std::vector<std::string> names;
  if (signature.streams == kAllStreams) return names;
  for (int i = 1; i < kStreamCount; ++i) {
    auto stream = static_cast<Stream>(i);
    if ((signature.streams & MaskOf(stream)) != 0) names.emplace_back(StreamName(stream));
  }
  return names;
}

std::string_view KindName(const Signature& signature) {
  return signature.kind == Signature::Kind::kState ? "state" : "occurrence";
}

class Page {
 public:
  explicit Page(Output& out) : out_(out) {}
  void Heading(std::string_view text) {
    out_.Line("");
    out_.Line(out_.Paint(Colour::kBold, text));
  }
  void Lines(std::string_view lead, std::string_view text) {
    std::string begin(lead);
    for (const std::string& line : Wrap(Printable(text), out_.prose_width() - lead.size())) {
      out_.Line(begin + line);
      begin.assign(lead.size(), ' ');
    }
  }
  void Field(std::string_view name, std::string_view text) {
    if (!text.empty()) Lines("  " + Pad(name, 11), text);
  }
  void Section(std::string_view heading, std::string_view text) {
    if (text.empty()) return;
    Heading(heading);
    Lines("  ", text);
  }
  void List(std::string_view heading, const std::vector<std::string>& items) {
    if (items.empty()) return;
    Heading(heading);
    for (const std::string& item : items) Lines("  - ", item);
  }

 private:
  Output& out_;
};

}  // namespace

std::string StreamsOf(const Signature& signature) {
  std::string text;
  for (const std::string& name : StreamNames(signature)) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "all" : text;
}

void PrintSignature(Output& out, const Signature& signature, const Catalogue& catalogue,
                    const std::string& lang) {
  Page page(out);
  out.Line(fmt::format("{}  {}",
                       out.Paint(SeverityColour(static_cast<v1::Severity>(signature.severity)),
                                 SeverityName(signature.severity)),
                       out.Paint(Colour::kBold, Printable(Localised(signature.title, lang)))));
  out.Line(out.Paint(Colour::kDim,
                     fmt::format("{}  {}:{}", signature.id, signature.file, signature.line)));
  out.Line("");
  page.Field("streams", StreamsOf(signature));
  page.Field("about", EntityKindName(signature.entity));
  page.Field("kind", KindName(signature));
  page.Field(
      "rings at",
      fmt::format("{} within {}", Plural(static_cast<uint64_t>(signature.threshold_count), "time"),
                  FormatDuration(signature.threshold_within)));
  if (!signature.cleared_by.empty()) {
    std::string ids;
    for (const std::string& id : signature.cleared_by) ids += (ids.empty() ? "" : ", ") + id;
    page.Field("ends by", ids);
  } else if (signature.kind == Signature::Kind::kOccurrence) {
    page.Field("ends by", fmt::format("{} of quiet", FormatDuration(signature.quiet)));
  }
  page.List("Overridden", signature.overridden);
  page.List("Matches", signature.match);
  page.List("Unless", signature.unless);
  page.List("Rules", DescribeRules(signature));
  std::vector<std::string> causes, caused_by;
  for (const Edge& edge : signature.causes) {
    causes.push_back(fmt::format("{} (same {})", edge.id, EntityKindName(edge.same)));
  }
  for (const CauseOf& cause : catalogue.CausesOf(signature.id)) {
    if (cause.sibling) continue;
    caused_by.push_back(
        fmt::format("{} (same {})", cause.cause->id, EntityKindName(cause.edge.same)));
  }
  page.List("Causes", causes);
  page.List("Caused by", caused_by);
  page.Section("Cause", Localised(signature.cause, lang));
  page.Section("What to do", Localised(signature.remedy, lang));
  page.Section("Check", signature.check);
  page.List("References", signature.references);
  std::vector<std::string> examples, counterexamples;
  for (const Example& example : signature.examples) examples.push_back(example.text);
  for (const Example& example : signature.counterexamples) counterexamples.push_back(example.text);
  page.List("Examples", examples);
  page.List("Must not match", counterexamples);
}

}  // namespace tocsin::cli
