#include "../node.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edges: x, weight. Saved: the same. Outputs: the norm, and where it is forked before that x itself.
class RmsNormNode final : public OperationNode {
 public:
  RmsNormNode(const at::Tensor& x, const at::Tensor& weight_D, double epsilon)
      : OperationNode({x.detach(), weight_D}), epsilon_(epsilon) {}

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    const auto residual = gradients.size() == 2 && gradients[0].defined() ? gradients[0].contiguous() : at::Tensor();
    if (!gradients.back().defined()) return {residual, at::Tensor()};
    const auto &x = saved(0), &weight_D = saved(1);
    const auto gradient = gradients.back().contiguous();
    at::Tensor x_gradient, weight_gradient_D;
    const bool in_place = collects(weight_D);
    if (task_should_compute_output(0)) x_gradient = at::empty_like(x);
    if (task_should_compute_output(1)) weight_gradient_D = in_place ? weight_D.mutable_grad() : at::zeros_like(weight_D);
    const auto width = x.size(-1);
    cpu::rms_norm_backward({data(x), data(weight_D), data(gradient), residual.defined() ? data(residual) : nullptr,
                            x_gradient.defined() ? writable(x_gradient) : nullptr,
                            weight_gradient_D.defined() ? writable(weight_gradient_D) : nullptr, x.numel() / width, width,
                            epsilon_});
    return {x_gradient, in_place ? at::Tensor() : weight_gradient_D};
  }
  std::string name() const override { return "RmsNormNode"; }

 private:
  double epsilon_;
};

at::Tensor norm_of(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  UNPACT_EXPECT(x.is_contiguous() && weight_D.is_contiguous() && weight_D.numel() == x.size(-1));
  const auto out = at::empty(x.sizes(), x.options().requires_grad(false));
  cpu::rms_norm(data(x), data(weight_D), writable(out), x.numel() / x.size(-1), x.size(-1), epsilon);
  return out;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  const auto out = norm_of(x, weight_D, epsilon);
  record<RmsNormNode>({x, weight_D}, {out}, x, weight_D, epsilon);
  return out;
}

ForkedNorm forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  ForkedNorm fork{x.detach(), norm_of(x, weight_D, epsilon)};
  record<RmsNormNode>({x, weight_D}, {fork.residual, fork.normed}, x, weight_D, epsilon);
  return fork;
}

}  // namespace unpact::kernels::node
