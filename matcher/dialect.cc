// SPDX-License-Identifier: Apache-2.0
#include "matcher/dialect.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <hs.h>

#include <fmt/core.h>
#include <re2/re2.h>

#include "matcher/re2_options.h"

namespace tocsin::matcher {
namespace {

constexpr int kRepeatMax = 1000;
constexpr size_t kGroupsMax = 31;

// Reads "{n}", "{n,}" or "{n,m}" at `pos`; anything else in braces is literal text in both engines.
struct Repeat {
  size_t length = 0;  // 0: not a repeat
  long low = 0, high = 0;
};
Repeat ReadRepeat(std::string_view p, size_t pos) {
  if (pos >= p.size() || p[pos] != '{') return {};
  size_t at = pos + 1;
  auto number = [&](long& value) {
    size_t begin = at;
    for (value = 0; at < p.size() && std::isdigit(static_cast<unsigned char>(p[at])); ++at) {
      value = std::min(value * 10 + (p[at] - '0'), 1000000L);
    }
    return at > begin;
  };
  Repeat repeat;
  if (!number(repeat.low)) return {};
  repeat.high = repeat.low;
  if (at < p.size() && p[at] == ',') {
    ++at;
    if (!number(repeat.high)) repeat.high = repeat.low;
  }
  if (at >= p.size() || p[at] != '}') return {};
  repeat.length = at + 1 - pos;
  return repeat;
}

// The end of the class that begins at `pos` ('['), past its ']'. npos if it does not end.
size_t ClassEnd(std::string_view p, size_t pos) {
  size_t at = pos + 1;
  if (at < p.size() && p[at] == '^') ++at;
  if (at < p.size() && p[at] == ']') ++at;  // a leading ']' is itself
  while (at < p.size() && p[at] != ']') {
    if (p[at] == '\\') {
      at += 2;
    } else if (p.substr(at, 2) == "[:") {
      size_t close = p.find(":]", at + 2);
      at = close == std::string_view::npos ? at + 1 : close + 2;
    } else {
      ++at;
    }
  }
  return at < p.size() ? at + 1 : std::string_view::npos;
}

// Does an inline flag group such as "(?im)" or "(?s-m:" name the flag?
bool HasFlag(std::string_view p, char flag) {
  for (size_t pos = p.find("(?"); pos != std::string_view::npos; pos = p.find("(?", pos + 2)) {
    for (size_t at = pos + 2;
         at < p.size() && (std::isalpha(static_cast<unsigned char>(p[at])) || p[at] == '-'); ++at) {
      if (p[at] == flag) return true;
    }
  }
  return false;
}

}  // namespace

PatternForm AnalysePattern(std::string_view p) {
  PatternForm form;
  form.re2.reserve(p.size() + 16);
  form.caseless = p.substr(0, 4) == "(?i)";
  bool multiline = HasFlag(p, 'm');
  size_t groups = 0;
  auto refuse = [&](size_t at, std::string message) {
    form.problem = {at, std::move(message)};
    return form;
  };
  for (size_t pos = 0; pos < p.size();) {
    char c = p[pos];
    if (c == '\\') {
      if (pos + 1 >= p.size()) return refuse(pos, "ends in a backslash; write '\\\\' for one");
      char e = p[pos + 1];
      if (e == 'p' || e == 'P' || e == 'X') {
        return refuse(pos, fmt::format("'\\{}' needs Unicode, and lines are bytes; write the "
                                       "characters themselves instead",
                                       e));
      }
      if (e >= '1' && e <= '9') {
        return refuse(pos, "back-references are not in the dialect; write the text twice instead");
      }
      if (e == 'Q')
        return refuse(pos, "'\\Q' is not in the dialect; escape each character instead");
      if (e == 's') {
        form.re2 += "[\\t-\\r ]";
      } else if (e == 'S') {
        form.re2 += "[^\\t-\\r ]";
      } else {
        form.re2.append(p.substr(pos, 2));
      }
      pos += 2;
    } else if (c == '[') {
      size_t end = ClassEnd(p, pos);
      if (end == std::string_view::npos)
        return refuse(pos, "'[' has no ']'; write '\\[' for itself");
      for (size_t at = pos; at < end;) {
        if (static_cast<unsigned char>(p[at]) >= 0x80) {
          return refuse(at,
                        "a character outside ASCII stands for its bytes in a class; write "
                        "(?:x|y) instead of [xy]");
        }
        if (p[at] != '\\') {
          form.re2 += p[at++];
          continue;
        }
        char e = p[at + 1];
        if (e == 'p' || e == 'P') {
          return refuse(at, fmt::format("'\\{}' needs Unicode, and lines are bytes; write the "
                                        "characters themselves instead",
                                        e));
        }
        if (e == 's') {
          form.re2 += "\\t-\\r ";
        } else if (e == 'S') {
          form.re2 += "\\x00-\\x08\\x0e-\\x1f\\x21-\\xff";
        } else {
          form.re2.append(p.substr(at, 2));
        }
        at += 2;
      }
      pos = end;
    } else if (c == '(') {
      std::string_view rest = p.substr(pos);
      if (rest.substr(0, 3) == "(?=" || rest.substr(0, 3) == "(?!" || rest.substr(0, 4) == "(?<=" ||
          rest.substr(0, 4) == "(?<!") {
        return refuse(pos, "lookaround is not in the dialect; write an 'unless' pattern instead");
      }
      if (rest.substr(0, 3) == "(?>") {
        return refuse(pos, "atomic groups are not in the dialect; write (?:...) instead");
      }
      bool named = rest.substr(0, 3) == "(?<" || rest.substr(0, 4) == "(?P<";
      if (named) {
        size_t begin = rest.find('<') + 1;
        size_t end = rest.find('>', begin);
        if (end == std::string_view::npos) return refuse(pos, "the capture's name has no '>'");
        form.names.emplace_back(rest.substr(begin, end - begin));
        form.re2 += "(?P<";
        form.re2.append(rest.substr(begin, end + 1 - begin));
        pos += end + 1;
      } else {
        form.re2 += '(';
        ++pos;
      }
      if ((named || rest.substr(0, 2) != "(?") && ++groups > kGroupsMax) {
        return refuse(pos, "more than 31 groups; write (?:...) where nothing is captured");
      }
    } else if (c == '$' && !multiline) {
      form.re2 += "(?:\\n?\\z)";
      ++pos;
    } else if (Repeat repeat = ReadRepeat(p, pos); repeat.length > 0) {
      if (std::max(repeat.low, repeat.high) > kRepeatMax) {
        return refuse(pos, "repeats more than 1000 times; write + or * instead");
      }
      form.re2.append(p.substr(pos, repeat.length));
      pos += repeat.length;
      if (pos < p.size() && p[pos] == '+') {
        return refuse(pos, "possessive repeats are not in the dialect; leave out the second '+'");
      }
    } else if ((c == '*' || c == '+' || c == '?') && pos + 1 < p.size() && p[pos + 1] == '+') {
      return refuse(pos + 1, "possessive repeats are not in the dialect; leave out the second '+'");
    } else {
      form.re2 += c;
      ++pos;
    }
  }
  return form;
}

PatternProblem CheckPattern(std::string_view pattern) {
  if (pattern.empty()) return {0, "is empty and would match every line; write a pattern"};
  if (pattern.find('\0') != std::string_view::npos) {
    return {pattern.find('\0'), "contains a NUL byte; write \\x00 instead"};
  }
  PatternForm form = AnalysePattern(pattern);
  if (!form.problem.message.empty()) return form.problem;

  RE2 re(form.re2, Re2Options());
  if (!re.ok()) {
    size_t at = pattern.find(re.error_arg());
    return {at == std::string_view::npos ? 0 : at,
            fmt::format("RE2 refuses it ({}); write what both engines accept", re.error())};
  }

  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  unsigned flags = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH | (form.caseless ? HS_FLAG_CASELESS : 0);
  std::string text(pattern);
  if (hs_expression_info(text.c_str(), flags, &info, &error) != HS_SUCCESS) {
    PatternProblem problem{
        0,
        fmt::format("Hyperscan refuses it ({}); write what both engines accept", error->message)};
    hs_free_compile_error(error);
    return problem;
  }
  unsigned min_width = info->min_width;
  std::free(info);
  if (min_width == 0)
    return {0,
            "can match nothing at all, so it would match every line; write at "
            "least one character that must be there"};
  return {};
}

namespace {

// Finds the literals by reading the pattern as alternatives of sequences of items. A candidate is a
// set of strings, one of which must be there; it is as good as its shortest.
class LiteralFinder {
 public:
  explicit LiteralFinder(std::string_view pattern) : p_(pattern) {}

  std::vector<std::string> Alternatives() {
    std::vector<std::string> all;
    while (true) {
      std::vector<std::string> best = Sequence();
      all.insert(all.end(), best.begin(), best.end());
      if (pos_ >= p_.size() || p_[pos_] != '|') return all;
      ++pos_;
    }
  }

 private:
  static size_t Strength(const std::vector<std::string>& set) {
    size_t shortest = std::string::npos;
    for (const std::string& s : set) shortest = std::min(shortest, s.size());
    return set.empty() ? 0 : shortest;
  }

  std::vector<std::string> Sequence() {
    std::vector<std::string> best = {""};
    std::string run;
    auto offer = [&](std::vector<std::string> set) {
      if (Strength(set) > Strength(best)) best = std::move(set);
    };
    auto flush = [&] {
      offer({run});
      run.clear();
    };
    while (pos_ < p_.size() && p_[pos_] != '|' && p_[pos_] != ')') {
      char c = p_[pos_];
      if (c == '(') {
        flush();
        std::vector<std::string> inner = Group();
        if (AtLeastOnce()) offer(std::move(inner));
        continue;
      }
      if (c == '[' || c == '.') {
        flush();
        size_t end = c == '[' ? ClassEnd(p_, pos_) : pos_ + 1;
        pos_ = std::min(end, p_.size());
        AtLeastOnce();
        continue;
      }
      if (c == '^' || c == '$') {
        ++pos_;
        continue;
      }
      char literal = c;
      ++pos_;
      if (c == '\\') {
        char e = pos_ < p_.size() ? p_[pos_++] : '\\';
        if (e == 'b' || e == 'B' || e == 'A' || e == 'z') continue;
        if (e == 'n') {
          literal = '\n';
        } else if (e == 't') {
          literal = '\t';
        } else if (std::isalnum(static_cast<unsigned char>(e))) {
          flush();
          if (e == 'x') SkipHex();
          AtLeastOnce();
          continue;
        } else {
          literal = e;
        }
      }
      run += static_cast<char>(std::tolower(static_cast<unsigned char>(literal)));
      size_t before = pos_;
      bool kept = AtLeastOnce();
      if (pos_ == before) continue;
      if (!kept) run.pop_back();
      flush();
    }
    flush();
    return best;
  }

  std::vector<std::string> Group() {
    ++pos_;  // '('
    if (pos_ < p_.size() && p_[pos_] == '?') {
      // "(?:", "(?<name>", "(?P<name>", "(?i)", "(?i:"
      size_t end = p_.find_first_of(":>)", pos_);
      if (end == std::string_view::npos) {
        pos_ = p_.size();
        return {""};
      }
      pos_ = end + 1;
      if (p_[end] == ')') return {""};
    }
    std::vector<std::string> inner = Alternatives();
    if (pos_ < p_.size()) ++pos_;  // ')'
    return inner;
  }

  // Reads the repeat after an item, if there is one. False: the item may be absent.
  bool AtLeastOnce() {
    if (pos_ >= p_.size()) return true;
    bool kept = true;
    if (Repeat repeat = ReadRepeat(p_, pos_); repeat.length > 0) {
      kept = repeat.low > 0;
      pos_ += repeat.length;
    } else if (p_[pos_] == '*' || p_[pos_] == '?') {
      kept = false;
      ++pos_;
    } else if (p_[pos_] == '+') {
      ++pos_;
    } else {
      return true;
    }
    if (pos_ < p_.size() && p_[pos_] == '?') ++pos_;
    return kept;
  }

  void SkipHex() {
    if (pos_ < p_.size() && p_[pos_] == '{') {
      pos_ = std::min(p_.find('}', pos_), p_.size() - 1) + 1;
      return;
    }
    for (int i = 0;
         i < 2 && pos_ < p_.size() && std::isxdigit(static_cast<unsigned char>(p_[pos_])); ++i) {
      ++pos_;
    }
  }

  std::string_view p_;
  size_t pos_ = 0;
};

}  // namespace

std::vector<std::string> RequiredLiterals(std::string_view pattern) {
  return LiteralFinder(pattern).Alternatives();
}

}  // namespace tocsin::matcher
