// SPDX-License-Identifier: Apache-2.0
#include "ingest/json_reader.h"

#include "ingest/json_field_reader.h"
#include "ingest/json_shape.h"
#include "simdjson.h"

namespace tocsin::ingest {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

BadReason ReasonOf(error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return BadReason::kNotUtf8;
    case simdjson::UNCLOSED_STRING:
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return BadReason::kTruncated;
    case simdjson::EMPTY:
      return BadReason::kEmpty;
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return BadReason::kTooLarge;
    case simdjson::DEPTH_ERROR:
      return BadReason::kTooDeep;
    default:
      return BadReason::kNotJson;
  }
}

BadReason ReasonFor(error_code error, std::string_view json) {
  const BadReason reason = ReasonOf(error);
  // Cut off behind an inner bracket: On-Demand runs into whatever follows and dislikes that.
  return reason == BadReason::kNotJson && NestingOf(json).open > 0 ? BadReason::kTruncated : reason;
}

}  // namespace

class JsonReader::Impl {
 public:
  std::optional<BadReason> Read(std::string_view json, Handler& handler, int* read) {
    *read = 0;
    if (TooDeep(json)) return BadReason::kTooDeep;
    std::string_view rest;
    if (const error_code error = ReadOne(json, handler, read, &rest)) {
      if (*read > 0 || !IsLineOfMany(json)) return ReasonFor(error, json);
      rest = json;
    }
    // Objects one a line: parsed line by line, so that the work stays linear and a broken one is
    // alone in its trouble.
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      const std::string_view line = TrimJson(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (line.empty()) continue;
      std::string_view trailing;
      const error_code error =
          line[0] == '{' ? ReadOne(line, handler, read, &trailing) : simdjson::TAPE_ERROR;
      if (error) {
        handler.OnBroken(ReasonFor(error, line), line, (*read)++);
      } else if (!trailing.empty()) {
        handler.OnBroken(BadReason::kNotJson, trailing, (*read)++);
      }
    }
    return std::nullopt;
  }

 private:
  error_code ReadOne(std::string_view json, Handler& handler, int* read, std::string_view* rest) {
    if (json.size() > parser_.capacity()) {
      // In powers of two, so that a source of ever longer records does not allocate for each.
      size_t capacity = 16384;
      while (capacity < json.size()) capacity *= 2;
      if (error_code error = parser_.allocate(capacity)) return error;
    }
    od::document document;
    if (error_code error =
            parser_.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING)
                .get(document)) {
      return error;
    }
    const char* const end = json.data() + json.size();
    const auto position = [&] {
      const char* at = nullptr;
      return document.current_location().get(at) == SUCCESS && at < end ? at : end;
    };
    const char* const start = position();
    if (start == end) return simdjson::EMPTY;
    if (*start == '{') {
      od::object object;
      if (error_code error = document.get_object().get(object)) return error;
      if (error_code error = fields_.Read(object)) return error;
      const char* const after = position();
      *rest = TrimJson({after, static_cast<size_t>(end - after)});
      handler.OnObject(fields_.fields(), TrimJson({start, static_cast<size_t>(after - start)}),
                       (*read)++);
      return SUCCESS;
    }
    od::array array;
    if (error_code error = document.get_array().get(array)) return error;
    for (auto element : array) {
      od::value value;
      if (error_code error = std::move(element).get(value)) return error;
      const std::string_view token = value.raw_json_token();
      od::object object;
      error_code error = value.get_object().get(object);
      if (error == simdjson::INCORRECT_TYPE) {
        handler.OnBroken(BadReason::kNotObject, TrimJson(token), (*read)++);
        continue;
      }
      if (error || (error = fields_.Read(object))) return error;
      const char* const after = position();
      handler.OnObject(fields_.fields(),
                       TrimJson({token.data(), static_cast<size_t>(after - token.data())}),
                       (*read)++);
    }
    const char* const after = position();
    *rest = TrimJson({after, static_cast<size_t>(end - after)});
    return SUCCESS;
  }

  od::parser parser_;
  JsonFieldReader fields_;
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

std::optional<BadReason> JsonReader::Read(std::string_view json, Handler& handler, int* read) {
  return impl_->Read(json, handler, read);
}

}  // namespace tocsin::ingest
