#pragma once
/// What the text layer needs to know of characters. The strings are valid UTF-8.
#include <cstddef>
#include <string>
#include <string_view>

#include "unpact/core/utf8.hpp"

namespace unpact {

/// The code point that begins at byte `at` and the number of its bytes.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};
CodePoint code_point_at(std::string_view text, std::size_t at);

void append_utf8(std::string& text, char32_t c);

/// Any bytes as UTF-8: each longest broken part becomes one U+FFFD, as the Unicode Standard (3.9) recommends.
std::string to_valid_utf8(std::string_view bytes);
/// Any bytes for a person: each byte that is no part of a character becomes <0xHH>.
std::string escape_broken_utf8(std::string_view bytes);

bool is_space(char32_t c);
/// Punctuation that may surround a word. Signs that carry meaning (% $ # @ +) do not count.
bool is_punctuation(char32_t c);

/// The text without punctuation at either end.
std::string_view strip_punctuation(std::string_view word);

/// Whether there is anything but white space.
bool is_blank(std::string_view text);

}  // namespace unpact
