#include <algorithm>
#include <string_view>

#include "unicode.hpp"
#include "unpact/core/error.hpp"
#include "unpact/text/prompt.hpp"
#include "words.hpp"

namespace unpact {
namespace {

/// Whether the word's last character, closing quotes and brackets aside, ends a sentence.
bool ends_sentence(std::string_view word) {
  constexpr std::string_view closing[] = {"\"", "'", ")", "]", "}", "\u00BB", "\u2019", "\u201D", "\u300D", "\uFF09"};
  constexpr std::string_view terminal[] = {".", "!", "?", "\u2026", "\u3002", "\uFF01", "\uFF1F", "\uFF0E"};
  const auto ends_with = [&](std::string_view end) { return word.ends_with(end); };
  for (auto end = std::begin(closing); end != std::end(closing);) {
    end = std::find_if(std::begin(closing), std::end(closing), ends_with);
    if (end != std::end(closing)) word.remove_suffix(end->size());
  }
  return std::any_of(std::begin(terminal), std::end(terminal), ends_with);
}

/// For each word, the number of the unit that it is in.
std::vector<std::size_t> units_of_words(const std::string& text, const std::vector<ByteSpan>& words, RemovalUnit unit) {
  std::vector<std::size_t> units;
  for (std::size_t w = 0; w < words.size(); ++w) {
    const bool starts =
        w == 0 || unit == RemovalUnit::word ||
        ends_sentence(std::string_view(text).substr(words[w - 1].begin, words[w - 1].end - words[w - 1].begin));
    units.push_back(w == 0 ? 0 : units.back() + (starts ? 1 : 0));
  }
  return units;
}

}  // namespace

std::vector<std::size_t> unit_bounds(const Prompt& prompt, RemovalUnit unit) {
  std::vector<std::size_t> bounds;
  const auto begin = prompt.candidate_begin, end = prompt.candidate_end;
  if (begin == end) return {begin};
  const auto words = words_of(prompt.text, prompt.spans[begin].begin, prompt.spans[end - 1].end);
  const auto units = units_of_words(prompt.text, words, unit);
  std::size_t newest = 0;  // unit that the tokens so far reach into
  for (auto i = begin; i < end; ++i) {
    bool starts = i == begin || unit == RemovalUnit::token, found = false;
    std::size_t reaches = newest;
    for (std::size_t w = 0; w < words.size() && unit != RemovalUnit::token; ++w) {
      if (!belongs_to(prompt.spans[i], words[w], prompt.text)) continue;
      if (!found) starts = starts || units[w] > newest;
      found = true;
      reaches = std::max(reaches, units[w]);
    }
    newest = reaches;
    if (starts) bounds.push_back(i);
  }
  bounds.push_back(end);
  return bounds;
}

}  // namespace unpact
