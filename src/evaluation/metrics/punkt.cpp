#include "punkt.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

using Text = std::u32string_view;

constexpr Text kEnds = U".?!", kPunctuation = U";:,.!?";
constexpr Text kNonWord = U")\";}]*:@'({[\u2018\u2019\u201c\u201d\u00ab\u00bb?!", kNoWordStart = U"(\"`{[:;&#*@)}]-,";
constexpr Text kRealigned = U"\"')]}\u2018\u2019\u201c\u201d\u00ab\u00bb";
constexpr Text kAsciiSpace = U" \t\n\r\x0b\x0c";

bool holds(Text set, char32_t c) { return set.find(c) != Text::npos; }
bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// Length of hyphens, dots or ". . ." at a place; 0: none.
std::size_t multi_character(Text text, std::size_t at) {
  const auto run = [&](char32_t c) {
    std::size_t length = 0;
    while (at + length < text.size() && text[at + length] == c) ++length;
    return length;
  };
  for (const auto c : {U'-', U'.'})
    if (const auto length = run(c); length >= 2) return length;
  std::size_t pairs = 0;
  while (at + 2 * pairs + 1 < text.size() && text[at + 2 * pairs] == U'.' && is_white_space(text[at + 2 * pairs + 1]))
    ++pairs;
  const bool ends = at + 2 * pairs < text.size() && text[at + 2 * pairs] == U'.';
  const auto whole = ends ? pairs : pairs == 0 ? 0 : pairs - 1;
  return whole >= 2 ? 2 * whole + 1 : 0;
}

bool ends_word(Text line, std::size_t at) {
  const auto closes = [&](std::size_t i) {
    return i == line.size() || is_white_space(line[i]) || holds(kNonWord, line[i]) || multi_character(line, i) > 0;
  };
  return closes(at) || (line[at] == U',' && closes(at + 1));
}

std::vector<Text> words_of_line(Text line) {
  std::vector<Text> words;
  for (std::size_t at = 0; at < line.size();) {
    if (auto length = multi_character(line, at); length > 0) {
      words.push_back(line.substr(at, length));
      at += length;
    } else if (is_white_space(line[at])) {
      ++at;
    } else {
      length = 1;
      while (!holds(kNoWordStart, line[at]) && !ends_word(line, at + length)) ++length;
      words.push_back(line.substr(at, length));
      at += length;
    }
  }
  return words;
}

bool is_initial(Text word) {
  return word.size() == 2 && word[1] == U'.' && !is_digit(word[0]) && (is_word_character(word[0]) || word[0] == U'_');
}

/// -?[.,]?digit[digits,.-]*
bool is_number(Text word) {
  std::size_t at = word.starts_with(U'-') ? 1 : 0;
  if (at < word.size() && holds(U".,", word[at])) ++at;
  if (at >= word.size() || !is_digit(word[at])) return false;
  return std::all_of(word.begin() + static_cast<std::ptrdiff_t>(at), word.end(),
                     [](char32_t c) { return is_digit(c) || holds(U",.-", c); });
}

/// What no trained parameter is needed for: sections 4.1.1 and 4.3 of the paper.
bool breaks(Text word, std::optional<Text> next) {
  if (word.size() == 1 && holds(U"?!", word[0])) return true;
  const bool dots = word.size() >= 2 && word.find_first_not_of(U'.') == Text::npos;
  if (!word.ends_with(U'.') || dots || (word.size() > 1 && word.ends_with(U".."))) return false;
  const bool initial = is_initial(word);
  if (!next || (!initial && !is_number(word))) return true;
  if ((next->size() == 1 && holds(kPunctuation, next->front())) || is_lower_case(next->front())) return false;
  return !(initial && is_upper_case(next->front()));
}

bool has_break(Text context) {
  std::vector<Text> words;
  for (std::size_t begin = 0; begin <= context.size();) {
    const auto end = std::min(context.find(U'\n', begin), context.size());
    for (const auto word : words_of_line(context.substr(begin, end - begin))) words.push_back(word);
    begin = end + 1;
  }
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (breaks(words[i], words[i + 1])) return true;
  return false;
}

/// A place where a sentence may end, with the word before it and what follows.
struct Candidate {
  std::size_t at = 0, word_begin = 0, after_end = 0;
  std::optional<std::size_t> next;  ///< the next word, where white space is between
};

std::optional<Candidate> candidate_at(Text text, std::size_t at) {
  if (!holds(kEnds, text[at]) || at + 1 >= text.size()) return std::nullopt;
  Candidate found{at, 0, at + 2, std::nullopt};
  if (holds(kNonWord, text[at + 1])) return found;
  auto next = at + 1;
  while (next < text.size() && is_white_space(text[next])) ++next;
  if (next == at + 1 || next == text.size()) return std::nullopt;
  found.next = found.after_end = next;
  while (found.after_end < text.size() && !is_white_space(text[found.after_end])) ++found.after_end;
  return found;
}

/// Of candidates that one word holds, the last.
std::vector<Candidate> candidates_of(Text text) {
  std::vector<Candidate> all;
  std::optional<Candidate> previous;
  std::size_t begin = 0, stop = 0;  // of the word before the previous candidate
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto found = candidate_at(text, at);
    if (!found) continue;
    const auto space = text.substr(stop, at - stop).find_last_of(kAsciiSpace);
    const auto word = space == Text::npos || space == 0 ? begin : stop + space + 1;
    if (previous && stop <= word) all.push_back(*previous);
    found->word_begin = begin = word;
    stop = at;
    previous = found;
  }
  if (previous) all.push_back(*previous);
  return all;
}

using Bounds = std::pair<std::size_t, std::size_t>;

std::vector<Bounds> cut(Text text) {
  std::vector<Bounds> sentences;
  std::size_t begin = 0, end = text.size();
  for (const auto& one : candidates_of(text)) {
    if (!has_break(text.substr(one.word_begin, one.after_end - one.word_begin))) continue;
    sentences.emplace_back(begin, one.at + 1);
    begin = one.next.value_or(one.at + 1);
  }
  while (end > 0 && is_white_space(text[end - 1])) --end;
  sentences.emplace_back(begin, end);
  return sentences;
}

/// Closing quotes and brackets at a sentence's start that are the last one's: without and with the white space behind them.
std::optional<Bounds> closing(Text sentence) {
  std::size_t length = 0;
  while (length < sentence.size() && holds(kRealigned, sentence[length])) {
    ++length;
    auto behind = length;
    while (behind < sentence.size() && is_white_space(sentence[behind])) ++behind;
    if (behind > length || length == sentence.size() || sentence.substr(length).starts_with(U"--"))
      return Bounds{length, behind};
  }
  return std::nullopt;
}

Text part(Text text, Bounds bounds) {
  return bounds.first < bounds.second ? text.substr(bounds.first, bounds.second - bounds.first) : Text();
}

}  // namespace

std::vector<std::string> punkt_sentences(std::string_view bytes) {
  std::u32string text;
  std::vector<std::size_t> places;  // of each character, and the end
  for (std::size_t at = 0; at < bytes.size();) {
    const auto character = character_at(bytes, at);
    text += character.code;
    places.push_back(at);
    at += character.bytes.size();
  }
  places.push_back(bytes.size());
  std::vector<std::string> sentences;
  const auto add = [&](Bounds bounds) {
    if (bounds.first < bounds.second)
      sentences.emplace_back(bytes.substr(places[bounds.first], places[bounds.second] - places[bounds.first]));
  };
  const auto found = cut(text);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Bounds own{found[i].first + taken, found[i].second};
    const auto moved = i + 1 < found.size() ? closing(part(text, found[i + 1])) : std::nullopt;
    add(moved ? Bounds{own.first, found[i + 1].first + moved->first} : own);
    taken = moved ? moved->second : 0;
  }
  return sentences;
}

}  // namespace unpact
