// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "api/error.h"
#include "api/fields.h"
#include "api/filter.h"
#include "api/page.h"
#include "api/query.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

void SetDuration(Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(duration.count() / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(duration.count() % 1'000'000'000));
}

}  // namespace

v1::Signature ToProto(const Signature& signature, const Catalogue& catalogue) {
  v1::Signature out;
  out.set_name("signatures/" + signature.id);
  out.set_id(signature.id);
  out.mutable_title()->insert(signature.title.begin(), signature.title.end());
  if (signature.streams != kAllStreams) {
    for (int i = 0; i < kStreamCount; ++i) {
      auto stream = static_cast<Stream>(i);
      // kText is in every mask, and says nothing.
      if (stream != Stream::kText && (signature.streams & MaskOf(stream)) != 0) {
        out.add_streams(std::string(StreamName(stream)));
      }
    }
  }
  out.set_severity(static_cast<v1::Severity>(signature.severity));
  out.set_kind(signature.kind == Signature::Kind::kState ? "state" : "occurrence");
  out.set_entity(std::string(EntityKindName(signature.entity)));
  out.mutable_match()->Assign(signature.match.begin(), signature.match.end());
  out.mutable_unless()->Assign(signature.unless.begin(), signature.unless.end());
  out.set_each(signature.each);
  out.set_generic(signature.generic);
  out.set_threshold_count(static_cast<uint32_t>(
      std::clamp<int64_t>(signature.threshold_count, 0, std::numeric_limits<uint32_t>::max())));
  SetDuration(signature.threshold_within, out.mutable_threshold_within());
  if (signature.kind == Signature::Kind::kOccurrence) {
    SetDuration(signature.quiet, out.mutable_quiet());
  }
  out.mutable_cleared_by()->Assign(signature.cleared_by.begin(), signature.cleared_by.end());
  for (const Edge& edge : signature.causes) {
    v1::Signature::Edge* to = out.add_causes();
    to->set_id(edge.id);
    to->set_same(std::string(EntityKindName(edge.same)));
    SetDuration(edge.before, to->mutable_before());
    SetDuration(edge.after, to->mutable_after());
  }
  for (const CauseOf& cause : catalogue.CausesOf(signature.id)) {
    if (!cause.sibling) out.add_caused_by(cause.cause->id);
  }
  out.mutable_refines()->Assign(signature.refines.begin(), signature.refines.end());
  out.mutable_aliases()->Assign(signature.aliases.begin(), signature.aliases.end());
  out.mutable_references()->Assign(signature.references.begin(), signature.references.end());
  out.mutable_cause()->insert(signature.cause.begin(), signature.cause.end());
  out.mutable_remedy()->insert(signature.remedy.begin(), signature.remedy.end());
  out.set_check(signature.check);
  for (const Example& example : signature.examples) out.add_examples(example.text);
  for (const Example& example : signature.counterexamples) out.add_counterexamples(example.text);
  out.mutable_overridden()->Assign(signature.overridden.begin(), signature.overridden.end());
  if (!signature.file.empty()) out.set_file(fmt::format("{}:{}", signature.file, signature.line));
  return out;
}

absl::StatusOr<v1::ListSignaturesResponse> Query::ListSignatures(
    const v1::ListSignaturesRequest& request) const {
  ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  const uint64_t arguments = Fingerprint({request.filter()});
  ASSIGN_OR_RETURN(state::v1::PageToken token,
                   ReadToken(request.page_token(), "ListSignatures", arguments));
  token.set_method("ListSignatures");
  token.set_arguments(arguments);
  ASSIGN_OR_RETURN(const Filter filter,
                   Filter::Parse(request.filter(), SignatureSchema(), clock_.Now()));
  std::shared_ptr<const Catalogue> catalogue = GetCatalogue();
  v1::ListSignaturesResponse response;
  response.set_catalogue_version(catalogue->version());
  int total = 0;
  size_t bytes = 0;
  bool more = false;
  for (const Signature& signature : catalogue->signatures()) {
    v1::Signature item = ToProto(signature, *catalogue);
    if (!filter.Matches(item)) continue;
    ++total;
    if (more || signature.id <= token.last()) continue;
    bytes += item.ByteSizeLong();
    more = response.signatures_size() == page_size ||
           (response.signatures_size() > 0 && bytes > kPageMax_bytes);
    if (!more) *response.add_signatures() = std::move(item);
  }
  response.set_total_size(total);
  if (more) {
    token.set_last(response.signatures(response.signatures_size() - 1).id());
    response.set_next_page_token(WriteToken(token));
  }
  return response;
}

absl::StatusOr<v1::Signature> Query::GetSignature(const v1::GetSignatureRequest& request) const {
  std::string_view id = request.name();
  constexpr std::string_view kPrefix = "signatures/";
  if (id.starts_with(kPrefix)) id.remove_prefix(kPrefix.size());
  if (id.empty()) return BadField("name", "must not be empty", "INVALID_NAME");
  std::shared_ptr<const Catalogue> catalogue = GetCatalogue();
  const Signature* signature = catalogue->Find(id);
  if (signature == nullptr) {
    return WithReason(NotFound("there is no signature {}", Quoted(id)), "SIGNATURE_NOT_FOUND",
                      {{"name", Quoted(id)}});
  }
  return ToProto(*signature, *catalogue);
}

}  // namespace tocsin::api
