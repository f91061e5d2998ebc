#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// The hidden state after each prompt, ready for logits: (P, D). Prompts run packed, what they begin with alike once.
/// @param token_budget positions whose keys and values are held at once, unless one prompt has more.
at::Tensor hidden_after(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                        std::size_t token_budget);

}  // namespace unpact
