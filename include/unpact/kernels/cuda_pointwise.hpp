#pragma once
/// The kernels of cuda_kernels.hpp on tensors; block_math spells out the operations that define them.
///
/// Legend of shapes: R rows, H heads, d head size, P positions of a table, X positions of a store,
/// G key-value heads, V vocabulary.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace unpact::cuda {

/// Whether the kernels take this tensor: on CUDA, contiguous, float32, bfloat16 or float16; in a build without CUDA never.
bool fits(const at::Tensor& x);

/// Rotates in place (block_math::rotate) by the angles of `index_R`, or of r mod P where that is undefined.
/// @param cosine_Pd, sine_Pd float32, contiguous. @param sign -1: back.
void rotate(const at::Tensor& x_RHd, const at::Tensor& cosine_Pd, const at::Tensor& sine_Pd, const at::Tensor& index_R, float sign);

/// out = silu(gate) * up; out may be gate.
void silu_product(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& out);

void silu_product_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient, const at::Tensor& gate_gradient,
                           const at::Tensor& up_gradient);

/// The rows `index_R` of [the first `stored` rows of stored_XGd | fresh_RGd], of keys and of values in one pass.
/// @pre rows of a multiple of 16 bytes. Undefined stored ones: none.
struct Gathered {
  at::Tensor keys_RGd, values_RGd;
};
Gathered gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                     const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd, const at::Tensor& index_R);

/// log sum exp of each row, in float32: (R, V) -> (R).
at::Tensor log_sum_exp(const at::Tensor& x_RV);

/// log_softmax_gradient() of log_softmax.hpp, in the logits' precision, rounded once.
void log_softmax_slopes(const at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                        const at::Tensor& gradients_R);

}  // namespace unpact::cuda
