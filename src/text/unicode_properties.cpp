#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "unicode.hpp"
#include "unpact/core/error.hpp"
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

CharacterKind kind_of_character(char32_t code) {
  constexpr char32_t zero_width_space = 0x200B;
  if (is_word_character(code)) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
    const bool is_number =
        category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_NO;
    return is_number ? CharacterKind::number : CharacterKind::letter;
  }
  if (code == kBrokenCharacter || code == zero_width_space) return CharacterKind::other;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharacterKind::mark;
    case UTF8PROC_CATEGORY_CF: return CharacterKind::format;
    default: return CharacterKind::other;
  }
}

namespace {

/// The ordinary character for one of half or full width, where it is a single one.
utf8proc_int32_t of_ordinary_width(utf8proc_int32_t code, void*) {
  if (code < 0xFF01 || code > 0xFFEF) return code;
  utf8proc_int32_t pieces[8];
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  const auto count = utf8proc_decompose_char(code, pieces, 8, options, nullptr);
  return count == 1 ? pieces[0] : code;
}

}  // namespace

std::string fold(std::string_view text) {
  const auto valid = to_valid_utf8(text);
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  utf8proc_uint8_t* folded = nullptr;
  const auto size =
      utf8proc_map_custom(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                          static_cast<utf8proc_ssize_t>(valid.size()), &folded, options, of_ordinary_width, nullptr);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
  UNPACT_ASSERT(size >= 0);
  return {reinterpret_cast<const char*>(folded), static_cast<std::size_t>(size)};
}

bool is_lower_case(char32_t code) {
  return code != kBrokenCharacter &&
         utf8proc_toupper(static_cast<utf8proc_int32_t>(code)) != static_cast<utf8proc_int32_t>(code) &&
         utf8proc_tolower(static_cast<utf8proc_int32_t>(code)) == static_cast<utf8proc_int32_t>(code);
}

bool is_upper_case(char32_t code) {
  return code != kBrokenCharacter &&
         utf8proc_tolower(static_cast<utf8proc_int32_t>(code)) != static_cast<utf8proc_int32_t>(code);
}

bool is_white_space(char32_t code) {
  if (code == kBrokenCharacter) return false;
  const auto* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(code));
  const auto direction = property->bidi_class;
  return property->category == UTF8PROC_CATEGORY_ZS || direction == UTF8PROC_BIDI_CLASS_WS ||
         direction == UTF8PROC_BIDI_CLASS_B || direction == UTF8PROC_BIDI_CLASS_S;
}

}  // namespace unpact
