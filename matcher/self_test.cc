// SPDX-License-Identifier: Apache-2.0
#include "matcher/self_test.h"

#include <map>
#include <optional>

#include <fmt/core.h>

#include "matcher/explain.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {
namespace {

using Captures = std::map<std::string, std::string>;

std::vector<Stream> StreamsOf(const Signature& signature) {
  if (signature.streams == kAllStreams) return {Stream::kText};
  std::vector<Stream> streams;
  for (int i = 0; i < kStreamCount; ++i) {
    if (signature.streams & MaskOf(static_cast<Stream>(i)))
      streams.push_back(static_cast<Stream>(i));
  }
  return streams;
}

// What `want` asks for and `got` has not; empty if nothing.
std::string Missing(const Captures& want, const Captures& got) {
  for (const auto& [name, value] : want) {
    auto it = got.find(name);
    if (it == got.end()) return fmt::format("takes no capture '{}'", name);
    if (it->second != value) {
      return fmt::format("takes capture '{}' as '{}', not '{}'", name, it->second, value);
    }
  }
  return "";
}

// Why an example is no finding; nothing if it is a generic signature's, which yields to others on
// purpose.
std::optional<std::string> WhyNot(const PatternSet& patterns, const Record& record,
                                  const Signature& signature) {
  for (const Explanation::Removed& removed : Explain(patterns, record).removed) {
    if (removed.signature != &signature) continue;
    if (removed.generic) return std::nullopt;
    return "example does not match (" + removed.reason + ")";
  }
  return "example does not match";
}

}  // namespace

std::string ToString(const SelfTestFailure& failure) {
  return fmt::format("{}:{}: {}: {}", failure.file, failure.line, failure.signature,
                     failure.message);
}

std::vector<SelfTestFailure> RunSelfTest(const PatternSet& patterns) {
  std::vector<SelfTestFailure> failures;
  Tagger tagger(patterns);
  for (const Signature& signature : patterns.catalogue().signatures()) {
    for (bool counter : {false, true}) {
      for (const Example& example : counter ? signature.counterexamples : signature.examples) {
        for (Stream stream : StreamsOf(signature)) {
          Record record;
          record.stream = stream;
          record.cluster = "cluster";
          record.node = "node";
          record.time = TimeFromNanos(1);
          record.text = example.text;
          bool hit = false;
          // Of an `each` signature any finding may have the captures.
          std::string missing;
          bool complete = false;
          tagger.Tag(record, [&](const Finding& finding) {
            if (finding.signature != &signature) return;
            hit = true;
            Captures got;
            for (const Capture& capture : finding.captures) {
              got.emplace(std::string(capture.name), std::string(capture.value));
            }
            missing = Missing(example.captures, got);
            complete |= missing.empty();
          });
          std::string message;
          if (counter && hit) {
            message = "counterexample matches";
          } else if (!counter && !hit) {
            message = WhyNot(patterns, record, signature).value_or("");
          } else if (!counter && !complete) {
            message = "example " + missing;
          }
          if (message.empty()) continue;
          failures.push_back({example.file, example.line, signature.id,
                              fmt::format("{} in stream {}: '{}'", message, StreamName(stream),
                                          example.text.substr(0, 500))});
          break;  // the other streams would say the same
        }
      }
    }
  }
  return failures;
}

}  // namespace tocsin::matcher
