#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

#include "unpact/inference/generation.hpp"
#include "unpact/kernels/choose_tokens.hpp"
#include "unpact/kernels/result_memory.hpp"

namespace unpact {

/// On the CPU a product of fewer rows may take another path of the library, whose sums round otherwise.
inline constexpr std::int64_t kFewestRows = 16;

/// Calls visit(first row, rows, logits) for parts of hidden states (R, D) whose logits, in float32, fit into little memory.
/// Rows of logits beyond `rows` are nobody's: they fill a CPU's product up. @param memory of the logits, which a visit may
/// change.
using VisitLogits = std::function<void(std::int64_t begin, std::int64_t rows, const at::Tensor& logits_RV)>;
void for_logits(const Transformer& model, const at::Tensor& hidden_RD, const kernels::ResultMemory& memory,
                const VisitLogits& visit);

/// What the options choose after each row of hidden states (R, D). @param uniform the number in [0, 1) of a row, asked for
/// where a token is drawn. @throws RuntimeFailure when logits are not finite.
kernels::ChosenTokens next_tokens(const Transformer& model, const at::Tensor& hidden_RD, const GenerationOptions& options,
                                  const kernels::ResultMemory& memory,
                                  const std::function<double(std::size_t row)>& uniform);

/// Adds a chosen token to an answer. @return whether it goes on.
bool take_token(const ModelConfig& config, const GenerationOptions& options, std::int64_t id, float log_probability,
                Continuation& answer);

}  // namespace unpact
