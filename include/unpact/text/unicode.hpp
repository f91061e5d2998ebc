#pragma once
/// Characters of any text, by the tables of utf8proc: what Python's str methods and regular expressions see.
#include <string>
#include <string_view>

namespace unpact {

/// A character and its bytes. A byte that is no part of UTF-8 has the code kBrokenCharacter.
struct Character {
  char32_t code;
  std::string_view bytes;
};

inline constexpr char32_t kBrokenCharacter = 0xFFFFFFFF;

/// The character that begins at byte `at` < text.size().
Character character_at(std::string_view text, std::size_t at);

/// Lower case, as str.lower() gives it, save that final sigma becomes a sigma. Broken bytes pass unchanged.
std::string lower_case(std::string_view text);

/// Letters, digits and numbers: what str.isalnum() accepts, and \w with the underscore.
bool is_word_character(char32_t code);

/// What a character is to a reader of words.
enum class CharacterKind {
  letter,
  number,
  mark,    ///< belongs to the character before: accents, vowel signs
  format,  ///< cannot be seen and separates nothing: joiners, soft hyphens, marks of direction; no zero-width space
  other,
};
CharacterKind kind_of_character(char32_t code);

/// For comparing words whatever their case, form and width: Unicode's full case folding in NFC, forms of half and full
/// width (U+FF01 to U+FFEF) being the ordinary characters. Broken bytes become U+FFFD.
std::string fold(std::string_view text);

/// Whether a character is of one case and has the other: str.islower() and str.isupper() but for a few signs without another.
bool is_lower_case(char32_t code);
bool is_upper_case(char32_t code);

/// What str.split() splits at.
bool is_white_space(char32_t code);

}  // namespace unpact
