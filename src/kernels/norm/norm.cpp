#include <ATen/ATen.h>

#include "forms.hpp"

namespace unpact::kernels {

Form norm_form(const at::Tensor& x, const at::Tensor& weight_D) {
  if (is_plain(x) && is_plain(weight_D)) return records_gradients() ? Form::node : Form::cpu;
  return x.is_cuda() && weight_D.scalar_type() == x.scalar_type() ? Form::cuda : Form::reference;
}

at::Tensor reference::rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  const auto x32 = x.to(at::kFloat);
  const auto scale = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + epsilon);
  return (x32 * scale).to(x.scalar_type()) * weight_D;
}

/// One kernel each way. In half precision it rounds once, after the weight, where the reference rounds before it, too.
at::Tensor cuda::rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  return at::rms_norm(x, {x.size(-1)}, weight_D, epsilon);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon, const ResultMemory& memory) {
  const auto form = norm_form(x, weight_D);
  if (form == Form::node) return node::rms_norm(x, weight_D, epsilon);
  if (form == Form::cuda) return cuda::rms_norm(x, weight_D, epsilon);
  if (form == Form::reference) return reference::rms_norm(x, weight_D, epsilon);
  const auto out = memory ? memory(x.sizes(), x.options()) : at::empty_like(x);
  const auto width = x.size(-1);
  cpu::rms_norm(x.const_data_ptr<float>(), weight_D.const_data_ptr<float>(), out.mutable_data_ptr<float>(),
                x.numel() / width, width, epsilon);
  return out;
}

ForkedNorm forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  if (norm_form(x, weight_D) == Form::node) return node::forked_rms_norm(x, weight_D, epsilon);
  return {x, rms_norm(x, weight_D, epsilon)};
}

}  // namespace unpact::kernels
