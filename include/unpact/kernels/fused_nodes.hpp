#pragma once
/// Pieces of a block as nodes of autograd's graph, for float32 on the CPU, rotation and silu_product also on CUDA
/// (cuda::fits): each pass is one loop over memory instead of a
/// chain of tensor operations, little is kept for the backward pass, and gradients of weights that collect them already
/// (leaves with a float32 gradient) are added in place. Values and gradients are those of the operations that block_math
/// spells out, up to rounding, and do not depend on the number of threads beyond that of the matrix products.
/// Gradients of gradients do not exist.
///
/// Legend of shapes: B sequences, S tokens, D hidden size, H query heads, G key-value heads, d head size, F MLP width,
/// N output size of a projection, V vocabulary.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace unpact::fused {

/// Whether these nodes may stand in: float32 on the CPU, contiguous, and gradients are recorded.
bool applies(const at::Tensor& x);

/// Rows of the table: (V, D) and int64 tokens (...) -> (..., D). The gradient of a table that collects costs only its rows.
at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens);

/// A weight (N, D) and its bias (N), undefined for none.
struct Projection {
  at::Tensor weight_ND, bias_N;
};

/// x W^T + b of one input (..., D) for several weights: the input's gradient is added up inside the products.
std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections);

/// The graph of one such product, whose value is zero: what runs again for its gradients alone needs no more.
at::Tensor graph_of_linear(const at::Tensor& x, const Projection& projection);

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

/// An RMS norm and its input once more for the residual stream, whose gradient is then added in the same loop.
struct Fork {
  at::Tensor residual, normed;
};
Fork forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

/// Rotates by position (block_math::rotate), in place: `x_BSHd` must not be used again, nor be needed by another node.
/// @param cosine_Sd, sine_Sd float32, contiguous.
at::Tensor rotate_in_place(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd);

/// silu(gate) * up. The gate's sigmoid is computed again in the backward pass.
at::Tensor silu_product(const at::Tensor& gate, const at::Tensor& up);

/// softmax(q k^T / sqrt(d)) v with each token looking at itself and those before it: (B, S, H, d), contiguous. Weights
/// exist for a block of queries of one head at a time, and are computed again in the backward pass (Dao et al., arXiv
/// 2205.14135). G divides H; query head h uses key-value head h / (H / G).
at::Tensor causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd);

}  // namespace unpact::fused
