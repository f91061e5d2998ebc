#pragma once
#include "../cuda_number.hpp"

namespace unpact::kernels::cuda {

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

}  // namespace unpact::kernels::cuda
