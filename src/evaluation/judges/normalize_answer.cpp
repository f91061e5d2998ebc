#include "normalize_answer.hpp"

#include <algorithm>
#include <utility>

#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::string without_punctuation(std::string text) {
  std::erase_if(text, is_ascii_punctuation);  // safe byte by byte: bytes of longer characters are never below 0x80
  return text;
}

/// Removes articles and squeezes white space in one pass over lower-case text without punctuation.
class WordSqueezer {
 public:
  void take(const Character& character) {
    if (is_word_character(character.code)) {
      word_ += character.bytes;
      return;
    }
    finish_word();
    if (is_white_space(character.code)) {
      gap_ = true;
    } else {
      append(character.bytes);
    }
  }

  std::string finish() {
    finish_word();
    return std::move(out_);
  }

 private:
  void finish_word() {
    if (word_ == "a" || word_ == "an" || word_ == "the") {
      gap_ = true;  // an article leaves a space
    } else if (!word_.empty()) {
      append(word_);
    }
    word_.clear();
  }

  void append(std::string_view bytes) {
    if (gap_ && !out_.empty()) out_ += ' ';
    gap_ = false;
    out_ += bytes;
  }

  std::string out_, word_;
  bool gap_ = false;
};

}  // namespace

std::string normalize_answer(std::string_view text) {
  const auto plain = without_punctuation(lower_case(text));
  WordSqueezer squeezer;
  for (std::size_t at = 0; at < plain.size();) {
    const auto character = character_at(plain, at);
    squeezer.take(character);
    at += character.bytes.size();
  }
  return squeezer.finish();
}

}  // namespace unpact
