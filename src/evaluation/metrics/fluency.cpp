#include "fluency.hpp"

#include <cctype>
#include <cmath>
#include <map>

namespace unpact {

std::vector<std::string> words_and_marks(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && std::isspace(byte) != 0) {
      finish();
    } else if (byte < 128 && std::ispunct(byte) != 0) {
      finish();
      words.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  finish();
  return words;
}

double ngram_entropy(const std::vector<std::string>& words, std::size_t n) {
  std::map<std::vector<std::string>, std::size_t> counts;
  for (std::size_t i = 0; i + n <= words.size(); ++i) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(i);
    ++counts[std::vector<std::string>(first, first + static_cast<std::ptrdiff_t>(n))];
  }
  if (counts.empty()) return 0;
  const double total = static_cast<double>(words.size() - n + 1);
  double entropy = 0;
  for (const auto& [gram, count] : counts) {
    const double p = static_cast<double>(count) / total;
    entropy -= p * std::log2(p);
  }
  return entropy + 0.0;  // not -0 where all are one
}

double ngram_fluency(const std::vector<std::string>& words) {
  return (ngram_entropy(words, 2) * 2 / 3 + ngram_entropy(words, 3) * 4 / 3) / 2;
}

}  // namespace unpact
