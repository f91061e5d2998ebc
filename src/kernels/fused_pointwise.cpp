#include "unpact/kernels/cpu_kernels.hpp"
#include "unpact/kernels/cuda_pointwise.hpp"
#include "fused_node.hpp"
#include "unpact/kernels/fused_nodes.hpp"
#include "unpact/kernels/training_kernels.hpp"
#include "unpact/core/error.hpp"

namespace unpact::fused {
namespace {

using torch::autograd::variable_list;

const float* data(const at::Tensor& x) { return x.const_data_ptr<float>(); }
float* writable(const at::Tensor& x) { return x.mutable_data_ptr<float>(); }

/// Edges: x, weight. Saved: the same. Outputs: the norm, and where it is forked before that x itself.
class RmsNormNode final : public FusedNode {
 public:
  RmsNormNode(const at::Tensor& x, const at::Tensor& weight_D, double epsilon)
      : FusedNode({x.detach(), weight_D}), epsilon_(epsilon) {}

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

/// Edge: x. Saved: cosines and sines.
class RotationNode final : public FusedNode {
 public:
  using FusedNode::FusedNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    const auto turned_BSHd = gradients[0].clone(at::MemoryFormat::Contiguous);
    turn(turned_BSHd, saved(0), saved(1), -1.0F);
    return {turned_BSHd};
  }
  std::string name() const override { return "RotationNode"; }

  static void turn(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd, float sign) {
    if (x_BSHd.is_cuda()) return cuda::rotate(x_BSHd.flatten(0, 1), cosine_Sd.flatten(0, -2), sine_Sd.flatten(0, -2), {}, sign);
    const auto positions = x_BSHd.size(1), rows = x_BSHd.size(0) * positions;
    cpu::rotate_rows(writable(x_BSHd), data(cosine_Sd), data(sine_Sd), rows, positions, x_BSHd.size(2), x_BSHd.size(3), sign);
  }
};

/// Edges and saved: gate, up.
class SiluProductNode final : public FusedNode {
 public:
  using FusedNode::FusedNode;

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

Fork forked_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  Fork fork{x.detach(), norm_of(x, weight_D, epsilon)};
  record<RmsNormNode>({x, weight_D}, {fork.residual, fork.normed}, x, weight_D, epsilon);
  return fork;
}

at::Tensor rotate_in_place(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd) {
  UNPACT_EXPECT(x_BSHd.is_contiguous() && x_BSHd.dim() == 4 && cosine_Sd.is_contiguous() && sine_Sd.is_contiguous());
  UNPACT_EXPECT(cosine_Sd.numel() == x_BSHd.size(1) * x_BSHd.size(3) && sine_Sd.numel() == cosine_Sd.numel());
  const auto turned_BSHd = x_BSHd.detach();
  RotationNode::turn(turned_BSHd, cosine_Sd, sine_Sd, 1.0F);
  record<RotationNode>({x_BSHd}, {turned_BSHd}, std::vector<at::Tensor>{cosine_Sd, sine_Sd});
  return turned_BSHd;
}

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

}  // namespace unpact::fused
