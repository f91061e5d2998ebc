#pragma once
#include "../cuda_number.hpp"

namespace unpact::kernels::cuda {

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

}  // namespace unpact::kernels::cuda
