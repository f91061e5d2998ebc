#pragma once
/// The methods by name; each .cpp of this folder implements one or two.
#include <cstdint>
#include <memory>
#include <optional>

#include "unpact/attribution/method.hpp"

namespace unpact {

/// Leave-one-out of sentences, then of the words of those that matter most, then of their tokens: inexact.
std::unique_ptr<AttributionMethod> make_hierarchical(std::unique_ptr<LeaveOneOutEngine> engine,
                                                     const AttributionSettings& settings);

/// Whole words taken out of the prompt's text, which is cut into tokens anew. @param tokenizer must outlive it.
std::unique_ptr<AttributionMethod> make_word_removal(const Tokenizer& tokenizer, std::size_t token_budget);

/// A candidate's position cannot be looked at by later ones; its place stays.
std::unique_ptr<AttributionMethod> make_in_place_mask(std::size_t token_budget);

/// A candidate's id is replaced by `baseline`.
std::unique_ptr<AttributionMethod> make_baseline_replacement(TokenId baseline, std::size_t token_budget);

/// Derivative of LP by a candidate's embedding, times the embedding.
std::unique_ptr<AttributionMethod> make_gradient_x_input();

/// Sundararajan et al., arXiv 1703.01365, of LP as one scalar. @param baseline id whose embedding the path starts at;
/// none: the zero vector.
std::unique_ptr<AttributionMethod> make_integrated_gradients(std::optional<TokenId> baseline, std::int64_t steps,
                                                             std::size_t token_budget);

std::unique_ptr<AttributionMethod> make_shapley(std::int64_t permutations, std::size_t token_budget, std::uint64_t seed);

std::unique_ptr<AttributionMethod> make_lime(const AttributionSettings& settings, std::size_t token_budget,
                                             std::uint64_t seed);

/// Abnar & Zuidema, arXiv 2005.00928.
std::unique_ptr<AttributionMethod> make_rollout();

}  // namespace unpact
