#include "../node.hpp"
#include "forms.hpp"
#include "unpact/kernels/matrix_product.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edges: x, then weight and bias of each projection. Saved: x and the weights.
class LinearsNode final : public OperationNode {
 public:
  LinearsNode(const at::Tensor& x, std::span<const Projection> projections)
      : OperationNode({x.detach()}), shape_(x.sizes().vec()), projections_(projections.begin(), projections.end()) {}

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    variable_list results(1 + 2 * projections_.size());
    const auto x_RD = as_rows(saved(0));
    at::Tensor x_gradient_RD;
    for (std::size_t i = 0; i < projections_.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const auto gradient_RN = as_rows(gradients[i]);
      const auto& [weight_ND, bias_N] = projections_[i];
      if (task_should_compute_output(0)) {
        if (x_gradient_RD.defined()) add_multiplied_rows(x_gradient_RD, gradient_RN, weight_ND);
        else x_gradient_RD = multiply_rows(gradient_RN, weight_ND);
      }
      if (task_should_compute_output(1 + 2 * i)) results[1 + 2 * i] = weight_gradient(weight_ND, gradient_RN, x_RD);
      if (bias_N.defined() && task_should_compute_output(2 + 2 * i))
        results[2 + 2 * i] = collected(bias_N, gradient_RN.sum(0));
    }
    if (x_gradient_RD.defined()) results[0] = x_gradient_RD.view(shape_);
    return results;
  }

  void release_variables() override {
    OperationNode::release_variables();
    projections_.clear();
  }
  std::string name() const override { return "LinearsNode"; }

 private:
  static at::Tensor weight_gradient(const at::Tensor& weight_ND, const at::Tensor& gradient_RN, const at::Tensor& x_RD) {
    const bool in_place = collects(weight_ND);
    const auto sum_ND = in_place ? weight_ND.mutable_grad() : at::zeros(weight_ND.sizes(), x_RD.options());
    add_outer_products(sum_ND, gradient_RN, x_RD);
    return in_place ? at::Tensor() : sum_ND;
  }

  std::vector<std::int64_t> shape_;
  std::vector<Projection> projections_;
};

void record_linears(const at::Tensor& x, std::span<const Projection> projections, const variable_list& outputs) {
  variable_list inputs{x};
  for (const auto& [weight_ND, bias_N] : projections) {
    inputs.push_back(weight_ND);
    inputs.push_back(bias_N);
  }
  record<LinearsNode>(inputs, outputs, x, projections);
}

}  // namespace

std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections) {
  variable_list outputs;
  {
    const c10::NoGradGuard guard;
    for (const auto& projection : projections) outputs.push_back(cpu::linear(x, projection));
  }
  record_linears(x, projections, outputs);
  return outputs;
}

at::Tensor graph_of_linear(const at::Tensor& x, const Projection& projection) {
  auto shape = x.sizes().vec();
  shape.back() = projection.weight_ND.size(0);
  const auto output = at::zeros({}, x.options().requires_grad(false)).expand(shape).detach();
  record_linears(x, {&projection, 1}, {output});
  return output;
}

}  // namespace unpact::kernels::node
