#pragma once
/// The pieces of a transformer block that the padded and the packed forward pass share. On the CPU float32 goes through
/// fused kernels (cpu_kernels.hpp), and where gradients are recorded through nodes of their own (fused_nodes.hpp);
/// everything else through the tensor operations that define them.
///
/// Legend of shapes: B sequences, S tokens or rows, K keys, D hidden size, H heads, G key-value heads, d head size, F MLP width.
#include <ATen/core/Tensor.h>

#include <vector>

#include "unpact/kernels/fused_nodes.hpp"
#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact::block_math {

/// Whether the fused kernels may run: float32 on the CPU, contiguous, and nobody records gradients.
bool fusable(const at::Tensor& x);

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension, the mean in float32 (Zhang & Sennrich, arXiv
/// 1910.07467).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);
/// The same as tensor operations: the definition, and the reference of tests.
at::Tensor composed_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

/// The config's norm: RMS, or layer norm with bias.
at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D);

/// The norm of x, and x for the residual stream beside it.
struct Fork {
  at::Tensor residual, normed;
};
Fork forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D);

/// Cosines and sines of positions 0..count-1 for every channel of a head: (count, d), in the weights' dtype.
struct Angles {
  at::Tensor cosine_Pd, sine_Pd;
};
/// Of cosines and sines: the weights', or on CUDA, whose kernel takes it and rounds once, float32.
at::ScalarType angle_dtype(const at::TensorOptions& weights);

Angles rotary_angles(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights);

/// Rotary position embedding (Su et al., arXiv 2104.09864) in the half-split layout of Hugging Face's Llama: channel i
/// is paired with channel i + d/2. `cosine` and `sine` broadcast against x (..., d).
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

/// The same of (B, S, H, d), perhaps in place: x must be the fresh output of a projection or norm, and is not used again.
/// @param cosine, sine (S, 1, d), or (B, S, 1, d) where each sequence has its own positions.
at::Tensor rotate_in_place(const at::Tensor& x_BSHd, const at::Tensor& cosine, const at::Tensor& sine);

/// Repeats each key-value head for the query heads that share it: (B, G, S, d) -> (B, H, S, d).
at::Tensor share_heads(const at::Tensor& x_BGSd, std::int64_t heads);

/// softmax(q k^T / sqrt(d)) v under a boolean mask (true = may look), or causal where it is undefined: (B, H, S, d). Query
/// head h uses key-value head h / (H / G).
at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd, const at::Tensor& mask);

/// x W^T + b; an undefined bias is none. And the same for several weights.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
std::vector<at::Tensor> linears(const at::Tensor& x, const std::vector<fused::Projection>& projections);
at::Tensor composed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// In place, without gradients: act(x), and act(gate) * up in `gate`.
void activate(Activation activation, at::Tensor& x);
void activate_product(Activation activation, at::Tensor& gate, const at::Tensor& up);

/// The block's MLP, from its normalized input to what is added to the residual stream. Under GraphOnly zero, with the graph.
at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x);

}  // namespace unpact::block_math
