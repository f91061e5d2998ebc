#pragma once
/// Scoring and generation of models that answer elsewhere (model/remote_model.hpp).
#include <vector>

#include "unpact/inference/generation.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {

/// score_answers(). @pre the items are checked.
std::vector<std::vector<float>> score_remotely(const RemoteModel& model, const std::vector<PromptAnswer>& items);

/// continue_prompts(), without log-probabilities of the new tokens; equal prompts are asked once where answers are greedy.
/// A sample depends on (seed, stream) as far as the endpoint heeds seeds. @pre the requests are checked.
std::vector<Continuation> continue_remotely(const RemoteModel& model, const ModelConfig& config,
                                            const std::vector<GenerationRequest>& requests,
                                            const GenerationOptions& options);

}  // namespace unpact
