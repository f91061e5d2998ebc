#pragma once
/// Legend of shapes: D width of a row.
#include <ATen/core/Tensor.h>

#include "unpact/kernels/result_memory.hpp"

namespace unpact::kernels {

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension, the mean in float32 (Zhang & Sennrich, arXiv 1910.07467).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon, const ResultMemory& memory = {});

/// The norm of x, and x for the residual stream beside it: both gradients then meet in one loop.
struct ForkedNorm {
  at::Tensor residual, normed;
};
ForkedNorm forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);

}  // namespace unpact::kernels
