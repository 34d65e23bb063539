// SPDX-License-Identifier: Apache-2.0
#include "api/json.h"

#include <cmath>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"
#include <fmt/format.h>

#include "api/fields.h"
#include "base/time.h"
#include "tocsin/v1/incident.pb.h"

namespace tocsin::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The length of the UTF-8 sequence at the beginning of `text`, 0 if it is none.
size_t SequenceLength(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = at(0);
  size_t length = lead < 0x80   ? 1
                  : lead < 0xC2 ? 0
                  : lead < 0xE0 ? 2
                  : lead < 0xF0 ? 3
                  : lead < 0xF5 ? 4
                                : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F) ||
      (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F)) {
    return 0;
  }
  return length;
}

void PrintString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    char c = text.front();
    size_t length = SequenceLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      length = 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  out += '"';
}

constexpr uint64_t kExactMax = uint64_t{1} << 53;  // every reader has integers up to here exactly

void PrintUnsigned(uint64_t value, std::string& out) {
  const bool exact = value <= kExactMax;
  if (!exact) out += '"';
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (!exact) out += '"';
}

void PrintSigned(int64_t value, std::string& out) {
  const bool exact = value <= int64_t{kExactMax} && value >= -int64_t{kExactMax};
  if (!exact) out += '"';
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (!exact) out += '"';
}

void PrintDouble(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void PrintMessage(const Message& message, std::string& out);

// One value: of a singular field, or the `index`th of a repeated one (index < 0: singular).
void PrintValue(const Message& message, const FieldDescriptor* field, int index, std::string& out) {
  const Reflection& get = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      PrintSigned(one ? get.GetInt32(message, field) : get.GetRepeatedInt32(message, field, index),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      PrintSigned(one ? get.GetInt64(message, field) : get.GetRepeatedInt64(message, field, index),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      PrintUnsigned(
          one ? get.GetUInt32(message, field) : get.GetRepeatedUInt32(message, field, index), out);
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      PrintUnsigned(
          one ? get.GetUInt64(message, field) : get.GetRepeatedUInt64(message, field, index), out);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      PrintDouble(
          one ? get.GetDouble(message, field) : get.GetRepeatedDouble(message, field, index), out);
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      PrintDouble(static_cast<double>(one ? get.GetFloat(message, field)
                                          : get.GetRepeatedFloat(message, field, index)),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      out += (one ? get.GetBool(message, field) : get.GetRepeatedBool(message, field, index))
                 ? "true"
                 : "false";
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      int number =
          one ? get.GetEnumValue(message, field) : get.GetRepeatedEnumValue(message, field, index);
      const auto* value = field->enum_type()->FindValueByNumber(number);
      if (value != nullptr) {
        PrintString(value->name(), out);
      } else {
        PrintSigned(number, out);  // from a newer release
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text =
          one ? get.GetString(message, field) : get.GetRepeatedString(message, field, index);
      if (field->type() == FieldDescriptor::TYPE_BYTES) text = absl::Base64Escape(text);
      PrintString(text, out);
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (one && !get.HasField(message, field)) {
        out += "null";
      } else {
        PrintMessage(
            one ? get.GetMessage(message, field) : get.GetRepeatedMessage(message, field, index),
            out);
      }
      break;
  }
}

// Keys in JSON are strings, whatever they are in the map.
void PrintMap(const Message& message, const FieldDescriptor* field, std::string& out) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  const Reflection& get = *message.GetReflection();
  std::map<std::string, std::string> entries;
  for (int i = 0; i < get.FieldSize(message, field); ++i) {
    const Message& entry = get.GetRepeatedMessage(message, field, i);
    std::string name, text;
    PrintValue(entry, key, -1, name);
    if (name.front() != '"') name = '"' + name + '"';
    PrintValue(entry, value, -1, text);
    entries[name] = std::move(text);
  }
  out += '{';
  bool first = true;
  for (const auto& [name, text] : entries) {
    if (!std::exchange(first, false)) out += ',';
    out += name;
    out += ':';
    out += text;
  }
  out += '}';
}

void PrintField(const Message& message, const FieldDescriptor* field, std::string& out) {
  PrintString(field->json_name(), out);
  out += ':';
  if (field->is_map()) {
    PrintMap(message, field, out);
  } else if (field->is_repeated()) {
    out += '[';
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      if (i > 0) out += ',';
      PrintValue(message, field, i, out);
    }
    out += ']';
  } else {
    PrintValue(message, field, -1, out);
  }
}

// The half of a source that means something; of a finding, that it is a shadow only if it is one.
bool IsShown(const Message& message, const FieldDescriptor* field) {
  if (message.GetDescriptor() == v1::Finding::descriptor()) {
    return field->number() != v1::Finding::kShadowFieldNumber ||
           static_cast<const v1::Finding&>(message).shadow();
  }
  if (message.GetDescriptor() != v1::Source::descriptor()) return true;
  bool of_file = field->number() == v1::Source::kFileFieldNumber ||
                 field->number() == v1::Source::kLineFieldNumber;
  return of_file == static_cast<const v1::Source&>(message).topic().empty();
}

void PrintMessage(const Message& message, std::string& out) {
  const Descriptor* type = message.GetDescriptor();
  if (type == google::protobuf::Timestamp::descriptor()) {
    const auto& time = static_cast<const google::protobuf::Timestamp&>(message);
    out += '"' + FormatTime(TimeFromNanos(NanosOf(time))) + '"';
    return;
  }
  if (type == google::protobuf::Duration::descriptor()) {
    const auto& duration = static_cast<const google::protobuf::Duration&>(message);
    out += '"' + google::protobuf::util::TimeUtil::ToString(duration) + '"';
    return;
  }
  out += '{';
  bool first = true;
  for (int i = 0; i < type->field_count(); ++i) {
    if (!IsShown(message, type->field(i))) continue;
    if (!std::exchange(first, false)) out += ',';
    PrintField(message, type->field(i), out);
  }
  out += '}';
}

}  // namespace

std::string ToJson(const Message& message) {
  std::string out;
  out.reserve(1024);
  PrintMessage(message, out);
  return out;
}

std::string ToUtf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = SequenceLength(text);
    out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string JsonString(std::string_view text) {
  std::string out;
  PrintString(text, out);
  return out;
}

}  // namespace tocsin::api
