// SPDX-License-Identifier: Apache-2.0
#include "cli/incident_view.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "cli/table.h"
#include "cli/text.h"
#include <fmt/core.h>
#include <google/protobuf/timestamp.pb.h>

namespace tocsin::cli {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  return text;
}

std::string KindAndName(const v1::Entity& entity) {
  if (entity.kind().empty()) return entity.name();
  return entity.kind() + " " + entity.name();
}

// How problems name one another in caused_by.
std::string RefOf(const v1::Problem& problem) {
  return fmt::format("{}@{}/{}", problem.signature(), problem.entity().kind(),
                     problem.entity().name());
}

std::string ListOf(const google::protobuf::RepeatedPtrField<std::string>& names, uint32_t total,
                   int max) {
  std::string text;
  int shown = std::min(max, names.size());
  for (int i = 0; i < shown; ++i) text += (i > 0 ? ", " : "") + names[i];
  uint32_t all = std::max<uint32_t>(total, static_cast<uint32_t>(names.size()));
  if (all > static_cast<uint32_t>(shown)) {
    text += fmt::format(" and {} more", all - static_cast<uint32_t>(shown));
  }
  return text;
}

uint32_t NodeCount(const v1::Incident& incident) {
  return std::max<uint32_t>(incident.node_total(), static_cast<uint32_t>(incident.nodes_size()));
}

std::string When(Time time, Time now) {
  if (time == kNoTime) return "-";
  if (now == kNoTime) return DateTime(time);
  return Age(now - time);
}

bool SameLine(const v1::Evidence& a, const v1::Evidence& b) {
  return a.node() == b.node() && a.stream() == b.stream() && a.text() == b.text();
}

// --- parts of a story ---

class Story {
 public:
  Story(Output& out, const v1::Incident& incident, const StoryOptions& options)
      : out_(out), incident_(incident), options_(options) {}

  void Print() {
    Head();
    Facts();
    Tree();
    Evidence();
    Section("Cause", incident_.cause());
    Remedy();
    Hypotheses();
    References();
  }

 private:
  void Head() {
    std::string severity = Lower(v1::Severity_Name(incident_.severity()));
    for (char& c : severity) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::string state = StateWord(incident_);
    out_.Line(fmt::format("{}  {}  {}", out_.Paint(SeverityColour(incident_.severity()), severity),
                          out_.Paint(Colour::kBold, Printable(incident_.title())),
                          out_.Paint(Colour::kDim, "[" + state + "]")));
    out_.Line(out_.Paint(Colour::kDim, Printable(incident_.name())));
    out_.Line("");
  }

  void Facts() {
    Fact("Where", WhereInFull());
    std::string when = DateTime(TimeOf(incident_.open_time())) + " UTC";
    Time last = TimeOf(incident_.last_hit_time());
    if (options_.now != kNoTime) {
      when +=
          fmt::format(" ({} ago), last seen {} ago",
                      Age(options_.now - TimeOf(incident_.open_time())), Age(options_.now - last));
    } else if (last != kNoTime) {
      when += fmt::format(", last seen {}", ClockTime(last));
    }
    Fact("When", when);
    if (incident_.state() == v1::Incident::RESOLVED) {
      std::string text = DateTime(TimeOf(incident_.resolve_time())) + " UTC";
      text += ", " + ResolveText();
      Fact("Resolved", text);
    }
    Fact("Count", fmt::format("{} in {}", Plural(incident_.hit_count(), "occurrence"),
                              Plural(incident_.line_count(), "line")));
    Fact("Root", RootText());
    if (!incident_.acknowledged_by().empty()) Fact("Taken by", incident_.acknowledged_by());
    if (!incident_.note().empty()) Fact("Note", incident_.note());
    if (!incident_.silenced_by().empty()) Fact("Silenced", incident_.silenced_by());
    std::string marks;
    if (incident_.flapping()) marks += "comes and goes (flapping); ";
    if (incident_.chronic()) marks += "keeps coming back (chronic); ";
    if (incident_.reopen_count() > 0) {
      marks += fmt::format("reopened {}; ", Plural(incident_.reopen_count(), "time"));
    }
    if (!marks.empty()) Fact("Mind", marks.substr(0, marks.size() - 2));
    out_.Line("");
  }

  std::string WhereInFull() const {
    std::string text;
    auto add = [&text](std::string_view noun, const auto& names, uint32_t total) {
      uint32_t all = std::max<uint32_t>(total, static_cast<uint32_t>(names.size()));
      if (all == 0) return;
      if (!text.empty()) text += "; ";
      text += fmt::format("{}{}: {}", noun, all == 1 ? "" : "s", ListOf(names, total, 6));
    };
    add("node", incident_.nodes(), incident_.node_total());
    add("workload", incident_.workloads(), incident_.workload_total());
    if (incident_.workloads_size() == 0) add("pod", incident_.pods(), incident_.pod_total());
    if (text.empty()) text = KindAndName(incident_.root_cause().entity());
    if (!incident_.cluster().empty()) text += fmt::format("; cluster: {}", incident_.cluster());
    return text;
  }

  std::string ResolveText() const {
    switch (incident_.resolve_reason()) {
      case v1::Incident::CLEAR_SIGNATURE:
        return "the log says that it is over";
      case v1::Incident::QUIET_PERIOD:
        return "quiet for long enough while the node kept logging";
      case v1::Incident::OPERATOR:
        return "by an operator";
      case v1::Incident::NODE_GONE:
        return "the node is gone";
      case v1::Incident::STALE:
        return "nothing was heard any more: unknown, not recovered";
      case v1::Incident::MERGED:
        return "part of " + incident_.merged_into();
      default:
        return Lower(v1::Incident::ResolveReason_Name(incident_.resolve_reason()));
    }
  }

  std::string RootText() const {
    std::string text = fmt::format("{} at {}", incident_.root_cause().signature(),
                                   KindAndName(incident_.root_cause().entity()));
    switch (incident_.root_status()) {
      case v1::Incident::OBSERVED:
        return text + ", seen in the logs";
      case v1::Incident::INFERRED:
        return text + ", inferred";
      case v1::Incident::SYMPTOM_ONLY:
        return text + ", a symptom: its cause was not in the logs";
      default:
        return text;
    }
  }

  // The problems under the one that caused them. caused_by's first is the parent; whatever has none
  // in this incident stands at the top, and a loop (there should be none) cannot print anything
  // twice.
  void Tree() {
    if (incident_.problems_size() == 0) return;
    Heading("What happened");
    std::map<std::string, std::vector<const v1::Problem*>> children;
    std::set<std::string> known;
    for (const v1::Problem& problem : incident_.problems()) known.insert(RefOf(problem));
    std::vector<const v1::Problem*> tops;
    for (const v1::Problem& problem : incident_.problems()) {
      bool has_parent = problem.caused_by_size() > 0 && known.count(problem.caused_by(0)) > 0 &&
                        problem.caused_by(0) != RefOf(problem);
      if (has_parent) {
        children[problem.caused_by(0)].push_back(&problem);
      } else {
        tops.push_back(&problem);
      }
    }
    if (tops.empty()) tops.push_back(&incident_.problems(0));
    std::set<std::string> printed;
    for (const v1::Problem* top : tops) Branch(*top, "", "", children, printed);
    auto hidden = known.size() - printed.size();
    if (hidden > 0) out_.Line(fmt::format("  ... and {}", Plural(hidden, "more problem")));
    out_.Line("");
  }

  void Branch(const v1::Problem& problem, const std::string& lead, const std::string& below,
              const std::map<std::string, std::vector<const v1::Problem*>>& children,
              std::set<std::string>& printed) {
    std::string ref = RefOf(problem);
    if (printed.size() >= options_.problems_max || !printed.insert(ref).second) return;
    std::string title = problem.title().empty() ? problem.signature() : problem.title();
    std::string text = fmt::format("{} at {}, {}", title, KindAndName(problem.entity()),
                                   Plural(problem.hit_count(), "time"));
    if (!problem.node().empty() && problem.entity().kind() != "node")
      text += " on " + problem.node();
    Time first = TimeOf(problem.first_hit_time());
    if (first != kNoTime) text += ", first " + ClockTime(first);
    if (problem.state() == v1::Problem::CLEARED) text += ", over";
    size_t indent = 2 + DisplayWidth(lead);
    std::string line_lead = "  " + lead;
    for (const std::string& line : Wrap(Printable(text), out_.prose_width() - indent)) {
      out_.Line(line_lead + line);
      line_lead = "  " + below;
    }
    auto found = children.find(ref);
    if (found == children.end()) return;
    for (size_t i = 0; i < found->second.size(); ++i) {
      bool last = i + 1 == found->second.size();
      Branch(*found->second[i], below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "),
             children, printed);
    }
  }

  void Evidence() {
    if (incident_.evidence_size() == 0) return;
    Heading("Evidence");
    size_t node_width = 0, stream_width = 0;
    for (const v1::Evidence& line : incident_.evidence()) {
      node_width = std::max(node_width, DisplayWidth(line.node()));
      stream_width = std::max(stream_width, DisplayWidth(line.stream()));
    }
    int at = 0;
    for (size_t shown = 0; at < incident_.evidence_size() && shown < options_.evidence_max;
         ++shown) {
      const v1::Evidence& line = incident_.evidence(at);
      // A burst prints the same line over and over: once is enough to read.
      int same = 1;
      while (at + same < incident_.evidence_size() &&
             SameLine(line, incident_.evidence(at + same))) {
        ++same;
      }
      at += same;
      std::string head = fmt::format("  {}  {}  {}  ", ClockTime(TimeOf(line.time())),
                                     Pad(Printable(line.node()), std::min<size_t>(node_width, 30)),
                                     Pad(line.stream(), stream_width));
      std::string tail = same > 1 ? fmt::format("  ({} times)", same) : "";
      size_t used = DisplayWidth(head) + tail.size();
      size_t room = out_.width() > used + 30 ? out_.width() - used : 30;
      out_.Line(out_.Paint(Colour::kDim, head) + Cut(Printable(line.text()), room) +
                out_.Paint(Colour::kDim, tail));
    }
    auto left = static_cast<size_t>(incident_.evidence_size() - at);
    if (left > 0) out_.Line(fmt::format("  ... and {}", Plural(left, "more line")));
    out_.Line("");
  }

  void Remedy() {
    if (incident_.remedy().empty() && incident_.check().empty()) return;
    Heading("What to do");
    if (!incident_.remedy().empty()) Prose(incident_.remedy());
    if (!incident_.check().empty()) {
      out_.Line("  Check:  " + out_.Paint(Colour::kCyan, Printable(incident_.check())));
    }
    out_.Line("");
  }

  void Hypotheses() {
    if (incident_.hypotheses_size() == 0) return;
    Heading("What may be behind it");
    for (const v1::Hypothesis& hypothesis : incident_.hypotheses()) {
      std::string text = hypothesis.signature();
      if (!hypothesis.reason().empty()) text += ": " + hypothesis.reason();
      Prose(text, "- ");
      if (!hypothesis.check_command().empty()) {
        out_.Line("    Check:  " +
                  out_.Paint(Colour::kCyan, Printable(hypothesis.check_command())));
      }
    }
    out_.Line("");
  }

  void References() {
    if (incident_.references_size() == 0) return;
    std::string text;
    for (const std::string& reference : incident_.references()) {
      text += (text.empty() ? "" : "; ") + reference;
    }
    Section("References", text);
  }

  void Section(std::string_view heading, const std::string& text) {
    if (text.empty()) return;
    Heading(heading);
    Prose(text);
    out_.Line("");
  }
  void Heading(std::string_view text) { out_.Line(out_.Paint(Colour::kBold, text)); }
  void Prose(const std::string& text, const std::string& bullet = "") {
    std::string lead = "  " + bullet;
    for (std::string_view rest = text; !rest.empty();) {
      size_t newline = rest.find('\n');
      for (const std::string& line :
           Wrap(Printable(rest.substr(0, newline)), out_.prose_width() - lead.size())) {
        out_.Line(lead + line);
        lead.assign(lead.size(), ' ');
      }
      rest.remove_prefix(newline == rest.npos ? rest.size() : newline + 1);
    }
  }
  void Fact(std::string_view label, const std::string& text) {
    constexpr size_t kLabel = 12;
    std::string lead = "  " + Pad(label, kLabel - 2);
    bool first = true;
    for (const std::string& line : Wrap(Printable(text), out_.prose_width() - kLabel)) {
      out_.Line((first ? out_.Paint(Colour::kDim, lead) : std::string(kLabel, ' ')) + line);
      first = false;
    }
  }

  Output& out_;
  const v1::Incident& incident_;
  const StoryOptions& options_;
};

}  // namespace

Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  // Timestamps reach from year 1 to 9999; nanoseconds in 64 bits only from 1677 to 2262.
  constexpr int64_t kMax = INT64_MAX / 1'000'000'000 - 1;
  if (timestamp.seconds() > kMax || timestamp.seconds() < -kMax) return kNoTime;
  return TimeFromNanos(timestamp.seconds() * 1'000'000'000 + timestamp.nanos());
}

std::string IncidentId(const std::string& name) { return name.substr(name.rfind('/') + 1); }

size_t UniquePrefix(const std::vector<v1::Incident>& incidents) {
  std::vector<std::string> ids;
  for (const v1::Incident& incident : incidents) ids.push_back(IncidentId(incident.name()));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  size_t length = 8;
  for (size_t i = 1; i < ids.size(); ++i) {
    auto differ = std::mismatch(ids[i - 1].begin(), ids[i - 1].end(), ids[i].begin(), ids[i].end());
    length = std::max(length, static_cast<size_t>(differ.first - ids[i - 1].begin()) + 1);
  }
  return length;
}

std::string Where(const v1::Incident& incident) {
  const v1::Entity& entity = incident.root_cause().entity();
  uint32_t nodes = NodeCount(incident);
  std::string where;
  // What the root is about, unless that is just one of the nodes of many.
  if (entity.kind() == "node") {
    if (nodes <= 1) return entity.name();
  } else if (entity.kind() != "cluster" && !entity.name().empty()) {
    where = entity.kind() == "pod" || entity.kind() == "workload" || entity.kind() == "container"
                ? entity.name()
                : KindAndName(entity);
  }
  if (nodes > 1) {
    if (!where.empty()) where += ", ";
    where += Plural(nodes, "node");
  } else if (nodes == 1 && where.empty()) {
    where = incident.nodes_size() > 0 ? incident.nodes(0) : "1 node";
  }
  uint32_t workloads = std::max<uint32_t>(incident.workload_total(),
                                          static_cast<uint32_t>(incident.workloads_size()));
  if (workloads > 1)
    where += fmt::format("{}{}", where.empty() ? "" : ", ", Plural(workloads, "workload"));
  if (where.empty()) where = incident.cluster();
  return where;
}

std::string SeverityWord(v1::Severity severity) {
  return severity == v1::SEVERITY_UNSPECIFIED ? "-" : Lower(v1::Severity_Name(severity));
}

std::string StateWord(const v1::Incident& incident) {
  switch (incident.state()) {
    case v1::Incident::OPEN:
      return "open";
    case v1::Incident::ACKNOWLEDGED:
      return "acknowledged";
    case v1::Incident::RESOLVED:
      return "resolved";
    default:
      return "-";
  }
}

Colour SeverityColour(v1::Severity severity) {
  switch (severity) {
    case v1::CRITICAL:
      return Colour::kBoldRed;
    case v1::ERROR:
      return Colour::kRed;
    case v1::WARNING:
      return Colour::kYellow;
    default:
      return Colour::kNone;
  }
}

bool WorseFirst(const v1::Incident& a, const v1::Incident& b) {
  bool a_over = a.state() == v1::Incident::RESOLVED, b_over = b.state() == v1::Incident::RESOLVED;
  if (a_over != b_over) return b_over;
  if (a.severity() != b.severity()) return a.severity() > b.severity();
  if (a.hit_count() != b.hit_count()) return a.hit_count() > b.hit_count();
  return a.name() < b.name();
}

void PrintIncidentTable(Output& out, const std::vector<v1::Incident>& incidents,
                        const IncidentTableOptions& options) {
  bool relative = options.now != kNoTime;
  Table table({{"SEVERITY"},
               {"STATE"},
               {relative ? "AGE" : "OPENED (UTC)", relative},
               {relative ? "LAST" : "LAST (UTC)", relative},
               {"HITS", true},
               {"WHAT", false, 24},
               {"WHERE", false, 16},
               {"ID"}});
  size_t prefix = UniquePrefix(incidents);
  for (const v1::Incident& incident : incidents) {
    Time last = TimeOf(incident.last_hit_time());
    table.Add({{SeverityWord(incident.severity()), SeverityColour(incident.severity())},
               {StateWord(incident),
                incident.state() == v1::Incident::RESOLVED ? Colour::kGreen : Colour::kNone},
               {When(TimeOf(incident.open_time()), options.now)},
               {relative || last == kNoTime ? When(last, options.now) : ClockTime(last)},
               {WithCommas(incident.hit_count())},
               {incident.title(), Colour::kBold},
               {Where(incident)},
               {IncidentId(incident.name()).substr(0, prefix), Colour::kDim}});
  }
  table.Print(out);
}

void PrintIncidentStory(Output& out, const v1::Incident& incident, const StoryOptions& options) {
  Story(out, incident, options).Print();
}

}  // namespace tocsin::cli
