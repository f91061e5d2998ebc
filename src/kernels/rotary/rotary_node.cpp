#include "../node.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edge: x. Saved: cosines and sines.
class RotationNode final : public OperationNode {
 public:
  using OperationNode::OperationNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    const auto turned_BSHd = gradients[0].clone(at::MemoryFormat::Contiguous);
    turn(turned_BSHd, saved(0), saved(1), -1.0F);
    return {turned_BSHd};
  }
  std::string name() const override { return "RotationNode"; }

  static void turn(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd, float sign) {
    if (x_BSHd.is_cuda())
      return cuda::rotate(x_BSHd.flatten(0, 1), cosine_Sd.flatten(0, -2), sine_Sd.flatten(0, -2), {}, sign);
    const auto positions = x_BSHd.size(1), rows = x_BSHd.size(0) * positions;
    cpu::rotate(writable(x_BSHd), data(cosine_Sd), data(sine_Sd), nullptr, rows, positions, x_BSHd.size(2), x_BSHd.size(3),
                sign);
  }
};

}  // namespace

at::Tensor rotate(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd) {
  UNPACT_EXPECT(x_BSHd.is_contiguous() && x_BSHd.dim() == 4 && cosine_Sd.is_contiguous() && sine_Sd.is_contiguous());
  UNPACT_EXPECT(cosine_Sd.numel() == x_BSHd.size(1) * x_BSHd.size(3) && sine_Sd.numel() == cosine_Sd.numel());
  const auto turned_BSHd = x_BSHd.detach();
  RotationNode::turn(turned_BSHd, cosine_Sd, sine_Sd, 1.0F);
  record<RotationNode>({x_BSHd}, {turned_BSHd}, std::vector<at::Tensor>{cosine_Sd, sine_Sd});
  return turned_BSHd;
}

}  // namespace unpact::kernels::node
