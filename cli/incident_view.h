// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/output.h"

#include "base/time.h"
#include "tocsin/v1/incident.pb.h"

// Incidents as a person reads them: one line each in a table, and one page each as a story.
namespace tocsin::cli {

struct IncidentTableOptions {
  // Times are told relative to it ("8m ago"); kNoTime: as dates, for logs of any age.
  Time now = kNoTime;
};
void PrintIncidentTable(Output& out, const std::vector<v1::Incident>& incidents,
                        const IncidentTableOptions& options);

struct StoryOptions {
  Time now = kNoTime;        // as above
  size_t evidence_max = 8;   // lines; what is left out is counted
  size_t problems_max = 12;  // of the cause tree, the same
};
// Title, state, when and where; the tree of causes; evidence; cause, remedy, hypotheses,
// references.
void PrintIncidentStory(Output& out, const v1::Incident& incident, const StoryOptions& options);

// The last part of "clusters/C/incidents/ID"; `name` itself if it has no slash.
std::string IncidentId(const std::string& name);
// The shortest prefix length of at least 8 at which all ids differ.
size_t UniquePrefix(const std::vector<v1::Incident>& incidents);
// "3 nodes", "node-a", "prod/web" ...: where the incident is, in few words.
std::string Where(const v1::Incident& incident);
// The name an enumerator has on screen: "critical", "open".
std::string SeverityWord(v1::Severity severity);
std::string StateWord(const v1::Incident& incident);
Colour SeverityColour(v1::Severity severity);
Time TimeOf(const google::protobuf::Timestamp& timestamp);
// Worst and newest first, open ones before resolved ones.
bool WorseFirst(const v1::Incident& a, const v1::Incident& b);

}  // namespace tocsin::cli
