#include "fused_node.hpp"
#include "unpact/kernels/fused_nodes.hpp"
#include "unpact/core/error.hpp"

namespace unpact::fused {
namespace {

using torch::autograd::variable_list;

at::Tensor as_rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

/// Edges: x, then weight and bias of each projection. Saved: x and the weights.
class LinearsNode final : public FusedNode {
 public:
  LinearsNode(const at::Tensor& x, std::span<const Projection> projections)
      : FusedNode({x.detach()}), shape_(x.sizes().vec()), projections_(projections.begin(), projections.end()) {}

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
        if (x_gradient_RD.defined()) x_gradient_RD.addmm_(gradient_RN, weight_ND);
        else x_gradient_RD = at::mm(gradient_RN, weight_ND);
      }
      if (task_should_compute_output(1 + 2 * i)) results[1 + 2 * i] = weight_gradient(weight_ND, gradient_RN, x_RD);
      if (bias_N.defined() && task_should_compute_output(2 + 2 * i))
        results[2 + 2 * i] = collected(bias_N, gradient_RN.sum(0));
    }
    if (x_gradient_RD.defined()) results[0] = x_gradient_RD.view(shape_);
    return results;
  }

  void release_variables() override {
    FusedNode::release_variables();
    projections_.clear();
  }
  std::string name() const override { return "LinearsNode"; }

 private:
  static at::Tensor weight_gradient(const at::Tensor& weight_ND, const at::Tensor& gradient_RN, const at::Tensor& x_RD) {
    if (!collects(weight_ND)) return at::mm(gradient_RN.t(), x_RD);
    weight_ND.mutable_grad().addmm_(gradient_RN.t(), x_RD);
    return {};
  }

  std::vector<std::int64_t> shape_;
  std::vector<Projection> projections_;
};

/// Edge: the table. Saved: table and tokens.
class EmbeddingNode final : public FusedNode {
 public:
  using FusedNode::FusedNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    const auto& table_VD = saved(0);
    const auto gradient_RD = as_rows(gradients[0]).contiguous();
    auto sum_VD = collects(table_VD) ? table_VD.mutable_grad() : at::zeros_like(table_VD);
    add_rows(sum_VD, saved(1).flatten().contiguous(), gradient_RD);
    return {collects(table_VD) ? at::Tensor() : sum_VD};
  }
  std::string name() const override { return "EmbeddingNode"; }

 private:
  /// In the order of the rows: tokens may repeat, and the sum must not depend on threads.
  static void add_rows(at::Tensor& sum_VD, const at::Tensor& tokens_R, const at::Tensor& rows_RD) {
    const auto width = rows_RD.size(1);
    const auto* const tokens = tokens_R.const_data_ptr<std::int64_t>();
    const float* from = rows_RD.const_data_ptr<float>();
    float* const sums = sum_VD.mutable_data_ptr<float>();
    for (std::int64_t row = 0; row < rows_RD.size(0); ++row, from += width) {
      float* const to = sums + tokens[row] * width;
      for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
    }
  }
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

bool applies(const at::Tensor& x) {
  return c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
}

at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens) {
  UNPACT_EXPECT(applies(table_VD));
  auto rows = [&] {
    const c10::NoGradGuard guard;
    return at::embedding(table_VD, tokens);  // refuses tokens outside the table
  }();
  record<EmbeddingNode>({table_VD}, {rows}, std::vector<at::Tensor>{table_VD, tokens});
  return rows;
}

std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections) {
  variable_list outputs;
  {
    const c10::NoGradGuard guard;
    for (const auto& [weight_ND, bias_N] : projections)
      outputs.push_back(bias_N.defined() ? at::linear(x, weight_ND, bias_N) : at::linear(x, weight_ND));
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

}  // namespace unpact::fused
