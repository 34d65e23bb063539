// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tocsin::ingest {

// Which object a `kubectl describe` printout is about: the rows of its Events table do not repeat
// it.
class DescribeContext {
 public:
  // Any line of the printout but the Events rows. Cheap for lines that are none of it.
  void Observe(std::string_view line);
  void Reset();

  // Empty until "Name:" was seen. Valid until the next Observe().
  std::string_view kind() const { return kind_; }  // "Pod", "Node", or empty
  std::string_view name() const { return name_; }
  std::string_view ns() const { return ns_; }
  std::string_view node() const { return node_; }

 private:
  std::string_view kind_;
  std::string name_;
  std::string ns_;
  std::string node_;
};

}  // namespace tocsin::ingest
