#pragma once
/// The kernels of cuda_kernels.hpp on tensors; block_math spells out the operations that define them.
///
/// Legend of shapes: R rows, H heads, d head size, P positions of a table.
#include <ATen/core/Tensor.h>

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

}  // namespace unpact::cuda
