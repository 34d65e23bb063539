// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/message.h"

namespace tocsin::api {

// `message` as one line of proto3 JSON, without a newline at the end. As protobuf's own printer,
// but:
// - Every key is always there: zero, false, "", [], {} and the enum's zero name are printed, and
// null for
//   a message or time that is not set. Exception: of `source` either {file, line} or {topic,
//   partition, offset, index}, because which keys are there says which it is.
// - 64-bit integers are JSON numbers up to 2^53 either way, where every reader has them exactly,
// and
//   strings beyond. (proto3 readers accept both.)
// - Bytes that are not UTF-8 become U+FFFD.
// Fields come in the order of their numbers, map entries in the order of their keys.
std::string ToJson(const google::protobuf::Message& message);

// `text` with each byte that is no part of valid UTF-8 replaced by U+FFFD.
std::string ToUtf8(std::string_view text);

// `text` as a JSON string, quotes included.
std::string JsonString(std::string_view text);

}  // namespace tocsin::api
