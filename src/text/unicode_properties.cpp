#include <utf8proc.h>

#include "unicode.hpp"
#include "unpact/text/unicode.hpp"

namespace unpact {

Character character_at(std::string_view text, std::size_t at) {
  utf8proc_int32_t code = -1;
  const auto rest = text.substr(at);
  const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
                                     static_cast<utf8proc_ssize_t>(rest.size()), &code);
  if (size <= 0) return {kBrokenCharacter, rest.substr(0, 1)};
  return {static_cast<char32_t>(code), rest.substr(0, static_cast<std::size_t>(size))};
}

std::string lower_case(std::string_view text) {
  constexpr char32_t final_sigma = 0x3C2, sigma = 0x3C3, capital_i_with_dot = 0x130, dot_above = 0x307;
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = character_at(text, at);
    at += bytes.size();
    if (code == kBrokenCharacter) {
      lower += bytes;
    } else if (code == capital_i_with_dot) {  // the one capital whose lower case is two characters
      append_utf8(lower, U'i');
      append_utf8(lower, dot_above);
    } else {
      append_utf8(
          lower, code == final_sigma ? sigma : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
  }
  return lower;
}

bool is_word_character(char32_t code) {
  if (code == kBrokenCharacter) return false;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
  }
}

bool is_white_space(char32_t code) {
  if (code == kBrokenCharacter) return false;
  const auto* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(code));
  const auto direction = property->bidi_class;
  return property->category == UTF8PROC_CATEGORY_ZS || direction == UTF8PROC_BIDI_CLASS_WS ||
         direction == UTF8PROC_BIDI_CLASS_B || direction == UTF8PROC_BIDI_CLASS_S;
}

}  // namespace unpact
