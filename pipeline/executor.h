// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/board.h"
#include "api/commands.h"
#include "api/silences.h"
#include "correlate/state.h"
#include "store/store.h"

namespace tocsin::pipeline {

// Carries out the commands of one commit, one after the other, on the layer that is about to be
// committed. What it answers holds once the commit is durable. The fold's thread.
class Executor {
 public:
  // All outlive it.
  Executor(const api::Board& board, const api::Silences& silences, correlate::Layer& layer)
      : board_(board), silences_(silences), layer_(layer) {}

  // Does it, or says why not. Of an outcome that is OK the incident is as it was before: ask the
  // board once the commit is shown.
  absl::StatusOr<api::Outcome> Execute(const api::Command& command);

  // Silences to write, and names of those to delete; to be put into the WriteSet.
  const std::map<std::string, v1::Silence>& silences() const { return changed_; }
  const std::vector<std::string>& forgotten() const { return forgotten_; }

 private:
  absl::StatusOr<api::Outcome> Decide(const api::Command& command);
  absl::StatusOr<api::Outcome> Silence(const api::Command& command);
  absl::StatusOr<api::Outcome> Expire(const api::Command& command);

  const api::Board& board_;
  const api::Silences& silences_;
  correlate::Layer& layer_;
  std::map<std::string, v1::Incident> shown_;  // as decided upon in this commit
  std::map<std::string, v1::Silence> changed_;
  std::vector<std::string> forgotten_;
};

// Changes whenever what the message says changes, and with nothing else: not with the revision.
std::string EtagOf(const v1::Incident& incident);
std::string EtagOf(const v1::Silence& silence);

}  // namespace tocsin::pipeline
