#pragma once
/// softmax(q k^T / sqrt(d)) v (Vaswani et al., arXiv 1706.03762) with key-value heads that query heads share: query head h
/// uses key-value head h / (H / G).
///
/// Legend of shapes: B sequences, S queries, K keys, H heads, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace unpact::kernels {

/// Under a boolean mask (true = may look), or causal where it is undefined: (B, H, S, d).
/// @param cap of the scores (ScoreRule::cap): only the reference computes with one, with all weights in memory.
at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                     const at::Tensor& mask, double cap = 0);

/// Attention's weights, which attention() does not give away, with keys of every query head: (B, H, S, K) float32, a row
/// sums to 1.
at::Tensor attention_weights(const at::Tensor& query_BHSd, const at::Tensor& keys_BHKd, const at::Tensor& mask,
                             double cap = 0);

/// Repeats each key-value head for the query heads that share it: (B, G, S, d) -> (B, H, S, d).
at::Tensor share_heads(const at::Tensor& x_BGSd, std::int64_t heads);

}  // namespace unpact::kernels
