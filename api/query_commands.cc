// SPDX-License-Identifier: Apache-2.0
//
// What changes something: requests are checked for their form here and carried out by Commands.
#include <random>

#include <fmt/core.h>

#include "api/error.h"
#include "api/fields.h"
#include "api/page.h"
#include "api/query.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

constexpr size_t kNoteMax_bytes = 4096;
constexpr size_t kWhoMax_bytes = 256;
constexpr size_t kRequestIdMax_bytes = 128;
constexpr int kMergesMax = 64;  // followed from one incident to what it is part of
constexpr Duration kSilenceMax = std::chrono::hours(366 * 24);

absl::Status CheckText(std::string_view field, const std::string& text, size_t max) {
  if (text.size() <= max) return absl::OkStatus();
  return BadField(field, fmt::format("has {} bytes, of at most {}", text.size(), max), "TOO_LONG");
}

absl::Status CheckWho(std::string_view field, const std::string& who) {
  if (who.empty()) return BadField(field, "must say who does this", "MISSING_FIELD");
  return CheckText(field, who, kWhoMax_bytes);
}

std::string NewSilenceName() {
  std::random_device random;
  uint64_t id = (static_cast<uint64_t>(random()) << 32) | random();
  return fmt::format("silences/{:016x}", id);
}

}  // namespace

absl::StatusOr<Outcome> Query::Execute(const Command& command) const {
  if (commands_ == nullptr) {
    return WithReason(Error(absl::StatusCode::kUnimplemented, "this server only answers questions"),
                      "READ_ONLY");
  }
  return commands_->Execute(command);
}

template <typename Request>
absl::StatusOr<v1::Incident> Query::Decide(Command::Kind kind, const Request& request) const {
  RETURN_IF_ERROR(CheckWho("who", request.who()));
  RETURN_IF_ERROR(CheckText("note", request.note(), kNoteMax_bytes));
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdMax_bytes));
  v1::GetIncidentRequest get;
  get.set_name(request.name());
  // Whatever the name leads to: a prefix, or a name from before a merge.
  ASSIGN_OR_RETURN(v1::Incident incident, GetIncident(get));
  for (int hops = 0; !incident.merged_into().empty() && hops < kMergesMax; ++hops) {
    get.set_name(incident.merged_into());
    ASSIGN_OR_RETURN(incident, GetIncident(get));
  }
  Command command;
  command.kind = kind;
  command.name = incident.name();
  command.who = request.who();
  command.note = request.note();
  command.etag = request.etag();
  command.request_id = request.request_id();
  command.at = clock_.Now();
  RETURN_IF_ERROR(Execute(command).status());
  get.set_name(incident.name());
  return GetIncident(get);
}

absl::StatusOr<v1::Incident> Query::AcknowledgeIncident(
    const v1::AcknowledgeIncidentRequest& request) const {
  return Decide(Command::Kind::kAcknowledge, request);
}

absl::StatusOr<v1::Incident> Query::ResolveIncident(
    const v1::ResolveIncidentRequest& request) const {
  return Decide(Command::Kind::kResolve, request);
}

absl::StatusOr<v1::Incident> Query::ReopenIncident(const v1::ReopenIncidentRequest& request) const {
  return Decide(Command::Kind::kReopen, request);
}

absl::StatusOr<v1::Silence> Query::CreateSilence(const v1::CreateSilenceRequest& request) const {
  const v1::Silence& asked = request.silence();
  RETURN_IF_ERROR(CheckWho("silence.who", asked.who()));
  RETURN_IF_ERROR(CheckText("silence.note", asked.note(), kNoteMax_bytes));
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdMax_bytes));
  const Time now = clock_.Now();
  if (asked.filter().find_first_not_of(" \t\n") == std::string::npos) {
    return BadField("silence.filter",
                    "is empty, which would silence everything: write for example "
                    "signature=\"kernel-oom-kill\" AND node=\"node-17\"",
                    "MISSING_FIELD");
  }
  RETURN_IF_ERROR(Filter::Parse(asked.filter(), IncidentSchema(), now).status());
  const int64_t start = asked.has_start_time() ? NanosOf(asked.start_time()) : ToNanos(now);
  const int64_t expire = NanosOf(asked.expire_time());
  if (!asked.has_expire_time()) {
    return BadField("silence.expire_time", "is missing: a silence ends", "MISSING_FIELD");
  }
  if (expire <= start || expire <= ToNanos(now)) {
    return BadField("silence.expire_time", "must lie after the start and after the present",
                    "INVALID_TIME");
  }
  if (expire > ToNanos(now + kSilenceMax)) {
    return BadField("silence.expire_time", "lies more than a year ahead", "INVALID_TIME");
  }
  Command command;
  command.kind = Command::Kind::kSilence;
  command.who = asked.who();
  command.request_id = request.request_id();
  command.at = now;
  command.silence.set_name(NewSilenceName());
  command.silence.set_filter(asked.filter());
  command.silence.set_note(asked.note());
  *command.silence.mutable_expire_time() = asked.expire_time();
  auto set = [](int64_t nanos, google::protobuf::Timestamp& time) {
    time.set_seconds(nanos / 1'000'000'000);
    time.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  };
  set(start, *command.silence.mutable_start_time());
  set(ToNanos(now), *command.silence.mutable_create_time());
  ASSIGN_OR_RETURN(Outcome outcome, Execute(command));
  outcome.silence.set_state(SilenceStateAt(outcome.silence, clock_.Now()));
  return std::move(outcome.silence);
}

absl::StatusOr<v1::Silence> Query::ExpireSilence(const v1::ExpireSilenceRequest& request) const {
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdMax_bytes));
  std::string name = request.name();
  if (!name.empty() && !name.starts_with("silences/")) name = "silences/" + name;
  // A unique prefix will do.
  std::string found;
  for (const v1::Silence& silence : silences_->All()) {
    if (request.name().empty() || !silence.name().starts_with(name)) continue;
    if (!found.empty() && silence.name() != name) {
      return BadField("name", fmt::format("{} is the beginning of several names", Quoted(name)),
                      "AMBIGUOUS_NAME");
    }
    found = silence.name();
  }
  if (found.empty()) {
    return WithReason(NotFound("there is no silence {}", Quoted(request.name())),
                      "SILENCE_NOT_FOUND", {{"name", Quoted(request.name())}});
  }
  Command command;
  command.kind = Command::Kind::kExpireSilence;
  command.name = found;
  command.etag = request.etag();
  command.request_id = request.request_id();
  command.at = clock_.Now();
  ASSIGN_OR_RETURN(Outcome outcome, Execute(command));
  outcome.silence.set_state(SilenceStateAt(outcome.silence, clock_.Now()));
  return std::move(outcome.silence);
}

absl::StatusOr<v1::ListSilencesResponse> Query::ListSilences(
    const v1::ListSilencesRequest& request) const {
  ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  const uint64_t arguments = Fingerprint({request.show_expired() ? "all" : ""});
  ASSIGN_OR_RETURN(state::v1::PageToken token,
                   ReadToken(request.page_token(), "ListSilences", arguments));
  const bool first_page = token.version() == 0;
  if (first_page) {
    token.set_method("ListSilences");
    token.set_arguments(arguments);
    token.set_now(ToNanos(clock_.Now()));
  }
  v1::ListSilencesResponse response;
  bool skipping = !first_page;
  for (v1::Silence& silence : silences_->All()) {
    if (skipping) {
      skipping = silence.name() != token.last();
      continue;
    }
    silence.set_state(SilenceStateAt(silence, TimeFromNanos(token.now())));
    if (silence.state() == v1::Silence::EXPIRED && !request.show_expired()) continue;
    if (response.silences_size() == page_size) {
      token.set_last(response.silences(page_size - 1).name());
      response.set_next_page_token(WriteToken(token));
      break;
    }
    *response.add_silences() = std::move(silence);
  }
  return response;
}

}  // namespace tocsin::api
