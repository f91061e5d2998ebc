#include <ATen/ATen.h>

#include <algorithm>

#include "forms.hpp"
#include "unpact/kernels/graph_only.hpp"

namespace unpact::kernels {

namespace {

bool lies_in_rows(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 2 && x.stride(1) == 1;
}

bool row_product_fits(const at::Tensor& out_RN, const at::Tensor& x_RD, const Projection& projection) {
  return cpu::has_row_products() && lies_in_rows(out_RN) && lies_in_rows(x_RD) && lies_in_rows(projection.weight_ND) &&
         x_RD.size(1) > 0;
}

}  // namespace

Form linear_form(const at::Tensor& x, std::span<const Projection> projections) {
  const auto fits = [](const Projection& p) { return p.weight_ND.is_cpu() && p.weight_ND.scalar_type() == at::kFloat; };
  const bool all_fit = is_plain(x) && std::all_of(projections.begin(), projections.end(), fits);
  return all_fit && records_gradients() ? Form::node : Form::reference;
}

at::Tensor reference::linear(const at::Tensor& x, const Projection& projection) {
  const auto& [weight_ND, bias_N] = projection;
  return bias_N.defined() ? at::linear(x, weight_ND, bias_N) : at::linear(x, weight_ND);
}

at::Tensor linear(const at::Tensor& x, const Projection& projection) { return linears(x, {&projection, 1}).front(); }

std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections) {
  if (linear_form(x, projections) == Form::node) return node::linears(x, projections);
  std::vector<at::Tensor> outputs;
  for (const auto& projection : projections) outputs.push_back(reference::linear(x, projection));
  return outputs;
}

at::Tensor last_linear(const at::Tensor& x, const Projection& projection) {
  if (GraphOnly::active() && linear_form(x, {&projection, 1}) == Form::node) return node::graph_of_linear(x, projection);
  return linear(x, projection);
}

at::Tensor linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection) {
  const auto& [weight_ND, bias_N] = projection;
  auto out = memory({x_RD.size(0), weight_ND.size(0)}, x_RD.options());
  return bias_N.defined() ? at::addmm_out(out, bias_N, x_RD, weight_ND.t()) : at::mm_out(out, x_RD, weight_ND.t());
}

void add_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection) {
  sum_RN.addmm_(x_RD, projection.weight_ND.t());
  if (projection.bias_N.defined()) sum_RN.add_(projection.bias_N);
}

at::Tensor row_linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection) {
  auto out = memory({x_RD.size(0), projection.weight_ND.size(0)}, x_RD.options());
  if (!row_product_fits(out, x_RD, projection))
    return linear_in([&](at::IntArrayRef, const at::TensorOptions&) { return out; }, x_RD, projection);
  cpu::row_product(out, x_RD, projection, /*adds=*/false);
  return out;
}

void add_row_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection) {
  if (row_product_fits(sum_RN, x_RD, projection)) return cpu::row_product(sum_RN, x_RD, projection, /*adds=*/true);
  add_linear(sum_RN, x_RD, projection);
}

}  // namespace unpact::kernels
