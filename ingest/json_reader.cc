// SPDX-License-Identifier: Apache-2.0
// One pass over the object, with a decision per key: On-Demand pays only for what is looked at, and
// the order of keys differs between shippers, so nothing is searched for. Strings are unescaped
// into the parser's own buffer, which is large enough because each is unescaped at most once.
#include "ingest/json_reader.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "ingest/cursor.h"
#include "ingest/identity.h"
#include "ingest/json_keys.h"
#include "ingest/wire_time.h"
#include "simdjson.h"

namespace tocsin::ingest {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && static_cast<uint8_t>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<uint8_t>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

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

// How deep the brackets of `json` go, and how many of them are still open at its end. Exact for
// JSON, cut off anywhere; a byte at a time, so only for payloads that need it.
struct Nesting {
  int deepest = 0;
  int open = 0;
};
Nesting NestingOf(std::string_view json) {
  Nesting nesting;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      nesting.deepest = std::max(nesting.deepest, ++nesting.open);
    } else if (c == '}' || c == ']') {
      --nesting.open;
    }
  }
  return nesting;
}

// Counting brackets first, those in strings included, settles nearly every payload at the speed of
// memory.
bool TooDeep(std::string_view json) {
  if (json.size() <= kMaxDepth) return false;
  size_t openers = 0;
  for (const char c : json) {
    openers += static_cast<size_t>(c == '{') + static_cast<size_t>(c == '[');
  }
  return openers > kMaxDepth && NestingOf(json).deepest > kMaxDepth;
}

// Whether the first line looks complete and another object follows it.
bool IsLineOfMany(std::string_view json) {
  const size_t end = json.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view first = Trim(json.substr(0, end));
  const std::string_view rest = Trim(json.substr(end));
  return first.size() > 1 && first[0] == '{' && first.back() == '}' && !rest.empty() &&
         rest[0] == '{';
}

BadReason ReasonFor(error_code error, std::string_view json) {
  const BadReason reason = ReasonOf(error);
  // Cut off behind an inner bracket: On-Demand runs into whatever follows and dislikes that.
  return reason == BadReason::kNotJson && NestingOf(json).open > 0 ? BadReason::kTruncated : reason;
}

template <typename Enum>
uint8_t RankOf(Enum key) {
  return static_cast<uint8_t>(key);
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
      const std::string_view line = Trim(rest.substr(0, end));
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
      if (error_code error = ReadRecord(object)) return error;
      const char* const after = position();
      *rest = Trim({after, static_cast<size_t>(end - after)});
      handler.OnObject(fields_, Trim({start, static_cast<size_t>(after - start)}), (*read)++);
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
        handler.OnBroken(BadReason::kNotObject, Trim(token), (*read)++);
        continue;
      }
      if (error || (error = ReadRecord(object))) return error;
      const char* const after = position();
      handler.OnObject(fields_, Trim({token.data(), static_cast<size_t>(after - token.data())}),
                       (*read)++);
    }
    const char* const after = position();
    *rest = Trim({after, static_cast<size_t>(end - after)});
    return SUCCESS;
  }

  error_code ReadRecord(od::object& object) {
    fields_ = JsonFields{};
    error_ = SUCCESS;
    return ForEach(object, [this](Key key, od::value& value) { TopField(key, value); });
  }

  // Calls `visit(key, value)` for each known key; what it leaves unread is skipped.
  template <typename Visit>
  error_code ForEach(od::object& object, Visit visit) {
    for (auto entry : object) {
      od::field field;
      if (error_code error = std::move(entry).get(field)) return error;
      const char* raw = field.key().raw();
      // Stage 1 has seen the closing quote. A key with an escaped quote in it ends early here, with
      // a backslash, and is unknown.
      const char* quote = static_cast<const char*>(std::memchr(raw, '"', 64));
      if (quote == nullptr) continue;
      const Key key = FindKey({raw, static_cast<size_t>(quote - raw)});
      if (key == Key::kUnknown) continue;
      visit(key, field.value());
      if (error_ != SUCCESS) return error_;
    }
    return SUCCESS;
  }
  template <typename Visit>
  bool Map(od::value& value, Visit visit) {
    od::object object;
    const error_code error = value.get_object().get(object);
    if (error == simdjson::INCORRECT_TYPE) return false;
    if (const error_code failed = error ? error : ForEach(object, visit)) error_ = failed;
    return true;
  }

  // The first byte of a value: '"', '{', '[', a digit, 't', 'f', 'n'.
  static char KindOf(od::value& value) {
    const std::string_view token = value.raw_json_token();
    return token.empty() ? '\0' : token[0];
  }
  bool String(od::value& value, std::string_view* out) {
    const error_code error = value.get_string().get(*out);
    if (error == SUCCESS) return true;
    if (error != simdjson::INCORRECT_TYPE) error_ = error;
    return false;
  }
  // A string that is not there yet; of several values (a repeated journal field) the first.
  void First(od::value& value, std::string_view* out) {
    if (!out->empty()) return;
    if (KindOf(value) != '[') {
      String(value, out);
      return;
    }
    od::array array;
    if ((error_ = value.get_array().get(array))) return;
    for (auto element : array) {
      od::value item;
      if ((error_ = std::move(element).get(item))) return;
      String(item, out);
      return;
    }
  }
  bool TimeOf(od::value& value, Time* out) {
    std::string_view text;
    if (KindOf(value) == '"') {
      if (!String(value, &text)) return false;
    } else {
      text = Trim(value.raw_json_token());
    }
    const auto time = TimeFromText(text);
    if (time) *out = *time;
    return time.has_value();
  }
  void Count(od::value& value, int64_t* out) {
    if (*out != 0) return;
    const error_code error = value.get_int64().get(*out);
    if (error) *out = 0;
  }

  void Text(uint8_t rank, od::value& value) {
    if (rank >= fields_.text_rank) return;
    const char kind = KindOf(value);
    if (kind == '"') {
      if (String(value, &fields_.text)) fields_.text_rank = rank;
    } else if (kind == '[') {
      Bytes(rank, value);
    } else if (kind == '{') {
      if (rank == RankOf(Key::kLog)) {  // Filebeat: log.file.path
        Map(value, [this](Key key, od::value& inner) {
          if (key != Key::kFile) return;
          Map(inner, [this](Key name, od::value& path) {
            if (name == Key::kPath) First(path, &fields_.file_path);
          });
        });
      } else if (rank == RankOf(Key::kBody)) {
        Map(value, [this, rank](Key key, od::value& inner) {
          if (key == Key::kStringValue && String(inner, &fields_.text)) fields_.text_rank = rank;
        });
      }
    } else if (kind != 'n') {
      fields_.text = Trim(value.raw_json_token());
      fields_.text_rank = rank;
    }
  }
  // journald prints a message that is not clean UTF-8 as an array of its bytes, and a repeated one
  // as an array of strings.
  void Bytes(uint8_t rank, od::value& value) {
    od::array array;
    if ((error_ = value.get_array().get(array))) return;
    bytes_.clear();
    for (auto element : array) {
      od::value item;
      if ((error_ = std::move(element).get(item))) return;
      if (KindOf(item) == '"') {
        if (String(item, &fields_.text)) fields_.text_rank = rank;
        return;
      }
      uint64_t byte = 0;
      if (item.get_uint64().get(byte) != SUCCESS || byte > 255) return;
      bytes_.push_back(static_cast<char>(byte));
    }
    fields_.text = bytes_;
    fields_.text_rank = rank;
  }

  void Node(uint8_t rank, od::value& value) {
    if (rank >= fields_.node_rank) return;
    const char kind = KindOf(value);
    std::string_view name;
    if (kind == '{') {  // Elastic: host.name, host.hostname
      Map(value, [this, &name](Key key, od::value& inner) {
        if (key == Key::kName || key == Key::kHost) First(inner, &name);
      });
    } else {
      First(value, &name);
    }
    if (name.empty()) return;
    fields_.node = name;
    fields_.node_rank = rank;
  }

  void TopField(Key key, od::value& value) {
    switch (key) {
      case Key::kLog:
      case Key::kMessage:
      case Key::kJournalMessage:
      case Key::kMsg:
      case Key::kBody:
      case Key::kOriginal:
      case Key::kShortMessage:
        return Text(RankOf(key), value);
      case Key::kAtTimestamp:
      case Key::kTime:
      case Key::kTimestamp:
      case Key::kSourceRealtime:
      case Key::kRealtime:
      case Key::kIsoDate:
      case Key::kTs:
        if (RankOf(key) < fields_.time_rank && TimeOf(value, &fields_.time)) {
          fields_.time_rank = RankOf(key);
        }
        return;
      case Key::kJournalHost:
      case Key::kHost:
      case Key::kNodeName:
      case Key::kNode:
        return Node(RankOf(key), value);
      case Key::kCluster:
        return First(value, &fields_.cluster);
      case Key::kKubernetes:
        return Kubernetes(value);
      case Key::kContainer:
      case Key::kDocker:
        Map(value, [this](Key name, od::value& inner) {
          if (name == Key::kId || name == Key::kContainerId) First(inner, &fields_.container_id);
        });
        return;
      case Key::kStream: {
        std::string_view stream;
        if (String(value, &stream))
          fields_.runtime_stream = stream == "stdout" || stream == "stderr";
        return;
      }
      case Key::kFile:
      case Key::kPath:
        return First(value, &fields_.file_path);
      case Key::kError:
        return First(value, &fields_.error);
      case Key::kTransport:
        return First(value, &fields_.transport);
      case Key::kUnit:
        return First(value, &fields_.unit);
      case Key::kIdentifier:
      case Key::kProgram:
      case Key::kTag:
        return First(value, &fields_.identifier);
      case Key::kFacility:
        if (KindOf(value) != '"') {
          fields_.facility = Trim(value.raw_json_token());
          return;
        }
        return First(value, &fields_.facility);
      case Key::kSystemd:
      case Key::kSyslogMap:
        Map(value, [this](Key name, od::value& inner) {
          if (name == Key::kUnit) First(inner, &fields_.unit);
          if (name == Key::kTransport) First(inner, &fields_.transport);
          if (name == Key::kIdentifierPlain || name == Key::kProgram) {
            First(inner, &fields_.identifier);
          }
        });
        return;
      case Key::kDriverContainerIdFull:
        fields_.container_id = {};  // better than the short id
        [[fallthrough]];
      case Key::kDriverContainerId:
        fields_.from_container_driver = true;
        return First(value, &fields_.container_id);
      case Key::kDriverContainerName:
        fields_.from_container_driver = true;
        return First(value, &fields_.docker_name);
      case Key::kSequence:
      case Key::kSec:
      case Key::kUsec:
        if (IsDigit(KindOf(value))) ++fields_.kmsg_marks;
        return;
      case Key::kEvent:
        Map(value, [this](Key name, od::value& inner) {
          if (name == Key::kOriginalInner) {
            Text(RankOf(Key::kOriginal), inner);
          } else if (name == Key::kMessage) {
            Text(RankOf(name), inner);
          } else {
            EventField(name, inner);
          }
        });
        return;
      default:
        return EventField(key, value);
    }
  }

  void Kubernetes(od::value& value) {
    if (KindOf(value) != '{') return;
    if (fields_.kubernetes_maps++ > 0) {
      fields_.kube_node = fields_.kube_cluster = fields_.ns = fields_.pod = fields_.pod_uid = {};
      fields_.container = fields_.container_id = fields_.image = {};
      fields_.owner_kind = fields_.owner_name = {};
    }
    Map(value, [this](Key key, od::value& inner) { KubernetesField(key, inner); });
    fields_.container_id = ContainerIdOf(fields_.container_id);
  }
  void KubernetesField(Key key, od::value& value) {
    JsonFields& f = fields_;
    const bool map = KindOf(value) == '{';
    // {"name": ..., "uid": ..., "id": ..., "image": ...} of Elastic's nested form.
    const auto nested = [&](std::string_view* name, std::string_view* id) {
      Map(value, [&](Key inner_key, od::value& inner) {
        if (inner_key == Key::kName) First(inner, name);
        if (id != nullptr && (inner_key == Key::kUid || inner_key == Key::kId)) First(inner, id);
        if (inner_key == Key::kImage && KindOf(inner) == '"') First(inner, &f.image);
      });
    };
    switch (key) {
      case Key::kHost:
      case Key::kNodeName:
      case Key::kNode:
        return map ? nested(&f.kube_node, nullptr) : First(value, &f.kube_node);
      case Key::kCluster:
        return map ? nested(&f.kube_cluster, nullptr) : First(value, &f.kube_cluster);
      case Key::kPodName:
        return First(value, &f.pod);
      case Key::kNamespaceName:
        return First(value, &f.ns);
      case Key::kNamespace:
        return map ? nested(&f.ns, nullptr) : First(value, &f.ns);
      case Key::kPodId:
        return First(value, &f.pod_uid);
      case Key::kPod:
        return map ? nested(&f.pod, &f.pod_uid) : First(value, &f.pod);
      case Key::kContainerName:
        return First(value, &f.container);
      case Key::kContainer:
        return map ? nested(&f.container, &f.container_id) : First(value, &f.container);
      case Key::kContainerId:
        return First(value, &f.container_id);
      case Key::kContainerImage:
        return First(value, &f.image);
      case Key::kOwnerReferences:
        return Owner(value);
      case Key::kPodOwner: {  // "ReplicaSet/app-7d"
        std::string_view owner;
        First(value, &owner);
        const size_t slash = owner.find('/');
        if (slash == std::string_view::npos) return;
        f.owner_kind = owner.substr(0, slash);
        f.owner_name = owner.substr(slash + 1);
        return;
      }
      default:
        return;
    }
  }
  void Owner(od::value& value) {
    if (KindOf(value) != '[') return;
    od::array array;
    if ((error_ = value.get_array().get(array))) return;
    for (auto element : array) {
      od::value item;
      if ((error_ = std::move(element).get(item))) return;
      Map(item, [this](Key key, od::value& inner) {
        if (key == Key::kKind) First(inner, &fields_.owner_kind);
        if (key == Key::kName) First(inner, &fields_.owner_name);
      });
      return;  // the controller comes first
    }
  }

  void EventField(Key key, od::value& value) {
    EventJson& e = fields_.event;
    switch (key) {
      case Key::kKind:
        return First(value, &e.api_kind);
      case Key::kReason:
        return First(value, &e.reason);
      case Key::kType:
        return First(value, &e.type);
      case Key::kNote:
        return First(value, &e.note);
      case Key::kCount:
        return Count(value, &e.count);
      case Key::kFirstTimestamp:
        if (e.first == kNoTime) TimeOf(value, &e.first);
        return;
      case Key::kLastTimestamp:
        if (e.last == kNoTime) TimeOf(value, &e.last);
        return;
      case Key::kEventTime:
        if (e.event_time == kNoTime) TimeOf(value, &e.event_time);
        return;
      case Key::kReportingComponent:
        return First(value, &e.reporting_component);
      case Key::kReportingInstance:
        return First(value, &e.reporting_instance);
      case Key::kMetadata:
        Map(value, [this, &e](Key name, od::value& inner) {
          if (name == Key::kUid) First(inner, &e.uid);
          if (name == Key::kNamespace) First(inner, &e.meta_ns);
          if (name == Key::kCreationTimestamp && e.created == kNoTime) TimeOf(inner, &e.created);
        });
        return;
      case Key::kInvolvedObject:
        if (KindOf(value) == '{') e.has_object = true;
        Map(value, [this, &e](Key name, od::value& inner) {
          if (name == Key::kKind) First(inner, &e.kind);
          if (name == Key::kName) First(inner, &e.name);
          if (name == Key::kNamespace) First(inner, &e.ns);
          if (name == Key::kUid) First(inner, &e.object_uid);
          if (name == Key::kFieldPath) First(inner, &e.field_path);
        });
        return;
      case Key::kSource:
        Map(value, [this, &e](Key name, od::value& inner) {
          if (name == Key::kComponent) First(inner, &e.component);
          if (name == Key::kHost) First(inner, &e.host);
        });
        return;
      case Key::kSeries:
        Map(value, [this, &e](Key name, od::value& inner) {
          if (name == Key::kCount) Count(inner, &e.series_count);
          if (name == Key::kLastObservedTime && e.series_last == kNoTime) {
            TimeOf(inner, &e.series_last);
          }
        });
        return;
      default:
        return;
    }
  }

  od::parser parser_;
  JsonFields fields_;
  std::string bytes_;
  error_code error_ = SUCCESS;  // of the value just visited
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

std::optional<BadReason> JsonReader::Read(std::string_view json, Handler& handler, int* read) {
  return impl_->Read(json, handler, read);
}

}  // namespace tocsin::ingest
