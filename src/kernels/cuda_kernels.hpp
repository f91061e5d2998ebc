#pragma once
/// CUDA kernels of the model, element by element or row by row: each is one pass over memory (log_sum_exp and slopes: one
/// each way) where tensor operations would take five. Plain pointers, so that nvcc sees none of LibTorch; cuda_pointwise.hpp
/// has them for tensors, with the operations that define them beside. Arithmetic is in float32, rounded once.
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

/// Row r of `keys` and `values` is row index[r] of the stored ones, or row index[r] - stored of the fresh ones.
struct GatheredRows {
  const void *stored_keys, *stored_values, *fresh_keys, *fresh_values;
  const std::int64_t* index_R;
  void *keys, *values;
  std::int64_t rows, stored, row_bytes;  ///< row_bytes and all pointers: multiples of 16
};
cudaError_t gather_rows(const GatheredRows& gathered, cudaStream_t stream);

/// log sum exp of each row.
cudaError_t log_sum_exp(Number number, const void* x_RV, float* out_R, std::int64_t rows, std::int64_t width,
                        cudaStream_t stream);

/// In place, the gradient by the logits of sum_r g_r log_softmax(logits)[r, t_r]: g_r (1[t_r] - exp(logit - normalizer_r)).
struct LogSoftmaxSlopes {
  void* logits_RV;
  const float *normalizers_R, *gradients_R;
  const std::int64_t* targets_R;
  std::int64_t rows, width;
};
cudaError_t log_softmax_slopes(Number number, const LogSoftmaxSlopes& slopes, cudaStream_t stream);

}  // namespace unpact::cuda
