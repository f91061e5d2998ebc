#include "../node.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edges and saved: gate, up.
class SiluProductNode final : public OperationNode {
 public:
  using OperationNode::OperationNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor()};
    const auto gradient = gradients[0].contiguous();
    const auto gate_gradient = at::empty_like(gradient), up_gradient = at::empty_like(gradient);
    if (gradient.is_cuda()) {
      cuda::silu_product_backward(saved(0), saved(1), gradient, gate_gradient, up_gradient);
      return {gate_gradient, up_gradient};
    }
    cpu::silu_product_backward(data(saved(0)), data(saved(1)), data(gradient), writable(gate_gradient),
                               writable(up_gradient), gradient.numel());
    return {gate_gradient, up_gradient};
  }
  std::string name() const override { return "SiluProductNode"; }
};

}  // namespace

at::Tensor silu_product(const at::Tensor& gate, const at::Tensor& up) {
  UNPACT_EXPECT(gate.is_contiguous() && up.is_contiguous() && gate.sizes() == up.sizes());
  const auto out = at::empty(gate.sizes(), gate.options().requires_grad(false));
  if (gate.is_cuda()) {
    cuda::silu_product(gate.detach(), up.detach(), out);
  } else {
    cpu::silu_product(data(gate), data(up), writable(out), gate.numel());
  }
  record<SiluProductNode>({gate, up}, {out}, std::vector<at::Tensor>{gate.detach(), up.detach()});
  return out;
}

}  // namespace unpact::kernels::node
