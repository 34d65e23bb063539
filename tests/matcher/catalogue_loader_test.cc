// SPDX-License-Identifier: Apache-2.0
#include "matcher/catalogue_loader.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::matcher {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(CatalogueLoaderTest, ReadsEveryField) {
  auto catalogue =
      LoadCatalogueFromText({{"kernel.yaml", R"(# the kernel's
- id: arp-overflow
  title: {en: Neighbour table is full, zh: 邻居表已满}
  streams: [kernel, event]
  severity: critical
  kind: state
  entity: pod
  match: ['(?<table>\w+): neighbou?r table overflow!', 'x']
  each: true
  unless: ['y']
  threshold: {count: 3, within: 1h30m}
  clears: {by: [cleared]}
  causes:
    - {id: dns, same: workload, before: 0s, after: 2m}
    - {id: old-dns, same: node}
  expected_during: [cordon]
  refines: [dns]
  aliases: [old-arp]
  references: ['FAQ 4.4.6']
  cause: {en: too many neighbours}
  remedy: plain text is English
  check: sysctl net.ipv4
  examples:
    - 'arp_cache: neighbor table overflow!'
    - {text: 'arp: neighbor table overflow!', captures: {table: arp}}
  counterexamples: ['z']
- {id: cleared, match: ['c1'], kind: occurrence, clears: {quiet: 20m}}
- {id: cordon, match: ['c2'], severity: INFO}
)"},
                             {"dns.yaml", "[{id: dns, match: ['d1'], aliases: [old-dns]}]"}});
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  ASSERT_EQ((*catalogue)->signatures().size(), 4u);
  const Signature* s = (*catalogue)->Find("old-arp");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->id, "arp-overflow");
  EXPECT_EQ(s->title.at("zh"), "邻居表已满");
  EXPECT_EQ(s->streams, MaskOf(Stream::kText) | MaskOf(Stream::kKernel) | MaskOf(Stream::kEvent));
  EXPECT_EQ(s->severity, Severity::kCritical);
  EXPECT_EQ(s->kind, Signature::Kind::kState);
  EXPECT_EQ(s->entity, EntityKind::kPod);
  EXPECT_THAT(s->match, ElementsAre(R"((?<table>\w+): neighbou?r table overflow!)", "x"));
  EXPECT_TRUE(s->each);
  EXPECT_THAT(s->unless, ElementsAre("y"));
  EXPECT_EQ(s->threshold_count, 3);
  EXPECT_EQ(s->threshold_within, minutes(90));
  EXPECT_THAT(s->cleared_by, ElementsAre("cleared"));
  ASSERT_EQ(s->causes.size(), 2u);
  EXPECT_EQ(s->causes[0].same, EntityKind::kWorkload);
  EXPECT_EQ(s->causes[0].before, minutes(0));
  EXPECT_EQ(s->causes[0].after, minutes(2));
  EXPECT_EQ(s->causes[1].before, minutes(10));
  EXPECT_THAT(s->expected_during, ElementsAre("cordon"));
  EXPECT_THAT(s->refines, ElementsAre("dns"));
  EXPECT_THAT(s->references, ElementsAre("FAQ 4.4.6"));
  EXPECT_EQ(s->remedy.at("en"), "plain text is English");
  EXPECT_EQ(s->check, "sysctl net.ipv4");
  ASSERT_EQ(s->examples.size(), 2u);
  EXPECT_EQ(s->examples[0].line, 24);
  EXPECT_EQ(s->examples[1].captures.at("table"), "arp");
  EXPECT_EQ(s->examples[1].file, "kernel.yaml");
  EXPECT_EQ(s->counterexamples.size(), 1u);
  EXPECT_EQ(s->file, "kernel.yaml");
  EXPECT_EQ(s->line, 2);
  EXPECT_EQ((*catalogue)->Find("cleared")->quiet, minutes(20));
  EXPECT_EQ((*catalogue)->Find("cordon")->severity, Severity::kInfo);
}

TEST(CatalogueLoaderTest, DefaultsAreTheHeaders) {
  auto catalogue = LoadCatalogueFromText({{"a.yaml", "[{id: a, match: ['x']}]"}});
  ASSERT_TRUE(catalogue.ok());
  const Signature& s = (*catalogue)->signatures()[0];
  const Signature defaults;
  EXPECT_EQ(s.streams, kAllStreams);
  EXPECT_EQ(s.severity, defaults.severity);
  EXPECT_EQ(s.kind, defaults.kind);
  EXPECT_EQ(s.entity, defaults.entity);
  EXPECT_EQ(s.threshold_count, defaults.threshold_count);
  EXPECT_EQ(s.threshold_within, defaults.threshold_within);
  EXPECT_EQ(s.quiet, defaults.quiet);
}

TEST(CatalogueLoaderTest, TheVersionIsTheContent) {
  auto version = [](const std::vector<CatalogueText>& files) {
    auto catalogue = LoadCatalogueFromText(files);
    EXPECT_TRUE(catalogue.ok()) << catalogue.status();
    return (*catalogue)->version();
  };
  std::string a = version({{"a.yaml", "[{id: a, match: ['x']}]"}});
  EXPECT_EQ(a.size(), 16u);
  EXPECT_EQ(a, version({{"a.yaml", "[{id: a, match: ['x']}]"}}));
  EXPECT_NE(a, version({{"a.yaml", "[{id: a, match: ['y']}]"}}));
}

struct Bad {
  const char* name;
  const char* yaml;
  const char* want;  // the whole message, or its beginning where it ends in "..."
};

class BadCatalogueTest : public testing::TestWithParam<Bad> {};

TEST_P(BadCatalogueTest, IsRefusedInOneSentence) {
  const Bad& bad = GetParam();
  auto catalogue = LoadCatalogueFromText({{"bad.yaml", bad.yaml}});
  ASSERT_FALSE(catalogue.ok());
  EXPECT_EQ(catalogue.status().code(), absl::StatusCode::kInvalidArgument);
  std::string message = Message(catalogue.status());
  std::string want = bad.want;
  if (want.size() > 3 && want.compare(want.size() - 3, 3, "...") == 0) {
    EXPECT_THAT(message, StartsWith(want.substr(0, want.size() - 3)));
  } else {
    EXPECT_EQ(message, want);
  }
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

const Bad kBad[] = {
    {"Empty", "", "bad.yaml: is empty; write a list of signatures, '- id: ...'"},
    {"OnlyComment", "# nothing\n", "bad.yaml: is empty; ..."},
    {"NotUtf8", "- id: caf\xE9",
     "bad.yaml: is not UTF-8; save it as UTF-8 and write other bytes as \\xNN"},
    {"NotYaml", "- id: a\n  match: ['x'", "bad.yaml:2:1: is not YAML (..."},
    {"Unquoted", "- id: a\n  match: [foo: [bar]\n", "bad.yaml:3:1: is not YAML (..."},
    {"UnknownAlias", "- id: *nowhere\n", "bad.yaml:1:7: is not YAML (..."},
    {"TwoDocuments", "- {id: a, match: [x]}\n---\n- {id: b, match: [x]}",
     "bad.yaml: holds several YAML documents; write one list and no '---' between"},
    {"NoList", "id: a\nmatch: [x]",
     "bad.yaml:1:1: a file is a list of signatures; write '- id: ...' instead"},
    {"NoMap", "- a", "bad.yaml:1:3: a signature is a map; write '- id: ...' instead"},
    {"NoId", "- match: [x]", "bad.yaml:1:3: the signature has no id; write id: 'some-name'"},
    {"NoMatch", "- id: a", "bad.yaml:1:3: the signature has no match; write match: ['...']"},
    {"EmptyMatch", "- {id: a, match: []}",
     "bad.yaml:1:18: 'match' is empty; write match: ['...'] instead"},
    {"MatchNoList", "- {id: a, match: x}",
     "bad.yaml:1:18: 'match' must be a list; write match: ['...'] instead"},
    {"MatchMap", "- {id: a, match: [x: y]}",
     "bad.yaml:1:19: an item of 'match' must be a text; write it between single quotes"},
    {"BadId", "- {id: A b, match: [x]}",
     "bad.yaml:1:8: 'A b' is no id; write lower-case letters, digits and '-' instead, at most 100"},
    {"EmptyId", "- {id: '', match: [x]}",
     "bad.yaml:1:8: 'id' is empty; write a text or leave it out"},
    {"UnknownField", "- {id: a, mach: [x], match: [x]}",
     "bad.yaml:1:11: unknown field 'mach'; write 'match' instead"},
    {"StrangeField", "- {id: a, match: [x], favourite_colour: red}",
     "bad.yaml:1:23: unknown field 'favourite_colour'; leave it out (signatures/README.md lists "
     "the fields)"},
    {"FieldTwice", "- {id: a, match: [x], match: [y]}",
     "bad.yaml:1:23: field 'match' stands twice; write it once"},
    {"SequenceShort", "- {id: a, sequence: [b]}\n- {id: b, match: [x]}",
     "bad.yaml:1:21: a sequence has 2 to 10 steps; write sequence: [first, second] instead"},
    {"SequenceNobody", "- {id: a, sequence: [b, c]}\n- {id: b, match: [x]}",
     "bad.yaml:1:25: 'sequence' names signature 'c', which does not exist; ..."},
    {"SequenceDerived",
     "- {id: a, sequence: [b, c]}\n- {id: b, sequence: [c, c]}\n- {id: c, match: [x]}",
     "bad.yaml:1:22: 'sequence' names 'b', which matches no line itself; write the ids of what it "
     "is made of instead"},
    {"SequenceMatch", "- {id: a, match: [x], sequence: [b, b]}\n- {id: b, match: [x]}",
     "bad.yaml:1:3: a signature with 'sequence', 'absent' or 'measure' matches no line; ..."},
    {"OccurrenceKey", "- {id: a, match: [x], occurrence: {key: [pid]}}",
     "bad.yaml:1:42: 'occurrence.key' names capture 'pid', which no pattern takes; ..."},
    {"OccurrenceNoKey", "- {id: a, match: [x], occurrence: {within: 5s}}",
     "bad.yaml:1:35: 'occurrence' has no key; write occurrence: {key: [pid], within: 5s} instead"},
    {"OccurrenceLong", "- {id: a, match: [x], occurrence: {key: [pod], within: 5m}}",
     "bad.yaml:1:56: 'within' is more than 1m; write 1m or less instead"},
    {"MeasureEmpty", "- {id: a, measure: {}}",
     "bad.yaml:1:20: 'measure' has a tally and either 'over' or 'silent'; write measure: {tally: "
     "container, over: 512KB/s, for: 1m} instead"},
    {"MeasureTally", "- {id: a, measure: {tally: pod, over: 1KB/s}}",
     "bad.yaml:1:28: unknown tally 'pod'; write container or node instead"},
    {"MeasureOver", "- {id: a, measure: {tally: node, over: 512}}",
     "bad.yaml:1:40: 'over' must be bytes a second; write over: 512KB/s instead"},
    {"MeasureSilent", "- {id: a, measure: {tally: container, silent: 10m}}",
     "bad.yaml:1:20: containers may be silent; write tally: node instead"},
    {"AbsentHalf", "- {id: a, absent: {after: b}}\n- {id: b, match: [x]}",
     "bad.yaml:1:19: 'absent' needs both ids; write absent: {after: one, id: other, within: 10m} "
     "instead"},
    {"NearPattern", "- {id: a, match: [x], requires_near: {match: [y]}}",
     "bad.yaml:1:39: 'requires_near' names signatures; write one of severity info for the pattern, "
     "and its id instead (and 1 more)"},
    {"NearNobody", "- {id: a, match: [x], requires_near: {id: b}}",
     "bad.yaml:1:43: 'requires_near' names signature 'b', which does not exist; ..."},
    {"ExitCode", "- {id: a, exit_code: 137}",
     "bad.yaml:1:22: 'exit_code' must be a map; write exit_code: {is: [137], reason: [OOMKilled]} "
     "instead"},
    {"ExitCodeScalar", "- {id: a, exit_code: {is: 137}}",
     "bad.yaml:1:27: 'is' must be a list of codes; write is: [137] instead"},
    {"ExitCodeNone", "- {id: a, exit_code: {is: [137], not: [137]}}",
     "bad.yaml:1:22: 'exit_code' names no code; write ..."},
    {"ExitCodeEmpty", "- {id: a, exit_code: {}}",
     "bad.yaml:1:22: 'exit_code' names no code; write ..."},
    {"ExitCodeBig", "- {id: a, exit_code: {is: [256]}}",
     "bad.yaml:1:28: '256' is no exit code; write 0 to 255 instead (-1 is printed as 255, and both "
     "are found)"},
    {"ExitCodeRange", "- {id: a, exit_code: {range: [159, 129]}}",
     "bad.yaml:1:30: 'range' must be two codes from 0 to 255, the lower one first; write range: "
     "[129, 159] instead"},
    {"ExitCodeReason", "- {id: a, exit_code: {is: [1], reason: ['OOM .*']}}",
     "bad.yaml:1:41: 'OOM .*' is no reason; write the word that Kubernetes prints, such as "
     "OOMKilled, instead"},
    {"ExitCodeField", "- {id: a, exit_code: {code: [1]}}",
     "bad.yaml:1:23: unknown field 'code' in 'exit_code'; write 'is', 'range', 'not', 'reason' or "
     "'not_reason' instead"},
    {"CaptureType", "- {id: a, match: ['(?<n>x)'], captures: {n: number}}",
     "bad.yaml:1:45: unknown type 'number' of capture 'n'; write one of bytes, count, duration, "
     "image, exit_code instead"},
    {"CaptureNobody", "- {id: a, match: ['(?<n>x)'], captures: {m: count}}",
     "bad.yaml:1:42: 'captures' names capture 'm', which no pattern takes; write (?<m>...) in "
     "'match'"},
    {"Distinct", "- {id: a, match: [x], threshold: {distinct: pid}}",
     "bad.yaml:1:45: 'threshold.distinct' names capture 'pid', which no pattern takes; ..."},
    {"DistinctMany", "- {id: a, match: [x], threshold: {distinct: pod, count: 257}}",
     "bad.yaml:1:34: at most 256 different values are counted; write count: 256 or less instead"},
    {"Rate", "- {id: a, match: [x], threshold: {rate: 20}}",
     "bad.yaml:1:41: 'rate' must be hits per time; write rate: 20/1m instead"},
    {"RateTwice", "- {id: a, match: [x], threshold: {rate: 20/1m, count: 3}}",
     "bad.yaml:1:34: 'rate' says both 'count' and 'within'; write one or the other"},
    {"RatioOver",
     "- {id: a, match: [x], threshold: {ratio: {of: b, over: 10}}}\n- {id: b, match: "
     "[x]}",
     "bad.yaml:1:56: 'over' must be a share above 0 and up to 1; write over: 0.1 instead"},
    {"RatioHalf", "- {id: a, match: [x], threshold: {ratio: {of: b}}}\n- {id: b, match: [x]}",
     "bad.yaml:1:42: 'ratio' needs both; write ratio: {of: other-signature, over: 0.1} instead"},
    {"For", "- {id: a, match: [x], threshold: {for: long}}",
     "bad.yaml:1:40: 'long' is no duration for 'for'; write 90s, 10m or 1h instead"},
    {"ThresholdField", "- {id: a, match: [x], threshold: {cnt: 2}}",
     "bad.yaml:1:35: unknown field 'cnt' in 'threshold'; write 'count', 'within', 'rate', "
     "'distinct', 'ratio' or 'for' instead"},
    {"ThresholdScalar", "- {id: a, match: [x], threshold: 3}",
     "bad.yaml:1:34: 'threshold' must be a map; write threshold: {count: 3, within: 5m} instead"},
    {"CountZero", "- {id: a, match: [x], threshold: {count: 0}}",
     "bad.yaml:1:42: 'count' must be a number of hits from 1; write count: 1 instead"},
    {"CountHuge", "- {id: a, match: [x], threshold: {count: 99999999999999999999}}",
     "bad.yaml:1:42: 'count' must be..."},
    {"BadDuration", "- {id: a, match: [x], threshold: {within: 5 minutes}}",
     "bad.yaml:1:43: '5 minutes' is no duration for 'within'; write 90s, 10m or 1h instead"},
    {"ZeroDuration", "- {id: a, match: [x], threshold: {within: 0s}}",
     "bad.yaml:1:43: '0s' is no duration for 'within';..."},
    {"LongWithin", "- {id: a, match: [x], threshold: {within: 2d}}",
     "bad.yaml:1:43: 'within' is more than a day; write 24h or less instead"},
    {"UnknownStream", "- {id: a, match: [x], streams: [kernal]}",
     "bad.yaml:1:33: unknown stream 'kernal'; write 'kernel' instead"},
    {"StrangeStream", "- {id: a, match: [x], streams: [journald]}",
     "bad.yaml:1:33: unknown stream 'journald'; write one of text, kernel, kubelet, ..."},
    {"EmptyStreams", "- {id: a, match: [x], streams: []}",
     "bad.yaml:1:32: 'streams' is empty; leave it out for every stream"},
    {"UnknownEntity", "- {id: a, match: [x], entity: host-name}",
     "bad.yaml:1:31: unknown entity 'host-name'; write one of container, pod, workload, ..."},
    {"UnknownSeverity", "- {id: a, match: [x], severity: fatal}",
     "bad.yaml:1:33: unknown severity 'fatal'; write info, warning, error or critical instead"},
    {"UnknownKind", "- {id: a, match: [x], kind: event}",
     "bad.yaml:1:29: unknown kind 'event'; write occurrence or state instead"},
    {"BadEach", "- {id: a, match: [x], each: yes}",
     "bad.yaml:1:29: 'each' must be true or false; write each: true instead"},
    {"BadTitle", "- {id: a, match: [x], title: [x]}",
     "bad.yaml:1:30: 'title' must be texts by language; write title: {en: '...', zh: '...'} "
     "instead"},
    {"ClearsScalar", "- {id: a, match: [x], clears: 10m}",
     "bad.yaml:1:31: 'clears' must be a map; write clears: {quiet: 10m}, or clears: {by: [id]}, "
     "instead"},
    {"ClearsField", "- {id: a, match: [x], clears: {after: 10m}}",
     "bad.yaml:1:32: unknown field 'after' in 'clears'; write 'quiet' or 'by' instead"},
    {"StateQuiet", "- {id: a, match: [x], kind: state, clears: {quiet: 10m}}",
     "bad.yaml:1:45: a state stays until it is unsaid, so 'quiet' can not end it; write clears: "
     "{by: [id]} or "
     "kind: occurrence instead"},
    {"ClearsNobody", "- {id: a, match: [x], clears: {by: [b]}}",
     "bad.yaml:1:37: 'clears.by' names signature 'b', which does not exist; write the id of one "
     "that does instead"},
    {"CausesNobody", "- {id: a, match: [x], causes: [{id: b}]}",
     "bad.yaml:1:37: 'causes' names signature 'b', which does not exist; ..."},
    {"RefinesNobody", "- {id: a, match: [x], refines: [b]}",
     "bad.yaml:1:33: 'refines' names signature 'b', which does not exist; ..."},
    {"ExpectedNobody", "- {id: a, match: [x], expected_during: [b]}",
     "bad.yaml:1:41: 'expected_during' names signature 'b', which does not exist; ..."},
    {"CausesItself", "- {id: a, match: [x], aliases: [b], causes: [{id: b}]}",
     "bad.yaml:1:51: 'causes' names the signature itself; leave it out"},
    {"CausesScalar", "- {id: a, match: [x], causes: [b]}",
     "bad.yaml:1:32: an item of 'causes' must be a map; write causes: [{id: other-signature, same: "
     "node}] instead"},
    {"CauseNoId", "- {id: a, match: [x], causes: [{same: pod}]}",
     "bad.yaml:1:32: an item of 'causes' has no id; write causes: [{id: other-signature, same: "
     "node}] instead"},
    {"CauseScope", "- {id: a, match: [x], causes: [{id: b, same: rack}]}\n- {id: b, match: [x]}",
     "bad.yaml:1:46: unknown scope 'rack'; write one of container, ..."},
    {"CauseField", "- {id: a, match: [x], causes: [{id: b, within: 1m}]}\n- {id: b, match: [x]}",
     "bad.yaml:1:40: unknown field 'within' in 'causes'; write 'id', 'same', 'before' or 'after' "
     "instead"},
    {"CauseTwice", "- {id: a, match: [x], causes: [{id: b}, {id: b}]}\n- {id: b, match: [x]}",
     "bad.yaml:1:46: 'b' is caused twice through the same node; write it once"},
    {"SameId", "- {id: a, match: [x]}\n- {id: a, match: [y]}",
     "bad.yaml:2:8: 'a' is taken by the signature at bad.yaml:1; write another name instead"},
    {"SameAlias", "- {id: a, match: [x]}\n- {id: b, match: [y], aliases: [a]}",
     "bad.yaml:2:33: 'a' is taken by the signature at bad.yaml:1; write another name instead"},
    {"BadPattern", "- id: a\n  match:\n    - 'ok'\n    - 'bad (?=x)'",
     "bad.yaml:4:7: pattern 'bad (?=x)', byte 5: lookaround is not in the dialect; write an "
     "'unless' pattern instead"},
    {"BadUnless", "- {id: a, match: [x], unless: ['y{1001}']}",
     "bad.yaml:1:32: pattern 'y{1001}', byte 2: repeats more than 1000 times; write + or * "
     "instead"},
    {"ExampleMap", "- {id: a, match: [x], examples: [{line: x}]}",
     "bad.yaml:1:35: unknown field 'line' in 'examples'; write 'text' or 'captures' instead (and 1 "
     "more)"},
    {"ExampleCapture", "- {id: a, match: ['(?<p>x)'], examples: [{text: x, captures: {q: x}}]}",
     "bad.yaml:1:3: the example expects capture 'q', which no pattern takes; write (?<q>...) in "
     "'match'"},
    {"CounterCaptures", "- {id: a, match: [x], counterexamples: [{text: y, captures: {}}]}",
     "bad.yaml:1:51: unknown field 'captures' in 'counterexamples'; write 'text' instead"},
};
INSTANTIATE_TEST_SUITE_P(Table, BadCatalogueTest, testing::ValuesIn(kBad),
                         [](const auto& i) { return i.param.name; });

TEST(CatalogueLoaderTest, CountsWhatElseIsWrongAndStopsAtTwenty) {
  std::string yaml;
  for (int i = 0; i < 50; ++i) yaml += "- {id: a" + std::to_string(i) + "}\n";
  auto catalogue = LoadCatalogueFromText({{"bad.yaml", yaml}});
  EXPECT_THAT(Message(catalogue.status()), testing::EndsWith("(and 19 more)"));
  EXPECT_EQ(LintText({{"bad.yaml", yaml}}).size(), 20u);
}

TEST(CatalogueLoaderTest, DeepYamlIsRefused) {
  auto catalogue = LoadCatalogueFromText({{"bad.yaml", std::string(100'000, '[')}});
  EXPECT_THAT(Message(catalogue.status()), HasSubstr("is not YAML"));
}

TEST(CatalogueLoaderTest, ReadsADirectoryOrAFile) {
  namespace fs = std::filesystem;
  fs::path dir = fs::path(testing::TempDir()) / "catalogue_loader_test_directory";
  fs::remove_all(dir);
  EXPECT_THAT(Message(LoadCatalogue(dir.string()).status()), HasSubstr("does not exist"));
  fs::create_directory(dir);
  EXPECT_THAT(Message(LoadCatalogue(dir.string()).status()), HasSubstr("holds no *.yaml"));
  std::ofstream(dir / "b.yaml") << "[{id: b, match: ['y'], refines: [a]}]";
  std::ofstream(dir / "a.yaml") << "[{id: a, match: ['x']}]";
  std::ofstream(dir / "README.md") << "not a catalogue";
  auto catalogue = LoadCatalogue(dir.string());
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  EXPECT_EQ((*catalogue)->signatures().size(), 2u);
  auto single = LoadCatalogue((dir / "a.yaml").string());
  ASSERT_TRUE(single.ok()) << single.status();
  EXPECT_EQ((*single)->signatures().size(), 1u);
  // One bad file spoils all.
  std::ofstream(dir / "c.yaml") << "- {id: c}";
  EXPECT_THAT(Message(LoadCatalogue(dir.string()).status()), StartsWith("c.yaml:1:3: "));
  EXPECT_THAT(Lint((dir / "nowhere").string()), testing::SizeIs(1));
  fs::remove_all(dir);
}

TEST(LintTest, WarnsOfWhatIsWeak) {
  std::vector<std::string> warnings;
  for (const LintIssue& issue : LintText({{"a.yaml", R"(- id: a
  title: {en: A, zh: 甲}
  cause: {en: A}
  match: ['x\d+', 'good words.*', 'fine words\.*']
  examples: ['x1', 'x2', 'x3']
)"}})) {
    EXPECT_EQ(issue.level, LintIssue::Level::kWarning);
    warnings.push_back(ToString(issue));
  }
  EXPECT_THAT(
      warnings,
      ElementsAre(
          "a.yaml:1:3: a: has 0 of at least 2 counterexamples; add near misses",
          R"(a.yaml:4:11: a: pattern 'x\d+' can match without any literal of 4 bytes, which is slow; add words that are always there)",
          "a.yaml:4:19: a: pattern 'good words.*' ends in .*; leave that out",
          "a.yaml:1:3: a: has no cause in zh; add cause: {zh: ...}",
          "a.yaml:1:3: a: has no remedy in en; add remedy: {en: ...}",
          "a.yaml:1:3: a: has no remedy in zh; add remedy: {zh: ...}"));
}

}  // namespace
}  // namespace tocsin::matcher
