// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tocsin::cli {

// Writes one JSON object on one line, for answers that are no protobuf message (those: api/json.h).
// Bytes that are not UTF-8 come out as U+FFFD, so that the line is always JSON.
class JsonWriter {
 public:
  JsonWriter& BeginObject(std::string_view key = {});
  JsonWriter& EndObject();
  JsonWriter& BeginArray(std::string_view key);
  JsonWriter& EndArray();
  JsonWriter& Text(std::string_view key, std::string_view value);  // an empty key within an array
  JsonWriter& Number(std::string_view key, int64_t value);
  JsonWriter& Raw(std::string_view key, std::string_view json);
  JsonWriter& Bool(std::string_view key, bool value);
  const std::string& str() const { return out_; }

 private:
  void Key(std::string_view key);
  std::string out_;
};

}  // namespace tocsin::cli
