#pragma once
/// Floating-point operations of a transformer, from its shape and from how many tokens run: the one place of these formulas.
/// What runs is counted by them (operation_tally.hpp), what will run is planned by them.
///
/// A product with a matrix of n numbers is 2 n a row; attention is 4 H d a pair of a token and one that it looks at (scores,
/// and the mix of values). Norms, rotations, activations, softmax and the embedding are left out: below 1 % of a real model.
/// A backward pass is 2 n a row and matrix again for the gradient of the row and as much for that of the matrix, and twice
/// attention's forward pass (Chowdhery et al., arXiv 2204.02311, appendix B).
///
/// Legend: D hidden size, F MLP width, V vocabulary, H query heads, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// Numbers in the matrices of one block: D d (2 H + 2 G) and 3 D F, or 2 D F of an MLP without a gate.
double block_matrix_size(const ModelConfig& config);

/// Those of the query matrix, D H d, and of the key and value matrices, 2 D G d.
double query_matrix_size(const ModelConfig& config);
double key_value_matrix_size(const ModelConfig& config);

/// Those of the output head: V D.
double head_size(const ModelConfig& config);

/// Attention's forward pass over these pairs: 4 H d each.
double attention_operations(const ModelConfig& config, double pairs);

/// Pairs of causal attention: the tokens at positions `before` .. `before` + `tokens` - 1 each see those up to themselves.
/// @param window how far they look back, themselves included; 0: to the beginning.
double causal_pairs(std::int64_t tokens, std::int64_t window = 0, std::int64_t before = 0);

/// The forward pass of blocks `first` .. `end` - 1 over `sequences` fresh ones of `tokens` each.
double forward_operations(const ModelConfig& config, std::int64_t tokens, std::int64_t first, std::int64_t end,
                          double sequences = 1);

/// Forward pass and gradients of a model that trains whole: three times the forward pass, with recomputation four times.
double training_factor(bool recompute);

/// One block over rows whose attention has these pairs, with what of its backward pass the gradients to come will take.
/// @param x what goes into it.
void count_block(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x_BSD, double pairs);

/// The product of rows (..., D) with the head (V, D), with what of its backward pass the graph of this thread asks for.
void count_head(const at::Tensor& hidden, const at::Tensor& head_VD);

/// The gradients alone, of who computes them without a graph.
void count_head_gradients(std::int64_t rows, const at::Tensor& head_VD, bool to_hidden, bool to_head);

}  // namespace unpact
