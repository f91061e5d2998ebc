#pragma once
/// The ways in which methods score what is equal (AttributionMethod::equal_scores).
#include <vector>

#include "unpact/attribution/method.hpp"

namespace unpact {

/// LP of the task's prompt by full passes, alone and at several places of a batch, and by the shared-prefix engine.
std::vector<double> scores_of_prompt(const Transformer& model, const AttributionTask& task);

/// The prompt, and the prompt without its first, middle and last candidate: by the engine, all removals together and each
/// alone, by full passes, and, where the engine is the reference, by the shared-prefix engine. @throws UserError as the engine.
std::vector<std::vector<double>> scores_by_engine(const LeaveOneOutEngine& engine, const Transformer& model,
                                                  const AttributionTask& task);

/// The prompt by a CoalitionScorer, alone and beside shorter coalitions, and as scores_of_prompt().
std::vector<std::vector<double>> scores_by_coalitions(const Transformer& model, const AttributionTask& task,
                                                      std::size_t token_budget);

}  // namespace unpact
