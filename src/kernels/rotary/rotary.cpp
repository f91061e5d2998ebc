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

namespace {

Angles scaled(const at::Tensor& angles, at::ScalarType dtype, double scale) {
  if (scale == 1.0) return {angles.cos().to(dtype), angles.sin().to(dtype)};
  return {(angles.cos() * scale).to(dtype), (angles.sin() * scale).to(dtype)};
}

/// Turns the first channels with `turn`, which gets them in memory of their own; the others stay.
template <class Turn>
at::Tensor turn_first(const at::Tensor& x, std::int64_t turned, const Turn& turn) {
  const auto rest = x.size(-1) - turned;
  return at::cat({turn(x.narrow(-1, 0, turned).contiguous()), x.narrow(-1, turned, rest)}, -1);
}

}  // namespace

Angles angles_of(const at::Tensor& positions, const at::Tensor& frequencies, at::ScalarType dtype, double scale) {
  const auto angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;
  return scaled(at::cat({angles, angles}, -1), dtype, scale);
}

Angles angle_table(std::int64_t count, const at::Tensor& frequencies, at::ScalarType dtype, double scale) {
  const auto positions = at::arange(count, at::TensorOptions().dtype(at::kFloat).device(frequencies.device()));
  const auto angles = positions.unsqueeze(-1) * frequencies;
  // Sines of float32 differ in the last bit with the place in a vector; those of float64, rounded, do not.
  return scaled(at::cat({angles, angles}, -1).to(at::kDouble), dtype, scale);
}

at::Tensor rotate(const at::Tensor& x_BSHd, const Angles& angles) {
  const auto& [cosine, sine] = angles;
  if (cosine.size(-1) < x_BSHd.size(-1))
    return turn_first(x_BSHd, cosine.size(-1), [&](const at::Tensor& first) { return rotate(first, angles); });
  if (rotary_form(x_BSHd, cosine) == Form::reference) return reference::rotate(x_BSHd, cosine, sine);
  if (cosine.dim() == 3) return node::rotate(x_BSHd, cosine, sine);
  // Angles of each sequence: all tokens as one.
  const auto x_1PHd = x_BSHd.flatten(0, 1).unsqueeze(0);
  return node::rotate(x_1PHd, cosine.flatten(0, 1).contiguous(), sine.flatten(0, 1).contiguous()).view(x_BSHd.sizes());
}

at::Tensor rotate_rows(const at::Tensor& x_nHd, const Angles& table_Pd, const at::Tensor& positions_n) {
  const auto& [cosine_Pd, sine_Pd] = table_Pd;
  if (cosine_Pd.size(-1) < x_nHd.size(-1))
    return turn_first(x_nHd, cosine_Pd.size(-1),
                      [&](const at::Tensor& first) { return rotate_rows(first, table_Pd, positions_n); });
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
