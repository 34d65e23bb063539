// SPDX-License-Identifier: Apache-2.0
#include "api/filter_lexer.h"

#include <fmt/core.h>

#include "api/error.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool EndsWord(char c) {
  return IsSpace(c) || c == '(' || c == ')' || c == ',' || c == '"' || c == '\'' || c == '<' ||
         c == '>' || c == '=' || c == '!';
}

Token::Kind KindOfWord(std::string_view word) {
  if (word == "AND") return Token::Kind::kAnd;
  if (word == "OR") return Token::Kind::kOr;
  if (word == "NOT") return Token::Kind::kNot;
  return Token::Kind::kWord;
}

}  // namespace

absl::Status FilterError(size_t position, std::string_view reason, std::string_view what) {
  return BadField("filter", fmt::format("at {}: {}", position + 1, what), reason,
                  {{"position", std::to_string(position + 1)}});
}

absl::StatusOr<std::vector<Token>> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  // Whether a value comes next: directly after a comparison, or inside its parentheses.
  int value_depth = 0;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const size_t start = i;
    if (IsSpace(c)) {
      ++i;
      continue;
    }
    bool value =
        value_depth > 0 || (!tokens.empty() && tokens.back().kind == Token::Kind::kCompare);
    if (c == '(') {
      if (value) ++value_depth;
      tokens.push_back({Token::Kind::kOpen, "(", start});
      ++i;
    } else if (c == ')') {
      if (value_depth > 0) --value_depth;
      tokens.push_back({Token::Kind::kClose, ")", start});
      ++i;
    } else if (c == '"' || c == '\'') {
      Token token{Token::Kind::kQuoted, "", start};
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] != '\\') {
          token.text += text[i];
          continue;
        }
        if (++i == text.size()) break;
        if (text[i] == '*' || text[i] == '\\') token.text += '\\';
        token.text += text[i];
      }
      if (i >= text.size()) {
        return FilterError(start, "FILTER_SYNTAX", "this quote is never closed");
      }
      ++i;
      tokens.push_back(std::move(token));
    } else if (c == '=' || c == '<' || c == '>' || c == '!' || (c == ':' && !value)) {
      Token token{Token::Kind::kCompare, std::string(1, c), start};
      ++i;
      if (c != '=' && c != ':' && i < text.size() && text[i] == '=') {
        token.text += '=';
        ++i;
      }
      if (token.text == "!") {
        return FilterError(start, "FILTER_SYNTAX", "'!' stands only in '!='; write NOT or '-'");
      }
      tokens.push_back(std::move(token));
    } else if (c == ',') {
      return FilterError(start, "FILTER_SYNTAX",
                         "there are no functions or lists; quote the comma");
    } else if (c == '-' && !value) {
      tokens.push_back({Token::Kind::kMinus, "-", start});
      ++i;
    } else {
      while (i < text.size() && !EndsWord(text[i]) && (value || text[i] != ':')) ++i;
      std::string_view word = text.substr(start, i - start);
      Token::Kind kind = KindOfWord(word);
      tokens.push_back({kind, std::string(word), start});
    }
  }
  tokens.push_back({Token::Kind::kEnd, "", text.size()});
  return tokens;
}

}  // namespace tocsin::api
