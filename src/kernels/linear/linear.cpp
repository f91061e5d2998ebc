#include <ATen/ATen.h>

#include <algorithm>

#include "forms.hpp"
#include "unpact/kernels/graph_only.hpp"
#include "unpact/kernels/matrix_product.hpp"

namespace unpact::kernels {

namespace {

bool lies_in_rows(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 2 && x.stride(1) == 1;
}

}  // namespace

bool cpu::row_product_fits(const at::Tensor& out_RN, const at::Tensor& x_RD, const at::Tensor& weight_ND) {
  return has_row_products() && lies_in_rows(out_RN) && lies_in_rows(x_RD) && lies_in_rows(weight_ND) && x_RD.size(1) > 0;
}

Form linear_form(const at::Tensor& x, std::span<const Projection> projections) {
  const auto fits = [](const Projection& p) { return p.weight_ND.is_cpu() && p.weight_ND.scalar_type() == at::kFloat; };
  const bool all_fit = is_plain(x) && std::all_of(projections.begin(), projections.end(), fits);
  if (!all_fit) return Form::reference;
  return records_gradients() ? Form::node : Form::cpu;
}

at::Tensor reference::linear(const at::Tensor& x, const Projection& projection) {
  const auto& [weight_ND, bias_N] = projection;
  return bias_N.defined() ? at::linear(x, weight_ND, bias_N) : at::linear(x, weight_ND);
}

at::Tensor cpu::linear(const at::Tensor& x, const Projection& projection) {
  auto shape = x.sizes().vec();
  shape.back() = projection.weight_ND.size(0);
  const auto out = at::empty(shape, x.options().requires_grad(false));
  linear_in(
      [&](at::IntArrayRef, const at::TensorOptions&) {
        return out.view({-1, out.size(-1)});
      },
      x.view({-1, x.size(-1)}), projection);
  return out;
}

at::Tensor linear(const at::Tensor& x, const Projection& projection) { return linears(x, {&projection, 1}).front(); }

std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections) {
  const auto form = linear_form(x, projections);
  if (form == Form::node) return node::linears(x, projections);
  std::vector<at::Tensor> outputs;
  for (const auto& projection : projections)
    outputs.push_back(form == Form::cpu ? cpu::linear(x, projection) : reference::linear(x, projection));
  return outputs;
}

at::Tensor last_linear(const at::Tensor& x, const Projection& projection) {
  if (GraphOnly::active() && linear_form(x, {&projection, 1}) == Form::node) return node::graph_of_linear(x, projection);
  return linear(x, projection);
}

at::Tensor linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection) {
  const auto& [weight_ND, bias_N] = projection;
  auto out = memory({x_RD.size(0), weight_ND.size(0)}, x_RD.options());
  if (bias_N.defined()) add_multiplied_rows(out.copy_(bias_N.expand_as(out)), x_RD, weight_ND.t());
  else multiply_rows(out, x_RD, weight_ND.t());
  return out;
}

void add_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection) {
  add_multiplied_rows(sum_RN, x_RD, projection.weight_ND.t());
  if (projection.bias_N.defined()) sum_RN.add_(projection.bias_N);
}

at::Tensor row_linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection) {
  auto out = memory({x_RD.size(0), projection.weight_ND.size(0)}, x_RD.options());
  if (!cpu::row_product_fits(out, x_RD, projection.weight_ND))
    return linear_in([&](at::IntArrayRef, const at::TensorOptions&) { return out; }, x_RD, projection);
  cpu::row_product(out, x_RD, projection, /*adds=*/false);
  return out;
}

void add_row_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection) {
  if (cpu::row_product_fits(sum_RN, x_RD, projection.weight_ND))
    return cpu::row_product(sum_RN, x_RD, projection, /*adds=*/true);
  add_linear(sum_RN, x_RD, projection);
}

}  // namespace unpact::kernels
