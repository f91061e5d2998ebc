#pragma once
#include <cstdint>

#include "../form.hpp"
#include "unpact/kernels/norm.hpp"

namespace unpact::kernels {

/// The CUDA form is LibTorch's, which records gradients itself.
Form norm_form(const at::Tensor& x, const at::Tensor& weight_D);

namespace reference {
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);
}  // namespace reference

namespace cpu {

/// out = x / sqrt(mean(x^2) + epsilon) * weight, row by row; `out` may be `x`.
void rms_norm(const float* x_RD, const float* weight_D, float* out_RD, std::int64_t rows, std::int64_t width,
              double epsilon);

/// Gradients of out = x * r * weight, r = 1 / sqrt(mean(x^2) + epsilon), given that of `out`:
///     dx = r (g w - x r^2 mean(g w x)),   dw = sum over rows of g x r,
/// the sum cut in a way that does not depend on the number of threads.
struct RmsNormBackward {
  const float *x_RD, *weight_D, *gradient_RD;
  const float* residual_RD;  ///< added to dx; null: nothing
  float* x_gradient_RD;      ///< null: not wanted
  float* weight_gradient_D;  ///< added to; null: not wanted
  std::int64_t rows, width;
  double epsilon;
};
void rms_norm_backward(const RmsNormBackward& pass);

}  // namespace cpu

namespace cuda {
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);
}  // namespace cuda

namespace node {
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);
ForkedNorm forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon);
}  // namespace node

}  // namespace unpact::kernels
