#include "unicode_words.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

struct Range {
  char32_t first, last;
  bool numbers_too;  ///< or letters alone: digits of these scripts form numbers
};

/// Scripts without spaces between words (Script of the Unicode Character Database 15, and the prolonged sound mark).
constexpr Range kAlone[] = {
    {0x0E00, 0x0E7F, false},                                                                                 // Thai
    {0x0E80, 0x0EFF, false},                                                                                 // Lao
    {0x1000, 0x109F, false},                                                                                 // Myanmar
    {0x1780, 0x17FF, false},                                                                                 // Khmer
    {0x3005, 0x3005, true},   {0x3007, 0x3007, true},   {0x3021, 0x3029, true},   {0x3038, 0x303B, true},    // Han
    {0x3041, 0x3096, true},   {0x309D, 0x309F, true},                                                        // Hiragana
    {0x30A1, 0x30FA, true},   {0x30FC, 0x30FF, true},   {0x31F0, 0x31FF, true},                              // Katakana
    {0x3105, 0x312F, true},   {0x31A0, 0x31BF, true},                                                        // Bopomofo
    {0x3400, 0x4DBF, true},   {0x4E00, 0x9FFF, true},                                                        // Han
    {0xA9E0, 0xA9FF, false},  {0xAA60, 0xAA7F, false},                                                       // Myanmar
    {0xF900, 0xFAFF, true},                                                                                  // Han
    {0x1AFF0, 0x1AFFE, true}, {0x1B000, 0x1B122, true}, {0x1B132, 0x1B167, true}, {0x20000, 0x3FFFD, true},  // kana, Han
};

bool stands_alone(char32_t code, CharacterKind kind) {
  return std::any_of(std::begin(kAlone), std::end(kAlone), [&](const Range& range) {
    return code >= range.first && code <= range.last && (kind == CharacterKind::letter || range.numbers_too);
  });
}

class WordReader {
 public:
  void take(const Character& character) {
    const auto kind = kind_of_character(character.code);
    switch (kind) {
      case CharacterKind::format: return;
      case CharacterKind::other: return finish();
      case CharacterKind::mark:
        if (!word_.empty()) word_ += character.bytes;
        return;
      default: break;
    }
    const bool alone = stands_alone(character.code, kind);
    if (alone || alone_) finish();
    alone_ = alone;
    word_ += character.bytes;
  }

  std::vector<std::string> words() {
    finish();
    return std::move(words_);
  }

 private:
  void finish() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
    alone_ = false;
  }

  std::vector<std::string> words_;
  std::string word_;
  bool alone_ = false;  ///< the word is a letter that stands alone
};

}  // namespace

std::vector<std::string> unicode_words(std::string_view text) {
  const auto folded = fold(text);
  WordReader reader;
  for (std::size_t at = 0; at < folded.size();) {
    const auto character = character_at(folded, at);
    reader.take(character);
    at += character.bytes.size();
  }
  return reader.words();
}

}  // namespace unpact
