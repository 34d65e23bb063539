// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string_view>

#include "base/time.h"
#include "ingest/json_keys.h"
#include "ingest/json_shape.h"
#include "ingest/wire_time.h"
#include "simdjson.h"

// Private to the JSON sources: brings simdjson along.
namespace tocsin::ingest {

// Takes single values out of an object. A value of another type than asked for is as good as
// absent; a broken one ends the record, and error() tells.
class JsonValues {
 protected:
  using Array = simdjson::ondemand::array;
  using Object = simdjson::ondemand::object;
  using Value = simdjson::ondemand::value;
  using Code = simdjson::error_code;

  // Calls `visit(key, value)` for each known key; what it leaves unread is skipped.
  template <typename Visit>
  Code ForEach(Object& object, Visit visit) {
    for (auto entry : object) {
      simdjson::ondemand::field field;
      if (Code error = std::move(entry).get(field)) return error;
      const char* raw = field.key().raw();
      // Stage 1 has seen the closing quote. A key with an escaped quote in it ends early here, with
      // a backslash, and is unknown.
      const char* quote = static_cast<const char*>(std::memchr(raw, '"', 64));
      if (quote == nullptr) continue;
      const Key key = FindKey({raw, static_cast<size_t>(quote - raw)});
      if (key == Key::kUnknown) continue;
      visit(key, field.value());
      if (error_ != simdjson::SUCCESS) return error_;
    }
    return simdjson::SUCCESS;
  }
  template <typename Visit>
  bool Map(Value& value, Visit visit) {
    Object object;
    const Code error = value.get_object().get(object);
    if (error == simdjson::INCORRECT_TYPE) return false;
    if (const Code failed = error ? error : ForEach(object, visit)) error_ = failed;
    return true;
  }

  // The first byte of a value: '"', '{', '[', a digit, 't', 'f', 'n'.
  static char KindOf(Value& value) {
    const std::string_view token = value.raw_json_token();
    return token.empty() ? '\0' : token[0];
  }
  bool String(Value& value, std::string_view* out) {
    const Code error = value.get_string().get(*out);
    if (error == simdjson::SUCCESS) return true;
    if (error != simdjson::INCORRECT_TYPE) error_ = error;
    return false;
  }
  // A string that is not there yet; of several values (a repeated journal field) the first.
  void First(Value& value, std::string_view* out) {
    if (!out->empty()) return;
    if (KindOf(value) != '[') {
      String(value, out);
      return;
    }
    Array array;
    if ((error_ = value.get_array().get(array))) return;
    for (auto element : array) {
      Value item;
      if ((error_ = std::move(element).get(item))) return;
      String(item, out);
      return;
    }
  }
  bool TimeOf(Value& value, Time* out) {
    std::string_view text;
    if (KindOf(value) == '"') {
      if (!String(value, &text)) return false;
    } else {
      text = TrimJson(value.raw_json_token());
    }
    const auto time = TimeFromText(text);
    if (time) *out = *time;
    return time.has_value();
  }
  void Count(Value& value, int64_t* out) {
    if (*out != 0) return;
    const Code error = value.get_int64().get(*out);
    if (error) *out = 0;
  }

  Code error_ = simdjson::SUCCESS;  // of the value just visited
};

}  // namespace tocsin::ingest
