#include "unpact/model/block_math.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <optional>

#include "unpact/kernels/cpu_kernels.hpp"
#include "unpact/kernels/cuda_pointwise.hpp"
#include "unpact/kernels/fused_nodes.hpp"
#include "rope.hpp"
#include "unpact/kernels/graph_only.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact::block_math {
namespace {

bool is_plain(const at::Tensor& weight_D) { return weight_D.scalar_type() == at::kFloat && weight_D.is_contiguous(); }

}  // namespace

bool fusable(const at::Tensor& x) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  if (fusable(x) && is_plain(weight_D)) {
    auto out = at::empty_like(x);
    const auto width = x.size(-1);
    cpu::rms_norm(x.const_data_ptr<float>(), weight_D.const_data_ptr<float>(), out.mutable_data_ptr<float>(), x.numel() / width,
                  width, epsilon);
    return out;
  }
  if (fused::applies(x) && is_plain(weight_D)) return fused::rms_norm(x, weight_D, epsilon);
  // One kernel each way. In half precision it rounds once, behind the weight, where the composed one rounds before it, too.
  if (x.is_cuda() && weight_D.scalar_type() == x.scalar_type()) return at::rms_norm(x, {x.size(-1)}, weight_D, epsilon);
  return composed_rms_norm(x, weight_D, epsilon);
}

at::Tensor composed_rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double epsilon) {
  const auto x32 = x.to(at::kFloat);
  const auto scale = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + epsilon);
  return (x32 * scale).to(x.scalar_type()) * weight_D;
}

at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms) return rms_norm(x, weight_D, config.norm_epsilon);
  return at::layer_norm(x, {x.size(-1)}, weight_D, bias_D, config.norm_epsilon);
}

Fork forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms && fused::applies(x) && is_plain(weight_D)) {
    auto [residual, normed] = fused::forked_rms_norm(x, weight_D, config.norm_epsilon);
    return {std::move(residual), std::move(normed)};
  }
  return {x, normalized(config, x, weight_D, bias_D)};
}

at::ScalarType angle_dtype(const at::TensorOptions& weights) {
  return weights.device().is_cuda() ? at::kFloat : c10::typeMetaToScalarType(weights.dtype());
}

Angles rotary_angles(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights) {
  const auto positions = at::arange(count, at::TensorOptions().dtype(at::kFloat).device(weights.device()));
  const auto angles = positions.unsqueeze(-1) * rotary_frequencies(config, weights.device());
  const auto dtype = angle_dtype(weights);
  // Sines of float32 differ in the last bit with the place in a vector; those of float64, rounded, do not: tables of any
  // length agree.
  const auto both = at::cat({angles, angles}, -1).to(at::kDouble);
  return {both.cos().to(dtype), both.sin().to(dtype)};
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  const auto turned = at::cat({-halves[1], halves[0]}, -1);
  return x * cosine.to(x.scalar_type()) + turned * sine.to(x.scalar_type());
}

at::Tensor rotate_in_place(const at::Tensor& x_BSHd, const at::Tensor& cosine, const at::Tensor& sine) {
  const bool fits = fusable(x_BSHd) || fused::applies(x_BSHd) || cuda::fits(x_BSHd);
  if (cosine.scalar_type() != at::kFloat || !fits) return rotate(x_BSHd, cosine, sine);
  if (cosine.dim() == 3) return fused::rotate_in_place(x_BSHd, cosine, sine);
  // Angles of each sequence: all tokens as one.
  const auto x_1PHd = x_BSHd.flatten(0, 1).unsqueeze(0);
  return fused::rotate_in_place(x_1PHd, cosine.flatten(0, 1).contiguous(), sine.flatten(0, 1).contiguous()).view(x_BSHd.sizes());
}

at::Tensor share_heads(const at::Tensor& x_BGSd, std::int64_t heads) {
  const auto groups = x_BGSd.size(1), repeats = heads / groups;
  if (repeats == 1) return x_BGSd;
  return x_BGSd.unsqueeze(2)
      .expand({-1, -1, repeats, -1, -1})
      .reshape({x_BGSd.size(0), heads, x_BGSd.size(2), x_BGSd.size(3)});
}

at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd, const at::Tensor& mask) {
  const auto query_BSHd = query_BHSd.transpose(1, 2), keys_BKGd = keys_BGKd.transpose(1, 2), values_BKGd = values_BGKd.transpose(1, 2);
  const bool fits = keys_BKGd.size(1) == query_BSHd.size(1) && keys_BKGd.is_contiguous() && values_BKGd.is_contiguous();
  const bool as_in_training = fused::applies(query_BSHd) || (TrainingBits::active() && fusable(query_BSHd));
  if (!mask.defined() && fits && as_in_training) return fused::causal_attention(query_BSHd, keys_BKGd, values_BKGd).transpose(1, 2);
  std::optional<at::Tensor> seen;
  if (mask.defined()) seen = mask;
  const auto heads = query_BHSd.size(1);
  // FlashAttention shares heads without copies; it takes no mask and no float32.
  const bool shares = query_BHSd.is_cuda() && query_BHSd.scalar_type() != at::kFloat && !mask.defined();
  if (shares)
    return at::scaled_dot_product_attention(query_BHSd, keys_BGKd, values_BGKd, seen, /*dropout_p=*/0.0, /*is_causal=*/true,
                                            /*scale=*/std::nullopt, /*enable_gqa=*/keys_BGKd.size(1) != heads);
  return at::scaled_dot_product_attention(query_BHSd, share_heads(keys_BGKd, heads), share_heads(values_BGKd, heads), seen,
                                          /*dropout_p=*/0.0, /*is_causal=*/!mask.defined());
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return linears(x, {{weight, bias}}).front();
}

namespace {

bool fits(const fused::Projection& p) { return p.weight_ND.is_cpu() && p.weight_ND.scalar_type() == at::kFloat; }

/// The product that ends a block.
at::Tensor last_linear(const at::Tensor& x, const fused::Projection& projection) {
  if (GraphOnly::active() && fused::applies(x) && fits(projection)) return fused::graph_of_linear(x, projection);
  return linear(x, projection.weight_ND, projection.bias_N);
}

}  // namespace

std::vector<at::Tensor> linears(const at::Tensor& x, const std::vector<fused::Projection>& projections) {
  if (fused::applies(x) && std::all_of(projections.begin(), projections.end(), fits)) return fused::linears(x, projections);
  std::vector<at::Tensor> outputs;
  for (const auto& [weight, bias] : projections) outputs.push_back(composed_linear(x, weight, bias));
  return outputs;
}

at::Tensor composed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
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
  } else if (activation == Activation::silu && cuda::fits(gate) && cuda::fits(up)) {
    cuda::silu_product(gate, up, gate);
  } else {
    activate(activation, gate);
    gate.mul_(up);
  }
}

at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x) {
  const bool silu = config.block.activation == Activation::silu;
  const auto act = [&](const at::Tensor& t) { return silu ? at::silu(t) : at::gelu(t, "tanh"); };
  if (config.block.mlp == MlpKind::plain)
    return last_linear(act(linear(x, block.up_FD, block.up_bias_F)), {block.down_DF, block.down_bias_D});
  auto both = linears(x, {{block.gate_FD, block.gate_bias_F}, {block.up_FD, block.up_bias_F}});
  auto &gate = both[0], &up = both[1];
  at::Tensor inner;
  if (fusable(gate)) {
    activate_product(config.block.activation, gate, up);
    inner = gate;
  } else if (silu && ((fused::applies(gate) && fused::applies(up)) || (cuda::fits(gate) && cuda::fits(up)))) {
    inner = fused::silu_product(gate, up);
  } else {
    inner = act(gate) * up;
  }
  return last_linear(inner, {block.down_DF, block.down_bias_D});
}

}  // namespace unpact::block_math
