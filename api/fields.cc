// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"

#include <algorithm>
#include <limits>

#include "tocsin/v1/incident.pb.h"
#include "tocsin/v1/node.pb.h"
#include "tocsin/v1/signature.pb.h"

namespace tocsin::api {
namespace {

using google::protobuf::Message;
using Texts = Field::Texts;
using v1::Incident;
using v1::Node;
using v1::Signature;

const Incident& AsIncident(const Message& m) { return static_cast<const Incident&>(m); }
const Node& AsNode(const Message& m) { return static_cast<const Node&>(m); }
const Signature& AsSignature(const Message& m) { return static_cast<const Signature&>(m); }

template <typename Strings>
bool AnyOf(const Strings& strings, const Texts& predicate) {
  return std::any_of(strings.begin(), strings.end(), predicate);
}
bool TimeOf(bool has, const google::protobuf::Timestamp& time, int64_t& value) {
  if (has) value = NanosOf(time);
  return has;
}

// A signature that takes part, as root or further down.
bool IncidentSignatures(const Message& m, const Texts& p) {
  const Incident& i = AsIncident(m);
  if (i.has_root_cause() && p(i.root_cause().signature())) return true;
  return std::any_of(i.problems().begin(), i.problems().end(),
                     [&](const v1::Problem& problem) { return p(problem.signature()); });
}
bool IncidentText(const Message& m, const Texts& p) {
  const Incident& i = AsIncident(m);
  if (p(i.title())) return true;
  return std::any_of(i.evidence().begin(), i.evidence().end(),
                     [&](const v1::Evidence& evidence) { return p(evidence.text()); });
}

constexpr auto kText = Field::Type::kText;
constexpr auto kEnum = Field::Type::kEnum;
constexpr auto kNumber = Field::Type::kNumber;
constexpr auto kTime = Field::Type::kTime;

#define TEXT(expression) [](const Message& m, const Texts& p) { return p(expression); }, nullptr
#define TEXTS(expression) \
  [](const Message& m, const Texts& p) { return AnyOf(expression, p); }, nullptr
#define NUMBER(expression)                        \
  nullptr, [](const Message& m, int64_t& value) { \
    value = expression;                           \
    return true;                                  \
  }
#define ENUM(expression)                          \
  nullptr, [](const Message& m, int64_t& value) { \
    value = expression;                           \
    return value != 0;                            \
  }
#define TIME(as, name)                                      \
  nullptr, [](const Message& m, int64_t& value) {           \
    return TimeOf(as(m).has_##name(), as(m).name(), value); \
  }

const Field kIncidentFields[] = {
    {"name", kText, TEXT(AsIncident(m).name())},
    {"cluster", kText, TEXT(AsIncident(m).cluster())},
    {"state", kEnum, ENUM(AsIncident(m).state()), &Incident::State_descriptor},
    {"severity", kEnum, ENUM(AsIncident(m).severity()), &v1::Severity_descriptor, true},
    {"root_status", kEnum, ENUM(AsIncident(m).root_status()), &Incident::RootStatus_descriptor},
    {"signature", kText, &IncidentSignatures},
    {"title", kText, TEXT(AsIncident(m).title())},
    {"node", kText, TEXTS(AsIncident(m).nodes())},
    {"pod", kText, TEXTS(AsIncident(m).pods())},
    {"namespace", kText, TEXTS(AsIncident(m).namespaces())},
    {"workload", kText, TEXTS(AsIncident(m).workloads())},
    {"open_time", kTime, TIME(AsIncident, open_time)},
    {"last_hit_time", kTime, TIME(AsIncident, last_hit_time)},
    {"resolve_time", kTime, TIME(AsIncident, resolve_time)},
    {"hit_count", kNumber, NUMBER(AsIncident(m).hit_count())},
};

const Field kNodeFields[] = {
    {"name", kText, TEXT(AsNode(m).name())},
    {"cluster", kText, TEXT(AsNode(m).cluster())},
    {"node", kText, TEXT(AsNode(m).node())},
    {"stream", kText,
     [](const Message& m, const Texts& p) {
       const auto& streams = AsNode(m).streams();
       return std::any_of(streams.begin(), streams.end(),
                          [&](const v1::StreamTally& tally) { return p(tally.stream()); });
     }},
    {"first_time", kTime, TIME(AsNode, first_time)},
    {"last_time", kTime, TIME(AsNode, last_time)},
    {"lines", kNumber, NUMBER(AsNode(m).lines())},
    {"bytes", kNumber, NUMBER(AsNode(m).bytes())},
};

bool SignatureTitles(const Message& m, const Texts& p) {
  const auto& titles = AsSignature(m).title();
  return std::any_of(titles.begin(), titles.end(),
                     [&](const auto& title) { return p(title.second); });
}

const Field kSignatureFields[] = {
    {"name", kText, TEXT(AsSignature(m).name())},
    {"id", kText, TEXT(AsSignature(m).id())},
    {"title", kText, &SignatureTitles},
    {"severity", kEnum, ENUM(AsSignature(m).severity()), &v1::Severity_descriptor, true},
    {"kind", kText, TEXT(AsSignature(m).kind())},
    {"entity", kText, TEXT(AsSignature(m).entity())},
    {"stream", kText, TEXTS(AsSignature(m).streams())},
    {"reference", kText, TEXTS(AsSignature(m).references())},
};

#undef TEXT
#undef TEXTS
#undef NUMBER
#undef ENUM
#undef TIME

}  // namespace

int64_t NanosOf(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1;
  return std::clamp(time.seconds(), -kSecondsMax, kSecondsMax) * 1'000'000'000 +
         std::clamp(time.nanos(), 0, 999'999'999);
}

const Schema& IncidentSchema() {
  static const Schema schema{kIncidentFields, &IncidentText};
  return schema;
}
const Schema& NodeSchema() {
  static const Schema schema{kNodeFields,
                             [](const Message& m, const Texts& p) { return p(AsNode(m).node()); }};
  return schema;
}
const Schema& SignatureSchema() {
  static const Schema schema{kSignatureFields, [](const Message& m, const Texts& p) {
                               return p(AsSignature(m).id()) || SignatureTitles(m, p);
                             }};
  return schema;
}

}  // namespace tocsin::api
