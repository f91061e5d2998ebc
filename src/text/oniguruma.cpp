/// From Oniguruma's dialect of regular expressions (Ruby syntax, as the tokenizers package compiles it) to PCRE2's.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "regex.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

// The two libraries mean different characters by \w and \s: these are Oniguruma's.
constexpr const char* kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr const char* kSpace = R"( \t-\r\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

class Translation {
 public:
  Translation(const std::string& pattern, const std::string& where) : pattern_(pattern), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') escape(false);
      else if (c == '[') character_class();
      else if (c == '(') group();
      else if (c == '{') interval();
      else copy(1);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(concat(where_, ": a regular expression is not supported"),
                    concat(what, " in ", escape_broken_utf8(pattern_.substr(0, 200))), "use the model's original tokenizer");
  }
  void copy(std::size_t count) {
    out_.append(pattern_, at_, count);
    at_ += count;
  }
  bool ahead(std::string_view text) const { return std::string_view(pattern_).substr(at_, text.size()) == text; }

  void group() {
    if (ahead("(*")) refuse("(*");
    if (!ahead("(?")) return copy(1);
    for (const char* known : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?<", "(?#"})
      if (ahead(known)) return copy(std::string_view(known).size());
    const auto end = pattern_.find_first_not_of("ix-", at_ + 2);  // other letters differ in meaning
    if (end == std::string::npos || (pattern_[end] != ':' && pattern_[end] != ')')) refuse("this kind of group");
    copy(end + 1 - at_);
  }

  void interval() {
    const auto end = pattern_.find_first_not_of("0123456789,", at_ + 1);
    if (end == std::string::npos || pattern_[end] != '}' || end == at_ + 1) {
      out_ += "\\{";
      ++at_;
      return;
    }
    // Behind an interval Oniguruma takes + for a repetition of its own, PCRE2 for a possessive mark.
    if (end + 1 < pattern_.size() && (pattern_[end + 1] == '+' || pattern_[end + 1] == '?'))
      refuse("an interval followed by + or ?");
    if (pattern_[at_ + 1] == ',') {
      out_ += "{0";
      ++at_;
    }
    copy(end + 1 - at_);
  }

  void character_class() {
    copy(1);
    if (ahead("^")) copy(1);
    if (ahead("]")) refuse("] at the beginning of a class");
    while (at_ < pattern_.size() && pattern_[at_] != ']') {
      if (ahead("&&")) refuse("&&");
      if (ahead("[:")) {
        const auto end = pattern_.find(":]", at_ + 2);
        if (end == std::string::npos) refuse("[:");
        copy(end + 2 - at_);
      } else if (ahead("[")) {
        refuse("a class in a class");
      } else if (ahead("\\")) {
        escape(true);
      } else {
        copy(1);
      }
    }
    if (at_ == pattern_.size()) refuse("a class without end");
    copy(1);
  }

  void escape(bool in_class) {
    if (at_ + 1 >= pattern_.size()) refuse("\\ at the end");
    const char c = pattern_[at_ + 1];
    const auto items = [&](const char* list) { return in_class ? std::string(list) : concat('[', list, ']'); };
    std::string text;
    switch (c) {
      case 'w': text = items(kWord); break;
      case 's': text = items(kSpace); break;
      case 'h': text = items("0-9a-fA-F"); break;
      case 'd': text = R"(\p{Nd})"; break;
      case 'D': text = R"(\P{Nd})"; break;
      case 'S': text = in_class ? std::string(R"(\P{White_Space})") : concat("[^", kSpace, ']'); break;
      case 'W':
        if (in_class) refuse("\\W in a class");
        text = concat("[^", kWord, ']');
        break;
      case 'v': text = R"(\x0b)"; break;
      case 'b': text = in_class ? std::string(R"(\x08)") : word_boundary(true); break;
      case 'B':
        if (in_class) refuse("\\B in a class");
        text = word_boundary(false);
        break;
      case 'p':
      case 'P': return property();
      case 'u': return code_point(2, 4);
      case 'x': return hexadecimal();
      default:
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 &&
            std::string_view("ntrfaeAZz123456789").find(c) == std::string_view::npos)
          refuse(concat('\\', c));
        return copy(2);
    }
    out_ += text;
    at_ += 2;
  }

  static std::string word_boundary(bool wanted) {
    const std::string w = concat('[', kWord, ']');
    const char* const same = wanted ? "!" : "=";
    const char* const other = wanted ? "=" : "!";
    return concat("(?:(?<=", w, ")(?", same, w, ")|(?<!", w, ")(?", other, w, "))");
  }

  void code_point(std::size_t skip, std::size_t digits) {
    const auto text = pattern_.substr(at_ + skip, digits);
    if (text.size() != digits || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      refuse("a broken code point");
    out_ += concat("\\x{", text, '}');
    at_ += skip + digits;
  }

  void hexadecimal() {
    if (at_ + 2 < pattern_.size() && pattern_[at_ + 2] == '{') {
      const auto end = pattern_.find('}', at_);
      if (end == std::string::npos) refuse("a broken code point");
      return copy(end + 1 - at_);
    }
    if (at_ + 2 < pattern_.size() && pattern_[at_ + 2] > '7') refuse("a byte above 7F");  // PCRE2: a code point
    code_point(2, 2);
  }

  void property() {
    const auto end = pattern_.find('}', at_);
    if (end == std::string::npos || !(pattern_.compare(at_ + 2, 1, "{") == 0)) refuse("a property without a name");
    std::string name = pattern_.substr(at_ + 3, end - at_ - 3);
    bool negated = pattern_[at_ + 1] == 'P';
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.erase(0, 1);
    }
    out_ += concat(negated ? "\\P{" : "\\p{", property_name(name), '}');
    at_ = end + 1;
  }

  /// A script's name means to PCRE2 also the characters that other scripts share with it.
  static std::string property_name(const std::string& name) {
    std::string key;
    for (const char c : name)
      if (c != '_' && c != ' ' && c != '-') key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (key.size() <= 2) return name;
    static constexpr std::array<std::array<const char*, 2>, 22> names = {{{"letter", "L"},
                                                                          {"number", "N"},
                                                                          {"punctuation", "P"},
                                                                          {"symbol", "S"},
                                                                          {"mark", "M"},
                                                                          {"separator", "Z"},
                                                                          {"other", "C"},
                                                                          {"uppercaseletter", "Lu"},
                                                                          {"lowercaseletter", "Ll"},
                                                                          {"titlecaseletter", "Lt"},
                                                                          {"modifierletter", "Lm"},
                                                                          {"otherletter", "Lo"},
                                                                          {"decimalnumber", "Nd"},
                                                                          {"digit", "Nd"},
                                                                          {"nonspacingmark", "Mn"},
                                                                          {"alpha", "Alphabetic"},
                                                                          {"alphabetic", "Alphabetic"},
                                                                          {"space", "White_Space"},
                                                                          {"whitespace", "White_Space"},
                                                                          {"upper", "Uppercase"},
                                                                          {"lower", "Lowercase"},
                                                                          {"any", "Any"}}};
    for (const auto& [from, to] : names)
      if (key == from) return to;
    for (const char* binary :
         {"emoji", "extendedpictographic", "ideographic", "uppercase", "lowercase", "emojipresentation"})
      if (key == binary) return name;
    return concat("sc:", name);
  }

  const std::string& pattern_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string translate_oniguruma(const std::string& pattern, const std::string& where) {
  return Translation(pattern, where).run();
}

}  // namespace unpact
