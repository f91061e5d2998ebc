#pragma once
/// Element-wise CUDA kernels of the model: each is one pass over memory where tensor operations would take five. Plain
/// pointers, so that nvcc sees none of LibTorch; cuda_pointwise.hpp has them for tensors, with the operations that define
/// them beside. Arithmetic is in float32, rounded once.
#include <cuda_runtime_api.h>

#include <cstdint>

namespace unpact::cuda {

enum class Number { float32, bfloat16, float16 };

/// Rotates every head of `heads` heads of width d in place, row r by the angles of position index[r], or r mod
/// `positions` without an index: pairs (x_j, x_{j + d/2}) by (cos_j, sign * sin_j).
struct Rotation {
  void* x_RHd;
  const float *cosine_Pd, *sine_Pd;
  const std::int64_t* index_R;  ///< null: none
  std::int64_t rows, positions, heads, d;
  float sign;
};
cudaError_t rotate(Number number, const Rotation& rotation, cudaStream_t stream);

/// out = silu(gate) * up; out may be gate.
cudaError_t silu_product(Number number, const void* gate, const void* up, void* out, std::int64_t count, cudaStream_t stream);

/// Gradients of silu(gate) * up; gate_gradient or up_gradient may be `gradient`.
cudaError_t silu_product_backward(Number number, const void* gate, const void* up, const void* gradient, void* gate_gradient,
                                  void* up_gradient, std::int64_t count, cudaStream_t stream);

}  // namespace unpact::cuda
