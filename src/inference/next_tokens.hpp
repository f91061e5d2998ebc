#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

#include "unpact/inference/generation.hpp"
#include "unpact/kernels/choose_tokens.hpp"

namespace unpact {

/// On the CPU a product of fewer rows may take another path of the library, whose sums round otherwise.
inline constexpr std::int64_t kFewestRows = 16;

/// Hidden states with rows of zeros after them, where a CPU's product wants more.
at::Tensor with_fewest_rows(const at::Tensor& hidden_RD);

/// What the options choose after each row of hidden states (R, D). @param uniform the number in [0, 1) of a row, asked for
/// where a token is drawn. @throws RuntimeFailure when logits are not finite.
kernels::ChosenTokens next_tokens(const Transformer& model, const at::Tensor& hidden_RD, const GenerationOptions& options,
                                  const std::function<double(std::size_t row)>& uniform);

/// Adds a chosen token to an answer. @return whether it goes on.
bool take_token(const ModelConfig& config, const GenerationOptions& options, std::int64_t id, float log_probability,
                Continuation& answer);

}  // namespace unpact
