#include <ATen/ATen.h>

#include "forms.hpp"

namespace unpact::kernels {

Form rotary_form(const at::Tensor& x, const at::Tensor& cosine) {
  return cosine.scalar_type() == at::kFloat ? form_of(x) : Form::reference;
}

at::Tensor reference::rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  const auto turned = at::cat({-halves[1], halves[0]}, -1);
  return x * cosine.to(x.scalar_type()) + turned * sine.to(x.scalar_type());
}

at::ScalarType angle_dtype(const at::TensorOptions& weights) {
  return weights.device().is_cuda() ? at::kFloat : c10::typeMetaToScalarType(weights.dtype());
}

Angles angles_of(const at::Tensor& positions, const at::Tensor& frequencies, at::ScalarType dtype) {
  const auto angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;
  const auto both = at::cat({angles, angles}, -1);
  return {both.cos().to(dtype), both.sin().to(dtype)};
}

Angles angle_table(std::int64_t count, const at::Tensor& frequencies, at::ScalarType dtype) {
  const auto positions = at::arange(count, at::TensorOptions().dtype(at::kFloat).device(frequencies.device()));
  const auto angles = positions.unsqueeze(-1) * frequencies;
  // Sines of float32 differ in the last bit with the place in a vector; those of float64, rounded, do not.
  const auto both = at::cat({angles, angles}, -1).to(at::kDouble);
  return {both.cos().to(dtype), both.sin().to(dtype)};
}

at::Tensor rotate(const at::Tensor& x_BSHd, const Angles& angles) {
  const auto& [cosine, sine] = angles;
  if (rotary_form(x_BSHd, cosine) == Form::reference) return reference::rotate(x_BSHd, cosine, sine);
  if (cosine.dim() == 3) return node::rotate(x_BSHd, cosine, sine);
  // Angles of each sequence: all tokens as one.
  const auto x_1PHd = x_BSHd.flatten(0, 1).unsqueeze(0);
  return node::rotate(x_1PHd, cosine.flatten(0, 1).contiguous(), sine.flatten(0, 1).contiguous()).view(x_BSHd.sizes());
}

at::Tensor rotate_rows(const at::Tensor& x_nHd, const Angles& table_Pd, const at::Tensor& positions_n) {
  const auto& [cosine_Pd, sine_Pd] = table_Pd;
  switch (rotary_form(x_nHd, cosine_Pd)) {
    case Form::cpu:
      cpu::rotate(x_nHd.mutable_data_ptr<float>(), cosine_Pd.const_data_ptr<float>(), sine_Pd.const_data_ptr<float>(),
                  positions_n.const_data_ptr<std::int64_t>(), x_nHd.size(0), cosine_Pd.size(0), x_nHd.size(1), x_nHd.size(2),
                  1.0F);
      return x_nHd;
    case Form::cuda: cuda::rotate(x_nHd, cosine_Pd, sine_Pd, positions_n, 1.0F); return x_nHd;
    default:
      return reference::rotate(x_nHd, cosine_Pd.index_select(0, positions_n).unsqueeze(1),
                               sine_Pd.index_select(0, positions_n).unsqueeze(1));
  }
}

}  // namespace unpact::kernels
