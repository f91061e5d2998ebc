#pragma once
/// The ways in which methods score what is equal (AttributionMethod::equal_scores).
#include <vector>

#include "unpact/attribution/method.hpp"

namespace unpact {

/// LP of one prompt by full passes: alone, and at several places of a batch.
std::vector<double> scores_by_passes(const Transformer& model, const std::vector<TokenId>& prompt, const std::vector<TokenId>& answer);

/// The prompt, and the prompt without its first, middle and last candidate: by the engine, all removals together and each
/// alone, and by full passes. @throws UserError as the engine.
std::vector<std::vector<double>> scores_by_engine(const LeaveOneOutEngine& engine, const Transformer& model, const AttributionTask& task);

/// The prompt by a CoalitionScorer, alone and beside shorter coalitions, and by full passes.
std::vector<std::vector<double>> scores_by_coalitions(const Transformer& model, const AttributionTask& task, std::size_t token_budget);

}  // namespace unpact
