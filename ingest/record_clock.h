// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/time.h"
#include "ingest/decoder.h"
#include "ingest/line.h"

namespace tocsin::ingest {

// Gives every record a time, whatever it says of its own. Within a file a record without one takes
// that of the record before it; Kafka's records have the broker's and need no neighbour.
class RecordClock {
 public:
  explicit RecordClock(Time reference_time) : reference_(reference_time) {}

  // Before the records of a payload. True if another file begins here.
  bool Begin(const Envelope& envelope) {
    envelope_ = &envelope;
    if (!is_file() || source_ == envelope.address.source) return false;
    source_ = envelope.address.source;
    previous_ = previous_read_ = kNoTime;
    boot_known_ = false;
    return true;
  }
  bool is_file() const { return envelope_->address.partition < 0; }

  // Where a line of this payload takes its year from.
  YearHint Years() const {
    const Time not_after = envelope_->broker_time != kNoTime      ? envelope_->broker_time
                           : envelope_->reference_time != kNoTime ? envelope_->reference_time
                                                                  : reference_;
    return {.previous = is_file() ? previous_read_ : kNoTime, .not_after = not_after};
  }

  // The record's time is the first of `read` that is known, or what stands in for it.
  Time Of(Time read) {
    if (read == kNoTime) return Fallback();
    if (is_file()) previous_read_ = previous_ = read;
    return read;
  }
  Time Of(const Line& line) {
    if (line.time != kNoTime || !line.has_uptime || !is_file()) return Of(line.time);
    if (!boot_known_) {
      boot_ = Fallback() - line.uptime;
      boot_known_ = true;
    }
    previous_ = boot_ + line.uptime;
    return previous_;
  }

 private:
  Time Fallback() {
    if (envelope_->broker_time != kNoTime) return envelope_->broker_time;
    if (previous_ == kNoTime) previous_ = envelope_->reference_time;
    if (previous_ == kNoTime) previous_ = reference_;
    if (previous_ == kNoTime) previous_ = TimeFromNanos(1);
    return previous_;
  }

  const Time reference_;
  const Envelope* envelope_ = nullptr;
  std::string source_;            // the file being read
  Time previous_ = kNoTime;       // given to the record before
  Time previous_read_ = kNoTime;  // the last that a record really had
  Time boot_ = kNoTime;           // when uptimes are taken to have been zero
  bool boot_known_ = false;
};

}  // namespace tocsin::ingest
