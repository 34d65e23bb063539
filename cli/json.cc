// SPDX-License-Identifier: Apache-2.0
#include "cli/json.h"

#include <cstdint>

#include <fmt/core.h>

#include "matcher/utf8.h"

namespace tocsin::cli {
namespace {

void AppendString(std::string& out, std::string_view bytes) {
  std::string scratch;
  out += '"';
  for (char c : matcher::ValidUtf8(bytes, scratch)) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

}  // namespace

void JsonWriter::Key(std::string_view key) {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
  if (key.empty()) return;
  AppendString(out_, key);
  out_ += ':';
}
JsonWriter& JsonWriter::BeginObject(std::string_view key) {
  Key(key);
  out_ += '{';
  return *this;
}
JsonWriter& JsonWriter::EndObject() {
  out_ += '}';
  return *this;
}
JsonWriter& JsonWriter::BeginArray(std::string_view key) {
  Key(key);
  out_ += '[';
  return *this;
}
JsonWriter& JsonWriter::EndArray() {
  out_ += ']';
  return *this;
}
JsonWriter& JsonWriter::Text(std::string_view key, std::string_view value) {
  Key(key);
  AppendString(out_, value);
  return *this;
}
JsonWriter& JsonWriter::Number(std::string_view key, int64_t value) {
  Key(key);
  out_ += std::to_string(value);
  return *this;
}
JsonWriter& JsonWriter::Raw(std::string_view key, std::string_view json) {
  Key(key);
  out_ += json;
  return *this;
}
JsonWriter& JsonWriter::Bool(std::string_view key, bool value) {
  Key(key);
  out_ += value ? "true" : "false";
  return *this;
}

}  // namespace tocsin::cli
