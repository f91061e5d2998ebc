#pragma once
#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// log p(token | prompt) in nats for some tokens that could come next: what score_answers() gives for these tokens as
/// answers of one token each, from one pass a prompt. @param candidates one list a prompt; the result has its shape.
/// @throws UserError for an empty prompt or one that the model cannot hold, RuntimeFailure for a value that is not finite.
std::vector<std::vector<float>> score_next_tokens(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                                                  const std::vector<std::vector<TokenId>>& candidates,
                                                  std::size_t token_budget = 4096);

}  // namespace unpact
