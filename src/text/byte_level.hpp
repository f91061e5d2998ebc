#pragma once
/// GPT-2's spelling of bytes as printable characters.
#include <optional>
#include <string>
#include <string_view>

namespace unpact {

/// The character, in UTF-8, that stands for the byte.
const std::string& byte_level_character(unsigned char byte);

/// The bytes that the text spells; nothing when a character of it spells none.
std::optional<std::string> byte_level_bytes(std::string_view text);

}  // namespace unpact
