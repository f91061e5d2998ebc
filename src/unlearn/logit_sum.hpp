#pragma once
/// Sums over all logits of many rows, of which only a few rows exist at any time: for losses that look at the whole
/// vocabulary, whose logits would take more memory than everything else (4 x 2048 rows of 128 000 words: 4 GiB, and
/// as much again for every intermediate result).
///
/// Legend of shapes: R rows, C rows of a chunk, D hidden size, V vocabulary.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "unpact/model/transformer.hpp"

namespace unpact {

/// What some rows add to a loss: a float32 scalar, differentiable in the logits.
/// @param first where the chunk begins among all rows.
using RowLoss = std::function<at::Tensor(const at::Tensor& logits_CV, std::int64_t first)>;

constexpr std::int64_t kLogitElements = std::int64_t{1} << 25;  ///< of a chunk: 128 MiB in float32

/// sum over chunks of loss(logits), with its gradient by the hidden states and the head. The gradient is computed chunk
/// by chunk in the forward pass already, while the chunk's logits are there; the backward pass only scales it. The head
/// enters once, whatever the number of chunks.
/// @param chunk_rows 0: as many as kLogitElements allow.
at::Tensor sum_over_logits(const Transformer& model, const at::Tensor& hidden_RD, const RowLoss& loss,
                           std::int64_t chunk_rows = 0);

/// The same with all logits at once, by plain autograd: the reference.
at::Tensor sum_over_logits_at_once(const Transformer& model, const at::Tensor& hidden_RD, const RowLoss& loss);

}  // namespace unpact
