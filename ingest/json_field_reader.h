// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "ingest/json_fields.h"
#include "ingest/json_values.h"

namespace tocsin::ingest {

// One pass over an object, with a decision per key: On-Demand pays only for what is looked at, and
// the order of keys differs between shippers, so nothing is searched for. Strings are unescaped
// into the parser's own buffer, which is large enough because each is unescaped at most once.
class JsonFieldReader : private JsonValues {
 public:
  // fields() is whole if this succeeds. Its views live as long as the parser's document.
  Code Read(Object& object);
  const JsonFields& fields() const { return fields_; }

 private:
  void TopField(Key key, Value& value);
  void Text(uint8_t rank, Value& value);
  void Bytes(uint8_t rank, Value& value);
  void Node(uint8_t rank, Value& value);
  void Kubernetes(Value& value);
  void KubernetesField(Key key, Value& value);
  void Owner(Value& value);
  void EventField(Key key, Value& value);

  JsonFields fields_;
  std::string bytes_;  // a message that came as an array of bytes
};

}  // namespace tocsin::ingest
