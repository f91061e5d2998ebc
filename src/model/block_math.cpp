#include "block_math.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "cpu_kernels.hpp"
#include "rope.hpp"

namespace unpact::block_math {
bool fusable(const at::Tensor& x) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  if (fusable(x) && weight_D.scalar_type() == at::kFloat && weight_D.is_contiguous()) {
    auto out = at::empty_like(x);
    const auto width = x.size(-1);
    cpu::rms_norm(x.const_data_ptr<float>(), weight_D.const_data_ptr<float>(), out.mutable_data_ptr<float>(), x.numel() / width,
                  width, epsilon);
    return out;
  }
  const auto x32 = x.to(at::kFloat);
  const auto scale = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + epsilon);
  return (x32 * scale).to(x.scalar_type()) * weight_D;
}

at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms) return rms_norm(x, weight_D, config.norm_epsilon);
  return at::layer_norm(x, {x.size(-1)}, weight_D, bias_D, config.norm_epsilon);
}

Angles rotary_angles(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights) {
  const auto positions = at::arange(count, at::TensorOptions().dtype(at::kFloat).device(weights.device()));
  const auto angles = positions.unsqueeze(-1) * rotary_frequencies(config, weights.device());
  // Sines of float32 differ in the last bit with the place in a vector; those of float64, rounded, do not: tables of any
  // length agree.
  const auto both = at::cat({angles, angles}, -1).to(at::kDouble);
  const auto dtype = c10::typeMetaToScalarType(weights.dtype());
  return {both.cos().to(dtype), both.sin().to(dtype)};
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  const auto turned = at::cat({-halves[1], halves[0]}, -1);
  return x * cosine + turned * sine;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

void activate(Activation activation, at::Tensor& x) {
  if (activation == Activation::silu) {
    at::silu_(x);
  } else {
    at::gelu_(x, "tanh");
  }
}

void activate_product(Activation activation, at::Tensor& gate, const at::Tensor& up) {
  if (activation == Activation::silu && fusable(gate) && fusable(up)) {
    cpu::silu_product(gate.mutable_data_ptr<float>(), up.const_data_ptr<float>(), gate.numel());
  } else {
    activate(activation, gate);
    gate.mul_(up);
  }
}

at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x) {
  const auto act = [&](const at::Tensor& t) { return config.block.activation == Activation::silu ? at::silu(t) : at::gelu(t, "tanh"); };
  auto inner = linear(x, block.up_FD, block.up_bias_F);
  if (config.block.mlp == MlpKind::plain) {
    inner = act(inner);
  } else {
    auto gate = linear(x, block.gate_FD, block.gate_bias_F);
    if (fusable(gate)) {
      activate_product(config.block.activation, gate, inner);
      inner = gate;
    } else {
      inner = act(gate) * inner;
    }
  }
  return linear(inner, block.down_DF, block.down_bias_D);
}

}  // namespace unpact::block_math
