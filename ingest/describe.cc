// SPDX-License-Identifier: Apache-2.0
#include "ingest/describe.h"

#include "ingest/cursor.h"

namespace tocsin::ingest {

void DescribeContext::Reset() {
  kind_ = {};
  name_.clear();
  ns_.clear();
  node_.clear();
}

void DescribeContext::Observe(std::string_view line) {
  if (line.size() < 5 || !IsUpper(line[0])) return;
  Cursor in(line);
  const std::string_view label = in.Word();
  if (label.empty() || label.back() != ':') return;
  in.SkipBlanks();
  const std::string_view value = in.Word();
  if (label == "Name:") {
    Reset();
    name_ = value;
  } else if (name_.empty()) {
    return;
  } else if (label == "Namespace:") {
    ns_ = value;
  } else if (label == "Node:") {  // "node-17/10.0.0.17" or "<none>"
    kind_ = "Pod";
    if (!value.empty() && value[0] != '<') node_ = value.substr(0, value.find('/'));
  } else if (label == "Roles:" && ns_.empty()) {
    kind_ = "Node";
  }
}

}  // namespace tocsin::ingest
