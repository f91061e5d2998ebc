#include "style_classifier.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/utf8.hpp"

namespace unpact {
namespace {

constexpr std::size_t kLongest = 3;
constexpr double kC = 10;  // with 1 the lengths of scaled counts are penalized so much that no probability leaves the middle

/// The characters of a text, each as its bytes. A byte that begins no character is one.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && is_continuation_byte(text[end])) ++end;
    all.push_back(text.substr(at, end - at));
    at = end;
  }
  return all;
}

/// What Python's \s matches.
bool is_white(std::string_view c) {
  static const std::set<std::string_view> white = {
      " ",        "\t",       "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",   "\x1e",   "\x1f",
      "\xc2\x85", "\xc2\xa0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
      "\u2007",   "\u2008",   "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  return white.count(c) != 0;
}

/// Runs of two or more white spaces become one space; a single one stays what it is.
std::vector<std::string_view> with_single_spaces(const std::vector<std::string_view>& all) {
  std::vector<std::string_view> kept;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && is_white(all[end])) ++end;
    kept.push_back(end - i >= 2 ? std::string_view(" ") : all[i]);
    i = std::max(end, i + 1);
  }
  return kept;
}

std::map<std::string, double> counts_of(std::string_view text) {
  const auto all = with_single_spaces(characters(text));
  std::map<std::string, double> counts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string gram;
    for (std::size_t j = i; j < std::min(i + kLongest, all.size()); ++j) {
      gram += all[j];
      ++counts[gram];
    }
  }
  return counts;
}

/// Of the other class.
LogisticModel mirrored(LogisticModel model) {
  for (auto& weight : model.weights) weight = -weight;
  model.intercept = -model.intercept;
  return model;
}

}  // namespace

StyleClassifier::StyleClassifier(const std::vector<AuthorText>& texts) : texts_(texts.size()) {
  std::set<std::string> authors;
  for (const auto& [author, text] : texts) {
    authors.insert(author);
    for (const auto& [gram, count] : counts_of(text)) columns_.try_emplace(gram, 0);
  }
  std::uint32_t next = 0;
  for (auto& [gram, column] : columns_) column = next++;
  authors_.assign(authors.begin(), authors.end());
  std::vector<SparseRow> rows;
  for (const auto& one : texts) rows.push_back(features(one.text));
  for (const auto& author : authors_) {
    if (authors_.size() == 2 && !models_.empty()) {
      models_.push_back(mirrored(models_.front()));
      break;
    }
    std::vector<std::uint8_t> is_theirs;
    for (const auto& one : texts) is_theirs.push_back(one.author == author ? 1 : 0);
    models_.push_back(fit_logistic(rows, is_theirs, columns_.size(), kC));
  }
}

bool StyleClassifier::knows(std::string_view author) const { return std::ranges::find(authors_, author) != authors_.end(); }

double StyleClassifier::probability(std::string_view author, std::string_view text) const {
  UNPACT_EXPECT(knows(author));
  return models_[static_cast<std::size_t>(std::ranges::find(authors_, author) - authors_.begin())].probability(
      features(text));
}

SparseRow StyleClassifier::features(std::string_view text) const {
  SparseRow row;
  double squares = 0;
  for (const auto& [gram, count] : counts_of(text)) {
    const auto found = columns_.find(gram);
    if (found == columns_.end()) continue;
    row.emplace_back(found->second, count);
    squares += count * count;
  }
  for (auto& [column, value] : row) value /= std::sqrt(squares);
  return row;
}

}  // namespace unpact
