// SPDX-License-Identifier: Apache-2.0
#include "matcher/explain.h"

#include <iostream>
#include <iterator>
#include <memory>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/incident_view.h"
#include "cli/json.h"
#include "cli/text.h"
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "matcher/pattern_set.h"

namespace tocsin::cli {
namespace {

constexpr size_t kInputMax_bytes = 16 << 20;  // an explanation is for a line, not for a file

struct Options {
  std::string line;
  std::string signatures, overrides;
  std::string path;
  Format format = Format::kTable;
  std::string lang = "en";
  ingest::DecodeOptions decode;
};

// Where the decision about the stream came from, as far as it can be told from outside.
std::string WhyStream(const Record& record) {
  switch (record.stream) {
    case Stream::kText:
      return "nothing says what log it is from, so every signature is tried";
    case Stream::kContainer:
      return "a workload's own output, believed about itself only";
    case Stream::kEvent:
      return "a Kubernetes event";
    default:
      return "by its envelope: unit, program, tag, transport or path";
  }
}

class Explainer final : public ingest::Sink {
 public:
  Explainer(Output& out, const Options& options, const matcher::PatternSet& patterns)
      : out_(out), options_(options), patterns_(patterns) {}

  void OnRecord(const Record& record) override {
    matcher::Explanation why = matcher::Explain(patterns_, record);
    if (options_.format == Format::kJson) {
      Json(record, why);
    } else {
      People(record, why);
    }
  }

  void OnBad(ingest::BadReason reason, std::string_view payload, const Address& address) override {
    if (options_.format == Format::kJson) {
      JsonWriter json;
      json.BeginObject().Number("line", address.offset).Text("bad", BadReasonName(reason));
      out_.Line(json.EndObject().str());
    } else {
      out_.Line(fmt::format("Line {} is not a record: {} ({})", address.offset,
                            BadReasonName(reason), Plural(payload.size(), "byte")));
    }
  }

 private:
  void People(const Record& record, const matcher::Explanation& why) {
    if (!first_) out_.Line("");
    first_ = false;
    out_.Line(out_.Paint(Colour::kBold, "Decoded"));
    Field("stream", fmt::format("{} ({})", StreamName(record.stream), WhyStream(record)));
    Field("time", FormatTime(record.time));
    Field("cluster", record.cluster);
    Field("node", record.node);
    Field("namespace", record.ns);
    Field("pod", record.pod);
    Field("container", record.container);
    Field("image", record.image);
    if (!record.event.reason.empty()) {
      Field("event", fmt::format("{} of {} {}, count {}", record.event.reason, record.event.kind,
                                 record.event.name, record.event.count));
    }
    Field("text", record.text);

    out_.Line("");
    if (why.matches.empty()) {
      out_.Line(out_.Paint(Colour::kBold, "No signature matched"));
    } else {
      out_.Line(out_.Paint(Colour::kBold, "Matched"));
    }
    for (const matcher::Explanation::Match& match : why.matches) {
      out_.Line(fmt::format("  {}  {}  {}",
                            out_.Paint(SeverityColour(static_cast<v1::Severity>(match.severity)),
                                       SeverityName(match.severity)),
                            out_.Paint(Colour::kBold, match.signature->id),
                            Printable(Localised(match.signature->title, options_.lang))));
      Detail("about", ToString(match.entity));
      if (match.shadow) Detail("but", "opens no incident: overrides have it as a shadow");
      Detail("pattern", match.pattern);
      for (const auto& [name, value] : match.captures) Detail("captured", name + " = " + value);
    }
    if (!why.removed.empty()) {
      out_.Line("");
      out_.Line(out_.Paint(Colour::kBold, "Matched, and taken back"));
      for (const matcher::Explanation::Removed& removed : why.removed) {
        out_.Line("  " + removed.signature->id);
        Detail("because", removed.reason);
        Detail("pattern", removed.pattern);
      }
    }
    if (!why.near_misses.empty()) {
      out_.Line("");
      out_.Line(out_.Paint(Colour::kBold, "Nearly matched"));
      for (const matcher::Explanation::NearMiss& miss : why.near_misses) {
        out_.Line("  " + miss.signature->id);
        Detail("has", "\"" + miss.literal + "\"");
        Detail("but not", miss.pattern);
      }
    }
  }

  void Json(const Record& record, const matcher::Explanation& why) {
    JsonWriter json;
    json.BeginObject().Number("line", record.address.offset);
    json.BeginObject("record")
        .Text("stream", StreamName(record.stream))
        .Text("streamReason", WhyStream(record))
        .Text("time", FormatTime(record.time))
        .Text("cluster", record.cluster)
        .Text("node", record.node)
        .Text("namespace", record.ns)
        .Text("pod", record.pod)
        .Text("container", record.container)
        .Text("image", record.image)
        .Text("text", record.text)
        .EndObject();
    json.BeginArray("matches");
    for (const matcher::Explanation::Match& match : why.matches) {
      json.BeginObject()
          .Text("signature", match.signature->id)
          .Text("severity", SeverityWord(static_cast<v1::Severity>(match.signature->severity)))
          .Text("title", Localised(match.signature->title, options_.lang))
          .Text("entity", ToString(match.entity))
          .Text("pattern", match.pattern)
          .BeginObject("captures");
      for (const auto& [name, value] : match.captures) json.Text(name, value);
      json.EndObject().EndObject();
    }
    json.EndArray().BeginArray("removed");
    for (const matcher::Explanation::Removed& removed : why.removed) {
      json.BeginObject()
          .Text("signature", removed.signature->id)
          .Text("pattern", removed.pattern)
          .Text("reason", removed.reason)
          .EndObject();
    }
    json.EndArray().BeginArray("nearMisses");
    for (const matcher::Explanation::NearMiss& miss : why.near_misses) {
      json.BeginObject()
          .Text("signature", miss.signature->id)
          .Text("literal", miss.literal)
          .Text("pattern", miss.pattern)
          .EndObject();
    }
    out_.Line(json.EndArray().EndObject().str());
  }

  void Field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    Lines("  " + Pad(name, 11), value);
  }
  void Detail(std::string_view name, std::string_view value) {
    Lines("    " + Pad(name, 9), value);
  }
  void Lines(const std::string& lead, std::string_view value) {
    bool first = true;
    for (const std::string& line : Wrap(Printable(value), out_.prose_width() - lead.size())) {
      out_.Line((first ? out_.Paint(Colour::kDim, lead) : std::string(lead.size(), ' ')) + line);
      first = false;
    }
  }

  Output& out_;
  const Options& options_;
  const matcher::PatternSet& patterns_;
  bool first_ = true;
};

int Explain(const Program& program, const Options& options) {
  std::string text = options.line;
  if (text.empty() || text == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
    if (text.size() > kInputMax_bytes) {
      Complain("explain takes a line or a few, at most 16 MiB; `tocsin match` reads files");
      return kUsage;
    }
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) {
    Complain("there is nothing to explain: give a line, or - and lines on standard input");
    return kUsage;
  }
  auto patterns = LoadPatternsFor(program, options.signatures, options.overrides);
  if (!patterns.ok()) return Fail(patterns.status());

  Output out;
  Explainer explainer(out, options, *patterns->set);
  ingest::DecodeOptions decode = options.decode;
  decode.reference_time = SystemClock().Now();
  ingest::Decoder decoder(decode);
  ingest::Envelope envelope;
  envelope.reference_time = decode.reference_time;
  envelope.path = options.path;
  const std::string source = options.path.empty() ? "-" : options.path;
  envelope.address.source = source;
  // A whole JSON value may stand on several lines; everything else is one record per line.
  std::string_view rest = text;
  bool json = rest.front() == '{' || rest.front() == '[';
  bool one = json && rest.find("\n{") == rest.npos &&
             options.decode.format != ingest::Format::kText &&
             (rest.back() == '}' || rest.back() == ']');
  while (!rest.empty()) {
    size_t end = one ? rest.npos : rest.find('\n');
    ++envelope.address.offset;
    decoder.Decode(rest.substr(0, end), envelope, explainer);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  out.Flush();
  return out.failed() ? kInputOutput : kDone;
}

}  // namespace

void AddExplain(CLI::App& app, const Program& program, Action& action) {
  CLI::App* command =
      AddCommand(app, "explain", "Show how one line is read, and why it matches or not",
                 "Takes one line (or lines on standard input) and shows what was decoded from it, "
                 "which stream it "
                 "belongs to, which signatures match with what they capture, which were taken "
                 "back, and which nearly "
                 "matched and why not. For finding out why a line that should ring did not.",
                 "  tocsin explain 'neighbour: arp_cache: neighbor table overflow!'\n"
                 "  tail -1 /var/log/messages | tocsin explain -\n"
                 "  tocsin explain --input klog \"$(grep -m1 sandbox kubelet.log)\" -o json\n");
  auto options = std::make_shared<Options>();
  command->add_option("LINE", options->line, "The line; - or nothing is standard input")
      ->option_text("[LINE|-]");
  AddDecoding(*command, options->decode);
  command
      ->add_option(
          "--path", options->path,
          "The file it comes from: names such as kubelet.log or /var/log/pods/... tell the stream")
      ->option_text("FILE")
      ->take_last();
  AddSignaturesDir(*command, options->signatures);
  AddOverrides(*command, options->overrides);
  AddOutput(*command, options->format);
  AddLanguage(*command, options->lang);
  command->callback([&program, &action, options] {
    action = [&program, options] { return Explain(program, *options); };
  });
}

}  // namespace tocsin::cli
