#include "rouge.hpp"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "porter_stemmer.hpp"

namespace unpact {
namespace {

/// What one character of a text is to the tokenizer.
struct Character {
  char letter = 0;          ///< in [a-z0-9], or 0 for a separator
  std::size_t bytes = 1;    ///< its length in the text
  bool ends_token = false;  ///< a separator follows the letter
};

Character character_at(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c >= 'A' && c <= 'Z') return {static_cast<char>(c - 'A' + 'a')};
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return {c};
  // The only characters outside ASCII whose lower case (Unicode's, as Python's str.lower() takes it) holds a letter
  // of ASCII. Their UTF-8 bytes cannot start inside another character.
  const auto rest = text.substr(at);
  if (rest.starts_with("\xE2\x84\xAA")) return {'k', 3};    // U+212A, Kelvin sign
  if (rest.starts_with("\xC4\xB0")) return {'i', 2, true};  // U+0130 becomes i and a combining dot, U+0307
  return {};
}

/// Words as numbers, so that the table below compares integers.
using WordNumbers = std::unordered_map<std::string, std::uint32_t>;

std::vector<std::uint32_t> numbers_of(const std::vector<std::string>& words, WordNumbers& known) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(words.size());
  for (const auto& word : words)
    numbers.push_back(known.try_emplace(word, static_cast<std::uint32_t>(known.size())).first->second);
  return numbers;
}

std::size_t longest_common_subsequence(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);  // row[j]: the answer for the part of a so far and b's first j
  for (const auto word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = word == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text, Stemming stemming) {
  std::vector<std::string> tokens;
  std::string token;
  const auto finish = [&] {
    if (stemming == Stemming::porter && token.size() > 3) token = porter_stem(token);
    if (!token.empty()) tokens.push_back(std::move(token));
    token.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto character = character_at(text, at);
    if (character.letter != 0) token += character.letter;
    if (character.letter == 0 || character.ends_token) finish();
    at += character.bytes;
  }
  finish();
  return tokens;
}

RougeScore rouge_l(std::string_view reference, std::string_view prediction, Stemming stemming) {
  return rouge_l(rouge_tokens(reference, stemming), rouge_tokens(prediction, stemming));
}

RougeScore rouge_l(const std::vector<std::string>& reference, const std::vector<std::string>& prediction) {
  WordNumbers known;
  const auto wanted = numbers_of(reference, known), given = numbers_of(prediction, known);
  if (wanted.empty() || given.empty()) return {};
  const auto common = static_cast<double>(longest_common_subsequence(wanted, given));
  RougeScore score;
  score.precision = common / static_cast<double>(given.size());
  score.recall = common / static_cast<double>(wanted.size());
  // rouge-score's order of operations, so that the last bits agree too.
  if (const double sum = score.precision + score.recall; sum > 0) score.f1 = 2 * score.precision * score.recall / sum;
  return score;
}

}  // namespace unpact
