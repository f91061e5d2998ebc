#pragma once
/// What the text layer needs to know of characters. The strings are valid UTF-8.
#include <cstddef>
#include <string_view>

namespace unpact {

/// The code point that begins at byte `at` and the number of its bytes.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};
CodePoint code_point_at(std::string_view text, std::size_t at);

bool is_space(char32_t c);
/// Punctuation that may surround a word. Signs that carry meaning (% $ # @ +) do not count.
bool is_punctuation(char32_t c);

/// The text without punctuation at either end.
std::string_view strip_punctuation(std::string_view word);

/// Whether there is anything but white space.
bool is_blank(std::string_view text);

}  // namespace unpact
