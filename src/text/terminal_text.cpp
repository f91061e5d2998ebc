#include "unpact/text/terminal_text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

utf8proc_int32_t number_of(char32_t code) { return static_cast<utf8proc_int32_t>(code); }

bool is_obeyed(char32_t code) {
  if (code == kBrokenCharacter) return true;
  switch (utf8proc_category(number_of(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
  }
}

std::size_t width_of(const Character& character) {
  const auto code = number_of(character.code);
  if (utf8proc_get_property(code)->combining_class != 0) return 0;
  return utf8proc_charwidth(code) == 2 ? 2 : 1;
}

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> all;
  for (std::size_t at = 0; at < text.size(); at += all.back().bytes.size()) all.push_back(character_at(text, at));
  return all;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t sum = 0;
  for (const auto& character : characters_of(text)) sum += width_of(character);
  return sum;
}

std::string clean_for_terminal(std::string_view text) {
  std::string clean;
  for (const auto& character : characters_of(text))
    if (is_obeyed(character.code)) clean += '?';
    else clean += character.bytes;
  return clean;
}

std::string in_columns(std::string_view text, std::size_t width) {
  const auto clean = clean_for_terminal(text);
  if (const auto wide = columns_of(std::string_view(clean)); wide <= width) return clean + std::string(width - wide, ' ');
  std::string begin;
  std::size_t used = 0;
  for (const auto& character : characters_of(clean)) {
    const auto step = width_of(character);
    if (used + step + 1 > width) break;
    begin += character.bytes;
    used += step;
  }
  return begin + "\u2026" + std::string(width - std::min(width, used + 1), ' ');
}

}  // namespace unpact
