#pragma once
/// The pieces of a transformer block that the padded and the packed forward pass share. Without gradients, float32 on
/// the CPU goes through fused kernels (cpu_kernels.hpp); everything else through the tensor operations that define them.
///
/// Legend of shapes: S tokens or rows, D hidden size, H heads, d head size, F MLP width.
#include <ATen/core/Tensor.h>

#include "unpact/model/config.hpp"
#include "unpact/model/weights.hpp"

namespace unpact::block_math {

/// Whether the fused kernels may run: float32 on the CPU, contiguous, and nobody records gradients.
bool fusable(const at::Tensor& x);

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension, the mean in float32 (Zhang & Sennrich, arXiv
/// 1910.07467).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

/// The config's norm: RMS, or layer norm with bias.
at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D);

/// Cosines and sines of positions 0..count-1 for every channel of a head: (count, d), in the weights' dtype.
struct Angles {
  at::Tensor cosine_Pd, sine_Pd;
};
Angles rotary_angles(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights);

/// Rotary position embedding (Su et al., arXiv 2104.09864) in the half-split layout of Hugging Face's Llama: channel i
/// is paired with channel i + d/2. `cosine` and `sine` broadcast against x (..., d).
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

/// x W^T + b; an undefined bias is none.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// In place, without gradients: act(x), and act(gate) * up in `gate`.
void activate(Activation activation, at::Tensor& x);
void activate_product(Activation activation, at::Tensor& gate, const at::Tensor& up);

/// The block's MLP, from its normalized input to what is added to the residual stream.
at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x);

}  // namespace unpact::block_math
