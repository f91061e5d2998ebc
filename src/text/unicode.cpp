#include "unicode.hpp"

#include <array>

namespace unpact {

CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) -> char32_t { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0; };
  const char32_t lead = byte(at);
  if (lead < 0xC0) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(at + 1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(at + 1) & 0x3F) << 6 | (byte(at + 2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(at + 1) & 0x3F) << 12 | (byte(at + 2) & 0x3F) << 6 | (byte(at + 3) & 0x3F), 4};
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

namespace {

/// The bytes of the character at `at`, or of the longest beginning of one; `whole` says which.
std::size_t longest_part(std::string_view bytes, std::size_t at, bool& whole) {
  const auto lead = static_cast<unsigned char>(bytes[at]);
  whole = lead < 0x80;
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t k = 1; k < size; ++k) {
    unsigned char low = 0x80, high = 0xBF;
    if (k == 1 && lead == 0xE0) low = 0xA0;   // overlong
    if (k == 1 && lead == 0xED) high = 0x9F;  // surrogates
    if (k == 1 && lead == 0xF0) low = 0x90;   // overlong
    if (k == 1 && lead == 0xF4) high = 0x8F;  // above U+10FFFF
    const auto byte = at + k < bytes.size() ? static_cast<unsigned char>(bytes[at + k]) : 0;
    if (byte < low || byte > high) return k;
  }
  whole = true;
  return size;
}

template <class Broken>
std::string mend(std::string_view bytes, const Broken& broken) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    bool whole = false;
    const std::size_t size = longest_part(bytes, at, whole);
    if (whole) text += bytes.substr(at, size);
    else broken(text, bytes.substr(at, size));
    at += size;
  }
  return text;
}

}  // namespace

std::string to_valid_utf8(std::string_view bytes) {
  return mend(bytes, [](std::string& text, std::string_view) { text += "\xEF\xBF\xBD"; });
}

std::string escape_broken_utf8(std::string_view bytes) {
  return mend(bytes, [](std::string& text, std::string_view part) {
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      text += "<0x";
      text += "0123456789ABCDEF"[byte >> 4];
      text += "0123456789ABCDEF"[byte & 15];
      text += '>';
    }
  });
}

bool is_space(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return std::u32string_view(U"!\"&'()*,-./:;<=>?[\\]^_`{|}~").find(c) != std::u32string_view::npos;
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array<Range, 9> ranges = {{{0xAB, 0xAB},
                                                   {0xB7, 0xB7},
                                                   {0xBB, 0xBB},
                                                   {0x2010, 0x2027},
                                                   {0x2039, 0x203A},
                                                   {0x3001, 0x3003},
                                                   {0x3008, 0x3011},
                                                   {0x3014, 0x301F},
                                                   {0xFF07, 0xFF0F}}};
  for (const auto& range : ranges)
    if (c >= range.first && c <= range.last) return true;
  constexpr std::u32string_view single = U"\u00A1\u00BF\uFF01\uFF02\uFF1A\uFF1B\uFF1F\u060C\u061B\u061F\u06D4\u0964";
  return single.find(c) != std::u32string_view::npos;
}

std::string_view strip_punctuation(std::string_view word) {
  while (!word.empty()) {
    const auto first = code_point_at(word, 0);
    if (!is_punctuation(first.value)) break;
    word.remove_prefix(first.bytes);
  }
  while (!word.empty()) {
    std::size_t last = word.size() - 1;
    while (last > 0 && is_continuation_byte(word[last])) --last;
    if (!is_punctuation(code_point_at(word, last).value)) break;
    word = word.substr(0, last);
  }
  return word;
}

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = code_point_at(text, at);
    if (!is_space(c.value)) return false;
    at += c.bytes;
  }
  return true;
}

}  // namespace unpact
