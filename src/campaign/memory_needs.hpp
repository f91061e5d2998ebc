#pragma once
/// How much memory a rank needs for a model, estimated from its shape.
///
/// Legend: N weights, L blocks, D hidden size, F MLP width, H query heads, G key-value heads, d head size, V vocabulary,
/// T tokens that run at once, b bytes a number.
#include <cstdint>

#include "unpact/model/config.hpp"

namespace unpact {

/// Asking and attributing: b N for the weights, 2 b L G d T for keys and values, b T (4 D + 2 H d + 2 G d + 3 F) for one
/// block's activations, min(8 V T, 512 MiB) for logits and their softmax in fp32, which come in chunks. Every rank holds
/// the whole model.
/// @param bytes b: 4 for fp32, 2 for bf16.
double scoring_bytes(const ModelConfig& config, double bytes, std::int64_t tokens);

/// Unlearning on every rank, fp32, without the micro-batch's activations: 4 N weights + 4 N gradients + 8 N AdamW.
double unlearning_bytes(const ModelConfig& config);

/// The same for npo, kl and tv: the target stays in memory (4 N) beside a frozen or reinforced copy (4 N).
double unlearning_bytes_with_copies(const ModelConfig& config);

}  // namespace unpact
