#pragma once
/// Whose style a text is in.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "logistic_regression.hpp"
#include "unpact/data/author_texts.hpp"

namespace unpact {

/// For each author a logistic regression, author against all others, with C = 10. Its features are the character n-grams of
/// one to three characters that occur in the texts: their counts, scaled to length 1 a text. Case counts; two or more white
/// spaces are one space (scikit-learn's TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, use_idf=False)). With two
/// authors both regressions are the same one, and the probabilities add up to 1.
class StyleClassifier {
 public:
  /// @pre texts of two authors or more.
  explicit StyleClassifier(const std::vector<AuthorText>& texts);

  /// In ascending order.
  const std::vector<std::string>& authors() const { return authors_; }
  bool knows(std::string_view author) const;
  std::size_t texts() const { return texts_; }

  /// P(author) of a text. @pre knows(author).
  double probability(std::string_view author, std::string_view text) const;

 private:
  SparseRow features(std::string_view text) const;

  std::map<std::string, std::uint32_t> columns_;  ///< by n-gram, UTF-8
  std::vector<std::string> authors_;
  std::vector<LogisticModel> models_;  ///< of each author
  std::size_t texts_;
};

}  // namespace unpact
