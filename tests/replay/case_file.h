// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "tocsin/v1/incident.pb.h"

// A story as a text file: what was logged, and what the operator should be told. README.md says how
// to write one.
namespace tocsin::replay {

struct Case {
  std::string title;
  std::string input = "auto";
  std::string cluster;
  std::string node;
  bool complete = false;                     // silence of a node counts
  Time now;                                  // what the files' modification times say
  std::map<std::string, uint64_t> bad;       // records that can not be read, by reason
  std::map<std::string, std::string> files;  // by name, so in the order in which they are read
  // What is expected of each incident, in order of open time: key -> value, lists joined by ", ".
  std::vector<std::map<std::string, std::string>> incidents;
};

// "" or what is wrong with the file, with its line.
std::string ReadCase(const std::string& path, Case& out);

// The incident in the keys and words of a case.
std::map<std::string, std::string> Describe(const v1::Incident& incident);

// As it would stand in a case: "- root: ...\n  state: ...\n".
std::string ToYaml(const std::map<std::string, std::string>& incident);

}  // namespace tocsin::replay
