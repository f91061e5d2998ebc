#include <ATen/ATen.h>

#include "forms.hpp"
#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include "../cuda_tensors.hpp"
#include "log_softmax_kernel.hpp"

namespace unpact::kernels {

at::Tensor cuda::log_sum_exp(const at::Tensor& x_RV) {
  UNPACT_EXPECT(fits(x_RV) && x_RV.dim() == 2);
  const c10::cuda::CUDAGuard guard(x_RV.device());
  auto out_R = at::empty({x_RV.size(0)}, x_RV.options().dtype(at::kFloat).requires_grad(false));
  UNPACT_CUDA_CALL(log_sum_exp(number_of(x_RV), x_RV.const_data_ptr(), out_R.mutable_data_ptr<float>(), x_RV.size(0),
                               x_RV.size(1), stream_of(x_RV)));
  return out_R;
}

void cuda::log_softmax_slopes(const at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                              const at::Tensor& gradients_R) {
  const auto is_row_number = [&](const at::Tensor& x_R, at::ScalarType dtype) {
    return x_R.is_cuda() && x_R.is_contiguous() && x_R.scalar_type() == dtype && x_R.numel() == logits_RV.size(0);
  };
  UNPACT_EXPECT(fits(logits_RV) && is_row_number(targets_R, at::kLong));
  UNPACT_EXPECT(is_row_number(normalizers_R, at::kFloat) && is_row_number(gradients_R, at::kFloat));
  const c10::cuda::CUDAGuard guard(logits_RV.device());
  const LogSoftmaxSlopes slopes{logits_RV.mutable_data_ptr(),
                                normalizers_R.const_data_ptr<float>(),
                                gradients_R.const_data_ptr<float>(),
                                targets_R.const_data_ptr<std::int64_t>(),
                                logits_RV.size(0),
                                logits_RV.size(1)};
  UNPACT_CUDA_CALL(log_softmax_slopes(number_of(logits_RV), slopes, stream_of(logits_RV)));
}

}  // namespace unpact::kernels
#else
namespace unpact::kernels {

at::Tensor cuda::log_sum_exp(const at::Tensor&) { UNPACT_EXPECT(false); }

void cuda::log_softmax_slopes(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  UNPACT_EXPECT(false);
}

}  // namespace unpact::kernels
#endif
