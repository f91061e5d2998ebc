#pragma once
/// How much of a gold answer a model has memorized, by teacher forcing: every token is predicted behind the right ones.
#include <cstdint>
#include <span>

namespace unpact {

/// What open-unlearning's loop makes of an answer whose last token is not predicted: it ends one step early, so that nothing
/// memorized counts 1/n instead of 0.
enum class NothingMatches { zero, open_unlearning };

/// Extraction strength: 1 - k / n with k the least index from which every token is the likeliest one (Carlini et al., "Extracting
/// training data from large language models", as open-unlearning computes it). @param matches n flags, one a token of the answer:
/// whether it was the model's likeliest. NaN for no tokens.
double extraction_strength(std::span<const std::uint8_t> matches, NothingMatches rule = NothingMatches::zero);

/// The share of the tokens that are the likeliest (Tirumala et al., "Memorization without overfitting"). NaN for none.
double exact_memorization(std::span<const std::uint8_t> matches);

/// exp(mean log-probability): TOFU's "probability" of an answer, length-normalized. NaN for none.
double mean_probability(std::span<const double> log_probabilities);

/// p / (p + sum of the wrong ones + 1e-10) for TOFU's real authors and world facts. All are mean_probability().
double probability_among(double right, std::span<const double> wrong);

}  // namespace unpact
