#pragma once
/// How much memory a rank needs for a model, estimated from its shape.
///
/// Legend: N weights, L blocks, D hidden size, F MLP width, H query heads, G key-value heads, d head size, V vocabulary,
/// T tokens that run at once, b bytes a number, W ranks.
#include <cstdint>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// Asking and attributing: b N for the weights, 2 b L G d T for keys and values, b T (4 D + 2 H d + 2 G d + 3 F) for one
/// block's activations, min(8 V T, 512 MiB) for logits and their softmax in fp32, which come in chunks. Every rank holds
/// the whole model.
/// @param bytes b: 4 for fp32, 2 for bf16.
double scoring_bytes(const ModelConfig& config, double bytes, std::int64_t tokens);

/// Unlearning in fp32 without the micro-batch's activations: 4 N for the target, which every rank keeps whole (npo and kl
/// look at it), and 16 N for weights, gradients and AdamW's two moments of what is trained.
double unlearning_bytes_whole(const ModelConfig& config);

/// The same with the 16 N cut over the ranks, as they are by default: 4 N + 16 N / W + 16 U, where U is the number of
/// weights of the largest unit (a block, or the embedding): two units are gathered at a time, and two have a gradient.
double unlearning_bytes(const ModelConfig& config, std::int64_t ranks);

}  // namespace unpact
