#include "byte_level.hpp"

#include <array>

#include "unicode.hpp"

namespace unpact {
namespace {

/// Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and on, in order.
struct Table {
  std::array<std::string, 256> characters;
  std::array<int, 512> bytes;

  Table() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = printable ? byte : next++;
      append_utf8(characters[byte], c);
      bytes[c] = static_cast<int>(byte);
    }
  }
};

const Table& table() {
  static const Table made;
  return made;
}

}  // namespace

const std::string& byte_level_character(unsigned char byte) { return table().characters[byte]; }

std::optional<std::string> byte_level_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = code_point_at(text, at);
    if (c.value >= table().bytes.size() || table().bytes[c.value] < 0) return std::nullopt;
    bytes += static_cast<char>(table().bytes[c.value]);
    at += c.bytes;
  }
  return bytes;
}

}  // namespace unpact
