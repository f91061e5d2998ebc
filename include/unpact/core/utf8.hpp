#pragma once
/// Characters of UTF-8, by the bytes that begin them.
#include <algorithm>
#include <cstddef>
#include <string_view>

namespace unpact {

/// Whether the byte is inside of a character, not its first.
inline bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Code points of valid UTF-8.
inline std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !is_continuation_byte(byte); }));
}

}  // namespace unpact
