#pragma once
#include "unpact/inference/generation.hpp"

namespace unpact {

/// continue_prompts() by the plain forward pass: right-padded batches of one cache each, every prompt whole, until the last
/// sequence of a batch has ended. What packed generation is held against, and how two models that answer as one do it.
std::vector<Continuation> continue_padded(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                          const GenerationOptions& options);

}  // namespace unpact
