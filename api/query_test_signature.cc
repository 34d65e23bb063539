// SPDX-License-Identifier: Apache-2.0
//
// TestSignature: tries signatures that nobody else knows of.
#include <memory>

#include <fmt/core.h>

#include "api/error.h"
#include "api/query.h"
#include "base/status.h"
#include "base/stream.h"
#include "matcher/catalogue_loader.h"
#include "matcher/pattern_set.h"
#include "matcher/redact.h"
#include "matcher/tagger.h"

namespace tocsin::api {
namespace {

constexpr size_t kYamlMax_bytes = 1 << 20;
constexpr int kLinesMax = 1000;
constexpr int kFindingsMax = 10'000;

}  // namespace

absl::StatusOr<v1::TestSignatureResponse> Query::TestSignature(
    const v1::TestSignatureRequest& request) const {
  if (request.yaml().size() > kYamlMax_bytes) {
    return BadField(
        "yaml", fmt::format("has {} bytes, of at most {}", request.yaml().size(), kYamlMax_bytes),
        "TOO_LONG");
  }
  if (request.lines_size() > kLinesMax) {
    return BadField("lines", fmt::format("are {}, of at most {}", request.lines_size(), kLinesMax),
                    "TOO_LONG");
  }
  Stream stream = Stream::kText;
  if (!request.stream().empty()) {
    std::optional<Stream> named = StreamFromName(request.stream());
    if (!named) {
      return BadField("stream", fmt::format("{} is no stream", Quoted(request.stream())),
                      "INVALID_STREAM");
    }
    stream = *named;
  }

  v1::TestSignatureResponse response;
  for (const matcher::LintIssue& issue : matcher::LintText({{"yaml", request.yaml()}})) {
    if (issue.level != matcher::LintIssue::Level::kError) continue;
    response.add_errors(fmt::format("{}:{}: {}", issue.line, issue.column, issue.message));
  }
  if (response.errors_size() > 0) return response;
  auto catalogue = matcher::LoadCatalogueFromText({{"yaml", request.yaml()}});
  if (!catalogue.ok()) {
    response.add_errors(Message(catalogue.status()));
    return response;
  }
  auto patterns = matcher::PatternSet::Compile(**catalogue);
  if (!patterns.ok()) {
    response.add_errors(Message(patterns.status()));
    return response;
  }
  matcher::Tagger tagger(**patterns);
  const matcher::Redactor redactor;
  for (int i = 0; i < request.lines_size(); ++i) {
    Record record;
    record.stream = stream;
    record.text = request.lines(i);
    tagger.Tag(record, [&](const matcher::Finding& finding) {
      if (response.findings_size() >= kFindingsMax) return;
      v1::Finding& out = *response.add_findings();
      out.set_signature(finding.signature->id);
      out.set_severity(static_cast<v1::Severity>(finding.severity));
      out.set_stream(std::string(StreamName(stream)));
      for (const matcher::Capture& capture : finding.captures) {
        (*out.mutable_captures())[std::string(capture.name)] = redactor.Redact(capture.value);
      }
      out.set_text(redactor.Redact(matcher::MatchedText(record.text)));
      out.mutable_source()->set_line(i + 1);
    });
  }
  return response;
}

}  // namespace tocsin::api
