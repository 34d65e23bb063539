// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"
#include "matcher/tagger.h"

namespace tocsin::matcher {

// A catalogue from YAML text with its patterns, or a failed test.
struct Matcher {
  explicit Matcher(const std::string& yaml) {
    auto loaded = LoadCatalogueFromText({{"test.yaml", yaml}});
    if (!loaded.ok()) {
      ADD_FAILURE() << loaded.status();
      loaded = std::make_unique<const Catalogue>();
    }
    catalogue = std::move(loaded).value();
    auto compiled = PatternSet::Compile(*catalogue);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    patterns = std::move(compiled).value();
    tagger = std::make_unique<Tagger>(*patterns);
  }

  // Each finding as "id kind/name name=value name=value".
  std::vector<std::string> Tag(const Record& record) {
    std::vector<std::string> findings;
    tagger->Tag(record, [&](const Finding& finding) {
      std::string text = finding.signature->id + " " + ToString(finding.entity);
      for (const Capture& capture : finding.captures) {
        text.append(" ").append(capture.name).append("=").append(capture.value);
      }
      findings.push_back(std::move(text));
    });
    return findings;
  }
  std::vector<std::string> Tag(std::string_view text, Stream stream = Stream::kText) {
    Record record;
    record.stream = stream;
    record.cluster = "c1";
    record.node = "n1";
    record.time = TimeFromNanos(1'000'000'000);
    record.text = text;
    return Tag(record);
  }

  std::unique_ptr<const Catalogue> catalogue;
  std::unique_ptr<const PatternSet> patterns;
  std::unique_ptr<Tagger> tagger;
};

}  // namespace tocsin::matcher
