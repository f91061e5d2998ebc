#pragma once
#include "unpact/inference/generation.hpp"

namespace unpact {

/// continue_prompts() of one model by packed passes. @pre the requests are checked; there is one.
std::vector<Continuation> continue_packed(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                          const GenerationOptions& options);

}  // namespace unpact
