// SPDX-License-Identifier: Apache-2.0
#include "api/filter.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "api/error.h"
#include "api/filter_lexer.h"
#include "api/glob.h"
#include "base/status.h"

// Recursive descent, one function for each rule of AIP-160's grammar:
//   expression: sequence {AND sequence}      sequence: factor {factor}      factor: term {OR term}
//   term: [NOT | "-"] simple                 simple: restriction | "(" expression ")"
// so OR binds tighter than AND, and what merely stands side by side is ANDed.
namespace tocsin::api {

using google::protobuf::Message;
using NodePtr = std::shared_ptr<const Filter::Node>;

enum class Compare { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kHas };

struct Filter::Node {
  enum class Op { kAnd, kOr, kNot, kField, kPresent, kBare };
  Op op;
  std::vector<NodePtr> children;  // kAnd, kOr, kNot
  const Field* field = nullptr;   // kField, kPresent
  Compare compare = Compare::kEqual;
  Glob glob;                       // kBare, kField of kText
  int64_t number = 0;              // kField of the other types
  const Schema* schema = nullptr;  // kBare

  bool Matches(const Message& message) const;
};

bool Filter::Node::Matches(const Message& message) const {
  auto matches = [&](const NodePtr& node) { return node->Matches(message); };
  int64_t value = 0;
  switch (op) {
    case Op::kAnd:
      return std::all_of(children.begin(), children.end(), matches);
    case Op::kOr:
      return std::any_of(children.begin(), children.end(), matches);
    case Op::kNot:
      return !children[0]->Matches(message);
    case Op::kBare:
      return schema->any_text != nullptr &&
             schema->any_text(message, [&](std::string_view text) { return glob.Matches(text); });
    case Op::kPresent:
      if (field->type != Field::Type::kText) return field->number(message, value);
      return field->any(message, [](std::string_view text) { return !text.empty(); });
    case Op::kField:
      break;
  }
  if (field->type == Field::Type::kText) {
    bool any = field->any(message, [&](std::string_view text) { return glob.Matches(text); });
    return any != (compare == Compare::kNotEqual);
  }
  if (!field->number(message, value)) return compare == Compare::kNotEqual;
  switch (compare) {
    case Compare::kEqual:
    case Compare::kHas:
      return value == number;
    case Compare::kNotEqual:
      return value != number;
    case Compare::kLess:
      return value < number;
    case Compare::kLessEqual:
      return value <= number;
    case Compare::kGreater:
      return value > number;
    case Compare::kGreaterEqual:
      return value >= number;
  }
  return false;
}

namespace {

Compare CompareFrom(std::string_view text) {
  if (text == "=") return Compare::kEqual;
  if (text == "!=") return Compare::kNotEqual;
  if (text == "<") return Compare::kLess;
  if (text == "<=") return Compare::kLessEqual;
  if (text == ">") return Compare::kGreater;
  if (text == ">=") return Compare::kGreaterEqual;
  return Compare::kHas;
}

bool IsOrder(Compare compare) {
  return compare != Compare::kEqual && compare != Compare::kNotEqual && compare != Compare::kHas;
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, const Schema& schema, Time now)
      : tokens_(std::move(tokens)), schema_(schema), now_(now) {}

  absl::StatusOr<NodePtr> Parse() {
    ASSIGN_OR_RETURN(NodePtr root, Expression(0));
    if (Next().kind == Token::Kind::kClose) {
      return Error(Next(), "FILTER_SYNTAX", "this parenthesis was never opened");
    }
    if (Next().kind != Token::Kind::kEnd) {
      return Error(Next(), "FILTER_SYNTAX", fmt::format("unexpected {}", Name(Next())));
    }
    return root;
  }

 private:
  // What `field op ( ... )` applies to each value in the parentheses.
  struct Context {
    const Field* field;
    Compare compare;
  };

  const Token& Next() const { return tokens_[at_]; }
  Token Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  static absl::Status Error(const Token& token, std::string_view reason, std::string_view what) {
    return FilterError(token.position, reason, what);
  }
  static std::string Name(const Token& token) {
    return token.kind == Token::Kind::kEnd ? "end of the filter" : Quoted(token.text);
  }
  bool StartsTerm() const {
    switch (Next().kind) {
      case Token::Kind::kWord:
      case Token::Kind::kQuoted:
      case Token::Kind::kOpen:
      case Token::Kind::kMinus:
      case Token::Kind::kNot:
        return true;
      default:
        return false;
    }
  }
  static NodePtr Combine(Filter::Node::Op op, std::vector<NodePtr> children) {
    if (children.size() == 1 && op != Filter::Node::Op::kNot) return children[0];
    auto node = std::make_shared<Filter::Node>();
    node->op = op;
    node->children = std::move(children);
    return node;
  }

  absl::StatusOr<NodePtr> Expression(int depth) {
    if (depth > Filter::kDepthMax) {
      return Error(Next(), "FILTER_SYNTAX",
                   fmt::format("nested deeper than {} levels", Filter::kDepthMax));
    }
    std::vector<NodePtr> all;
    while (true) {
      do {  // one sequence
        ASSIGN_OR_RETURN(NodePtr factor, Factor(depth));
        all.push_back(std::move(factor));
      } while (StartsTerm());
      if (Next().kind != Token::Kind::kAnd) break;
      Take();
    }
    return Combine(Filter::Node::Op::kAnd, std::move(all));
  }

  absl::StatusOr<NodePtr> Factor(int depth) {
    std::vector<NodePtr> any;
    while (true) {
      ASSIGN_OR_RETURN(NodePtr term, Term(depth));
      any.push_back(std::move(term));
      if (Next().kind != Token::Kind::kOr) break;
      Take();
    }
    return Combine(Filter::Node::Op::kOr, std::move(any));
  }

  absl::StatusOr<NodePtr> Term(int depth) {
    bool negated = Next().kind == Token::Kind::kNot || Next().kind == Token::Kind::kMinus;
    if (negated) Take();
    ASSIGN_OR_RETURN(NodePtr simple, Simple(depth));
    if (!negated) return simple;
    return Combine(Filter::Node::Op::kNot, {std::move(simple)});
  }

  absl::StatusOr<NodePtr> Simple(int depth) {
    if (++terms_ > Filter::kTermsMax) {
      return Error(Next(), "FILTER_SYNTAX", fmt::format("more than {} terms", Filter::kTermsMax));
    }
    if (Next().kind == Token::Kind::kOpen) return Parenthesised(depth);
    if (Next().kind != Token::Kind::kWord && Next().kind != Token::Kind::kQuoted) {
      return Error(Next(), "FILTER_SYNTAX",
                   fmt::format("expected a comparison or a text, found {}", Name(Next())));
    }
    Token token = Take();
    if (context_ != nullptr) return Value(*context_->field, context_->compare, token);
    if (Next().kind == Token::Kind::kCompare) return Restriction(token, depth);
    if (Next().kind == Token::Kind::kOpen && token.kind == Token::Kind::kWord &&
        Next().position == token.position + token.text.size()) {
      return Error(token, "FILTER_SYNTAX", "there are no functions");
    }
    auto node = std::make_shared<Filter::Node>();
    node->op = Filter::Node::Op::kBare;
    node->glob = Glob(token.text, Glob::Mode::kContains);
    node->schema = &schema_;
    return node;
  }

  absl::StatusOr<NodePtr> Parenthesised(int depth) {
    Token open = Take();
    ASSIGN_OR_RETURN(NodePtr inside, Expression(depth + 1));
    if (Next().kind == Token::Kind::kEnd) {
      return Error(open, "FILTER_SYNTAX", "this parenthesis is never closed");
    }
    if (Next().kind != Token::Kind::kClose) {
      return Error(Next(), "FILTER_SYNTAX", fmt::format("unexpected {}", Name(Next())));
    }
    Take();
    return inside;
  }

  absl::StatusOr<NodePtr> Restriction(const Token& name, int depth) {
    if (name.kind == Token::Kind::kQuoted) {
      return Error(name, "FILTER_SYNTAX",
                   "a quoted text cannot be compared; write the field unquoted");
    }
    auto field = std::find_if(schema_.fields.begin(), schema_.fields.end(),
                              [&](const Field& f) { return f.name == name.text; });
    if (field == schema_.fields.end()) {
      std::string known;
      for (const Field& f : schema_.fields)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", f.name);
      return Error(name, "FILTER_FIELD",
                   fmt::format("there is no field {}; there are {}", Quoted(name.text), known));
    }
    Token sign = Take();
    Compare compare = CompareFrom(sign.text);
    if (IsOrder(compare) && (field->type == Field::Type::kText ||
                             (field->type == Field::Type::kEnum && !field->ordered))) {
      return Error(sign, "FILTER_SYNTAX",
                   fmt::format("{} has no order; use =, != or :", field->name));
    }
    if (Next().kind == Token::Kind::kOpen) {
      // `f != (a OR b)` reads as "none of them", not as "differs from one of them".
      bool none = compare == Compare::kNotEqual;
      Context context{&*field, none ? Compare::kEqual : compare};
      context_ = &context;
      absl::StatusOr<NodePtr> inside = Parenthesised(depth);
      context_ = nullptr;
      if (!inside.ok() || !none) return inside;
      return Combine(Filter::Node::Op::kNot, {*std::move(inside)});
    }
    if (Next().kind != Token::Kind::kWord && Next().kind != Token::Kind::kQuoted) {
      return Error(Next(), "FILTER_SYNTAX",
                   fmt::format("expected a value after '{}', found {}", sign.text, Name(Next())));
    }
    return Value(*field, compare, Take());
  }

  absl::StatusOr<NodePtr> Value(const Field& field, Compare compare, const Token& token) {
    auto node = std::make_shared<Filter::Node>();
    node->op = Filter::Node::Op::kField;
    node->field = &field;
    node->compare = compare;
    if (compare == Compare::kHas && token.kind == Token::Kind::kWord && token.text == "*") {
      node->op = Filter::Node::Op::kPresent;
      return node;
    }
    switch (field.type) {
      case Field::Type::kText:
        node->glob =
            Glob(token.text, compare == Compare::kHas ? Glob::Mode::kContains : Glob::Mode::kWhole);
        break;
      case Field::Type::kEnum: {
        ASSIGN_OR_RETURN(node->number, EnumValue(field, token));
        break;
      }
      case Field::Type::kNumber: {
        const char* end = token.text.data() + token.text.size();
        auto [stop, error] = std::from_chars(token.text.data(), end, node->number);
        if (error != std::errc() || stop != end) {
          return Error(token, "FILTER_VALUE",
                       fmt::format("{} is a whole number, not {}", field.name, Quoted(token.text)));
        }
        break;
      }
      case Field::Type::kTime: {
        ASSIGN_OR_RETURN(node->number, TimeValue(field, token));
        break;
      }
    }
    return node;
  }

  static absl::StatusOr<int64_t> EnumValue(const Field& field, const Token& token) {
    std::string upper = token.text;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const google::protobuf::EnumDescriptor* values = field.values();
    if (const auto* value = values->FindValueByName(upper)) return value->number();
    std::string known;
    for (int i = 0; i < values->value_count(); ++i) {
      if (values->value(i)->number() == 0) continue;
      known += fmt::format("{}{}", known.empty() ? "" : ", ", values->value(i)->name());
    }
    return Error(token, "FILTER_VALUE",
                 fmt::format("{} is one of {}, not {}", field.name, known, Quoted(token.text)));
  }

  absl::StatusOr<int64_t> TimeValue(const Field& field, const Token& token) const {
    if (token.text.starts_with('-')) {
      if (auto ago = ParseDuration(std::string_view(token.text).substr(1))) {
        return ToNanos(now_) - ago->count();
      }
    }
    std::optional<Time> time = ParseTime(token.text);
    if (!time) time = ParseTime(token.text + "T00:00:00Z");
    if (time) return ToNanos(*time);
    return Error(
        token, "FILTER_VALUE",
        fmt::format("{} is a time such as 2024-05-20T10:13:20Z, 2024-05-20 or -1h (one hour "
                    "ago), not {}",
                    field.name, Quoted(token.text)));
  }

  const std::vector<Token> tokens_;
  const Schema& schema_;
  const Time now_;
  const Context* context_ = nullptr;
  size_t at_ = 0;
  int terms_ = 0;
};

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view text, const Schema& schema, Time now) {
  if (text.size() > kTextMax_bytes) {
    return FilterError(kTextMax_bytes, "FILTER_SYNTAX",
                       fmt::format("longer than {} bytes", kTextMax_bytes));
  }
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(text));
  Filter filter;
  if (tokens.size() == 1) return filter;
  ASSIGN_OR_RETURN(filter.root_, Parser(std::move(tokens), schema, now).Parse());
  return filter;
}

bool Filter::Matches(const Message& message) const {
  return root_ == nullptr || root_->Matches(message);
}

}  // namespace tocsin::api
