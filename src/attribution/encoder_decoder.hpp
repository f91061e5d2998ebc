#pragma once
/// Removal from the prompt of an encoder-decoder model: private to this layer.
#include <memory>

#include "unpact/attribution/leave_one_out.hpp"

namespace unpact {

/// An encoder sees a prompt from both ends, so nothing in front of a removal stays as it was: every removal is a pass over its
/// whole prompt. @param together whether removals, which leave prompts of few lengths, run many at once, or one by one (the
/// definition). @param token_budget of a pass; 0: as score_answers().
std::unique_ptr<BoundEngine> open_encoder_decoder(const Transformer& model, bool together, std::size_t token_budget = 0);

}  // namespace unpact
