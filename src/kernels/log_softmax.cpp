#include "unpact/kernels/log_softmax.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "unpact/kernels/cpu_kernels.hpp"
#include "unpact/kernels/cuda_pointwise.hpp"
#include "unpact/kernels/training_kernels.hpp"

namespace unpact {
namespace {

bool plain(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(); }

/// The definition, in float32.
void composed_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                       const at::Tensor& gradients_R) {
  logits_RV.sub_(normalizers_R.unsqueeze(1)).exp_().mul_(-gradients_R.unsqueeze(1));
  const auto rows_R = at::arange(logits_RV.size(0), targets_R.options());
  logits_RV.index_put_({rows_R, targets_R}, gradients_R.to(logits_RV.scalar_type()), /*accumulate=*/true);
}

}  // namespace

at::Tensor log_normalizers(const at::Tensor& logits_RV) {
  const c10::NoGradGuard guard;
  if (cuda::fits(logits_RV)) return cuda::log_sum_exp(logits_RV);
  if (!plain(logits_RV)) return logits_RV.to(at::kFloat).logsumexp(1);
  const auto out_R = at::empty({logits_RV.size(0)}, logits_RV.options().requires_grad(false));
  cpu::log_sum_exp(logits_RV.const_data_ptr<float>(), out_R.mutable_data_ptr<float>(), logits_RV.size(0), logits_RV.size(1));
  return out_R;
}

void log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                          const at::Tensor& gradients_R) {
  const c10::NoGradGuard guard;
  const auto gradients = gradients_R.contiguous(), targets = targets_R.contiguous();
  if (plain(logits_RV) && plain(normalizers_R)) {
    cpu::log_probability_slopes(logits_RV.mutable_data_ptr<float>(), normalizers_R.const_data_ptr<float>(),
                                targets.const_data_ptr<std::int64_t>(), gradients.const_data_ptr<float>(), logits_RV.size(0),
                                logits_RV.size(1));
  } else if (cuda::fits(logits_RV)) {
    cuda::log_softmax_slopes(logits_RV, normalizers_R, targets, gradients);
  } else if (logits_RV.scalar_type() == at::kFloat) {
    composed_gradient(logits_RV, normalizers_R, targets, gradients);
  } else {
    auto wide_RV = logits_RV.to(at::kFloat);
    composed_gradient(wide_RV, normalizers_R, targets, gradients);
    logits_RV.copy_(wide_RV);
  }
}

}  // namespace unpact
