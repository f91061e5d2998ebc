#pragma once
/// How far the focus of two models on the same prompts differs (KeyTokens and cosines: key_tokens.hpp).
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/results/model.hpp"
#include "unpact/results/outcome.hpp"

namespace unpact {

/// The contributions that the focus is taken from.
const ContributionRecord& focused(const ModelRecord& model, FocusOf focus_of);

/// Contributions of both models must be of equal length to be compared; an empty own answer has none, which counts as
/// a model without KeyTokens.
template <class T>
std::vector<T> padded(std::vector<T> row, std::size_t size) {
  row.resize(size);
  return row;
}

/// One cosine a question.
FocusShiftRecord focus_shift(const ContributionRecord& target, const ContributionRecord& unlearned);

}  // namespace unpact
