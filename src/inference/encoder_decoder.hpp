#pragma once
/// Answers of encoder-decoder models, behind the calls that serve all models; private to this layer.
#include <vector>

#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/generation.hpp"

namespace unpact {

/// for_answers() of such a model: prompts of one length together, their answers padded.
/// @param token_budget of padded tokens; 0: kPaddedTokens.
void visit_encoder_decoder(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                           const VisitAnswers& visit);

/// continue_prompts() of such a model: prompts of one length together, until each has met a stop token or its limit.
std::vector<Continuation> continue_encoder_decoder(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                                   const GenerationOptions& options);

}  // namespace unpact
