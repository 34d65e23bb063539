// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "base/time.h"
#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/silence.pb.h"

namespace tocsin::api {

// What somebody wants changed. The query layer has checked its form; whether it can be done is
// decided by the only writer, in the order in which commands reach it.
struct Command {
  enum class Kind { kAcknowledge, kResolve, kReopen, kSilence, kExpireSilence };
  Kind kind = Kind::kAcknowledge;
  std::string name;  // of the incident, or of the silence to expire
  std::string who;
  std::string note;
  std::string etag;        // empty: whatever it is now
  std::string request_id;  // empty: done as often as it is asked for
  Time at = kNoTime;       // by the clock
  v1::Silence silence;     // kSilence: with its name
};

// What it is now: of the two, the one that the command was about.
struct Outcome {
  v1::Incident incident;
  v1::Silence silence;
};

// Carries commands out. Thread-safe.
class Commands {
 public:
  virtual ~Commands() = default;
  // Returns once the change is on the disk and shown. NOT_FOUND, FAILED_PRECONDITION (an illegal
  // transition), ABORTED (the etag is another one), RESOURCE_EXHAUSTED (too many wait),
  // UNAVAILABLE (the disk takes nothing; whether it was done is seen by asking again with the same
  // request_id).
  virtual absl::StatusOr<Outcome> Execute(const Command& command) = 0;
};

}  // namespace tocsin::api
