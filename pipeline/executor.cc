// SPDX-License-Identifier: Apache-2.0
#include "pipeline/executor.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/error.h"
#include "api/fields.h"
#include "base/hash.h"
#include "base/status.h"
#include "correlate/decision.h"

namespace tocsin::pipeline {
namespace {

using api::Command;
using api::Outcome;

constexpr Duration kExpiredKept = std::chrono::hours(7 * 24);
constexpr size_t kSilencesMax = 1000;

absl::Status EtagMismatch(const std::string& name) {
  return api::WithReason(Error(absl::StatusCode::kAborted,
                               "{} has changed since: read it again and decide anew", name),
                         "ETAG_MISMATCH", {{"name", name}});
}

// As it is remembered: the same id with another command is another request.
std::string RequestOf(const Command& command) {
  if (command.request_id.empty()) return "";
  return fmt::format("{} {}", static_cast<int>(command.kind), command.request_id);
}

correlate::Verdict VerdictOf(Command::Kind kind) {
  switch (kind) {
    case Command::Kind::kAcknowledge:
      return correlate::Verdict::kAcknowledge;
    case Command::Kind::kResolve:
      return correlate::Verdict::kResolve;
    default:
      return correlate::Verdict::kReopen;
  }
}

}  // namespace

std::string EtagOf(const v1::Incident& incident) {
  v1::Incident content = incident;
  content.clear_revision();
  content.clear_etag();
  content.clear_settled();
  return fmt::format("{:016x}", StableHash(content.SerializeAsString()));
}

std::string EtagOf(const v1::Silence& silence) {
  v1::Silence content = silence;
  content.clear_etag();
  content.clear_state();
  return fmt::format("{:016x}", StableHash(content.SerializeAsString()));
}

absl::StatusOr<Outcome> Executor::Execute(const Command& command) {
  switch (command.kind) {
    case Command::Kind::kSilence:
      return Silence(command);
    case Command::Kind::kExpireSilence:
      return Expire(command);
    default:
      return Decide(command);
  }
}

absl::StatusOr<Outcome> Executor::Decide(const Command& command) {
  ASSIGN_OR_RETURN(v1::Incident shown, board_.Get(command.name));
  if (auto decided = shown_.find(shown.name()); decided != shown_.end()) shown = decided->second;
  const state::v1::Decision* earlier =
      correlate::FindDecision(layer_, shown.cluster(), shown.name());
  if (earlier != nullptr && !command.request_id.empty() &&
      earlier->request() == RequestOf(command)) {
    return Outcome{shown, {}};  // it was done, and the answer was lost
  }
  if (!command.etag.empty() && command.etag != shown.etag()) return EtagMismatch(shown.name());
  const correlate::Verdict verdict = VerdictOf(command.kind);
  if (absl::Status status = correlate::CheckVerdict(verdict, shown); !status.ok()) {
    return api::WithReason(
        status, "ILLEGAL_TRANSITION",
        {{"name", shown.name()}, {"state", v1::Incident::State_Name(shown.state())}});
  }
  correlate::Decide(verdict, shown, command.who, command.note, command.at, RequestOf(command),
                    layer_);
  if (shown.settled() && layer_.FindIncident(shown.name()) == nullptr) {
    // So long over that its problems are forgotten: what is stored is all there is.
    layer_.EditIncident(shown.name()) = shown;
    correlate::ApplyDecision(layer_, layer_.EditIncident(shown.name()));
  }
  correlate::ApplyDecision(layer_, shown);
  shown.set_etag(EtagOf(shown));
  shown_[shown.name()] = shown;
  return Outcome{shown, {}};
}

absl::StatusOr<Outcome> Executor::Silence(const Command& command) {
  const std::vector<v1::Silence> all = silences_.All();
  for (const v1::Silence& silence : all) {
    if (!command.request_id.empty() && silence.request_id() == command.request_id) {
      return Outcome{{}, silence};
    }
    if (api::NanosOf(silence.expire_time()) < ToNanos(command.at - kExpiredKept)) {
      forgotten_.push_back(silence.name());
    }
  }
  for (const auto& [name, silence] : changed_) {
    if (!command.request_id.empty() && silence.request_id() == command.request_id) {
      return Outcome{{}, silence};
    }
  }
  if (all.size() - forgotten_.size() + changed_.size() >= kSilencesMax) {
    return api::WithReason(FailedPrecondition("there are {} silences: expire some", kSilencesMax),
                           "TOO_MANY_SILENCES");
  }
  v1::Silence silence = command.silence;
  silence.set_who(command.who);
  silence.set_request_id(command.request_id);
  silence.set_etag(EtagOf(silence));
  changed_[silence.name()] = silence;
  return Outcome{{}, silence};
}

absl::StatusOr<Outcome> Executor::Expire(const Command& command) {
  v1::Silence silence = silences_.Find(command.name);
  if (auto changed = changed_.find(command.name); changed != changed_.end()) {
    silence = changed->second;
  }
  if (silence.name().empty()) {
    return api::WithReason(NotFound("there is no silence {}", api::Quoted(command.name)),
                           "SILENCE_NOT_FOUND", {{"name", api::Quoted(command.name)}});
  }
  if (!command.etag.empty() && command.etag != silence.etag()) return EtagMismatch(command.name);
  if (api::SilenceStateAt(silence, command.at) == v1::Silence::EXPIRED) {
    return Outcome{{}, silence};  // it is over, as was asked for
  }
  const int64_t now = ToNanos(command.at);
  silence.mutable_expire_time()->set_seconds(now / 1'000'000'000);
  silence.mutable_expire_time()->set_nanos(static_cast<int32_t>(now % 1'000'000'000));
  if (api::NanosOf(silence.start_time()) > now) {
    *silence.mutable_start_time() = silence.expire_time();
  }
  silence.set_etag(EtagOf(silence));
  changed_[silence.name()] = silence;
  return Outcome{{}, silence};
}

}  // namespace tocsin::pipeline
