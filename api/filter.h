// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/time.h"

// The filter language of AIP-160, as far as api/README.md describes it.
namespace tocsin::api {

// One name that a filter can ask about. Tables of these are constants (fields.h).
struct Field {
  enum class Type {
    kText,    // = != with * as wildcard; : contains, ignoring case; ":*" is not empty
    kEnum,    // = != and, if `ordered`, < <= > >=; names in any case
    kNumber,  // = != < <= > >=
    kTime,    // the same, with an RFC 3339 time, a date, or "-1h": that long ago
  };
  using Texts = std::function<bool(std::string_view)>;

  std::string_view name;
  Type type = Type::kText;
  // kText: calls the predicate for each value until it returns true; returns whether it did.
  bool (*any)(const google::protobuf::Message& message, const Texts& predicate) = nullptr;
  // The others: the value (enum number, number, nanoseconds since 1970). False: it has none.
  bool (*number)(const google::protobuf::Message& message, int64_t& value) = nullptr;
  const google::protobuf::EnumDescriptor* (*values)() = nullptr;  // kEnum
  bool ordered = false;
};

// What a filter can be about: the fields, and what bare words are looked for in.
struct Schema {
  std::span<const Field> fields;
  bool (*any_text)(const google::protobuf::Message& message,
                   const Field::Texts& predicate) = nullptr;
};

// A parsed filter. Immutable; share freely between threads. Copies share the tree.
class Filter {
 public:
  static constexpr size_t kTextMax_bytes = 8192;
  static constexpr int kDepthMax = 64;
  static constexpr int kTermsMax = 512;

  Filter() = default;  // matches everything

  // An empty `text` matches everything. `now` is what relative times are measured from. `schema`
  // outlives the filter. INVALID_ARGUMENT (FILTER_SYNTAX, FILTER_FIELD or FILTER_VALUE) with the
  // column, from 1 in bytes, in the message and in the metadata as "position".
  static absl::StatusOr<Filter> Parse(std::string_view text, const Schema& schema, Time now);

  // `message` is of the type that the schema's accessors expect.
  bool Matches(const google::protobuf::Message& message) const;
  bool empty() const { return root_ == nullptr; }

  struct Node;  // known to filter*.cc only

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace tocsin::api
