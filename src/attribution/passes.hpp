#pragma once
/// What the methods share: checks of a task, the sequence that is run, and the answer's rows of it.
///
/// Legend of shapes: B sequences, S positions, D hidden size, T answer tokens.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "unpact/attribution/method.hpp"

namespace unpact {

/// @throws UserError like the leave-one-out engines.
void require_task(const ModelConfig& config, const AttributionTask& task);

/// @throws UserError when the model has no such id.
void check_baseline_id(const ModelConfig& config, TokenId id);

/// The prompt and all but the last answer token: what the model runs over.
std::vector<TokenId> model_input(const AttributionTask& task);

/// LP of every sequence of a batch without padding, whose last T rows predict the answer: (B) float64. Gradients flow.
at::Tensor mean_log_probabilities_B(const Transformer& model, const at::Tensor& hidden_BSD, const at::Tensor& targets_T);

/// The float32 values on the CPU as doubles.
std::vector<double> to_doubles(const at::Tensor& values);

/// @throws RuntimeFailure naming `what` when a value is not finite.
void require_finite(const std::vector<double>& values, const std::string& what);

std::vector<float> to_floats(const std::vector<double>& values);

/// Counts one forward pass over B x S positions with `rows` rows of logits.
void count_pass(AttributionWork& work, const at::Tensor& tokens_BS, std::int64_t rows);

}  // namespace unpact
