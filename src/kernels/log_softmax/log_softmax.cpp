#include <ATen/ATen.h>

#include "forms.hpp"
#include "unpact/kernels/soft_cap.hpp"

namespace unpact::kernels {

Form log_softmax_form(const at::Tensor& logits_RV) {
  if (is_plain(logits_RV)) return Form::cpu;
  return cuda::fits(logits_RV) ? Form::cuda : Form::reference;
}

bool tiles_apply(const at::Tensor& hidden_RD, const at::Tensor& head_VD) {
  return is_plain(hidden_RD) && !records_gradients() && head_VD.scalar_type() == at::kFloat;
}

at::Tensor reference::log_normalizers(const at::Tensor& logits_RV) { return logits_RV.to(at::kFloat).logsumexp(1); }

void reference::log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                                     const at::Tensor& gradients_R) {
  if (logits_RV.scalar_type() != at::kFloat) {
    auto wide_RV = logits_RV.to(at::kFloat);
    reference::log_softmax_gradient(wide_RV, normalizers_R, targets_R, gradients_R);
    logits_RV.copy_(wide_RV);
    return;
  }
  logits_RV.sub_(normalizers_R.unsqueeze(1)).exp_().mul_(-gradients_R.unsqueeze(1));
  const auto rows_R = at::arange(logits_RV.size(0), targets_R.options());
  logits_RV.index_put_({rows_R, targets_R}, gradients_R, /*accumulate=*/true);
}

at::Tensor reference::target_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD,
                                               const at::Tensor& targets_R, double cap) {
  const auto logits_RV = soft_capped(at::linear(hidden_RD, head_VD), cap).to(at::kFloat);
  return logits_RV.log_softmax(1).gather(1, targets_R.unsqueeze(1)).squeeze(1);
}

at::Tensor log_normalizers(const at::Tensor& logits_RV) {
  const c10::NoGradGuard guard;
  const auto form = log_softmax_form(logits_RV);
  if (form == Form::cuda) return cuda::log_sum_exp(logits_RV);
  if (form == Form::reference) return reference::log_normalizers(logits_RV);
  const auto out_R = at::empty({logits_RV.size(0)}, logits_RV.options().requires_grad(false));
  cpu::log_sum_exp(logits_RV.const_data_ptr<float>(), out_R.mutable_data_ptr<float>(), logits_RV.size(0), logits_RV.size(1));
  return out_R;
}

void log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                          const at::Tensor& gradients_R) {
  const c10::NoGradGuard guard;
  const auto normalizers = normalizers_R.contiguous(), gradients = gradients_R.contiguous(),
             targets = targets_R.contiguous();
  switch (log_softmax_form(logits_RV)) {
    case Form::cpu:
      return cpu::log_probability_slopes(logits_RV.mutable_data_ptr<float>(), normalizers.const_data_ptr<float>(),
                                         targets.const_data_ptr<std::int64_t>(), gradients.const_data_ptr<float>(),
                                         logits_RV.size(0), logits_RV.size(1));
    case Form::cuda: return cuda::log_softmax_slopes(logits_RV, normalizers, targets, gradients);
    default: return reference::log_softmax_gradient(logits_RV, normalizers, targets, gradients);
  }
}

}  // namespace unpact::kernels
