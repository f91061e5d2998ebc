#include "unpact/model/block_math.hpp"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

#include "rope.hpp"
#include "unpact/kernels/embedding.hpp"
#include "unpact/kernels/linear.hpp"

namespace unpact::block_math {
namespace {

at::Tensor scale_of_norm(const ModelConfig& config, const at::Tensor& weight_D) {
  return config.block.norm_plus_one ? weight_D + 1 : weight_D;
}

/// Half a precision would lose most of a small weight beside the 1.
bool scales_in_float(const ModelConfig& config, const at::Tensor& weight_D) {
  return config.block.norm_plus_one && weight_D.scalar_type() != at::kFloat;
}

}  // namespace

at::Tensor embedded(const ModelConfig& config, const Weights& weights, const at::Tensor& tokens) {
  const auto x = kernels::embedding(weights.embedding_VD, tokens);
  if (!config.block.scaled_embedding) return x;
  return x * at::scalar_tensor(std::sqrt(static_cast<double>(config.hidden_size)), x.options().requires_grad(false));
}

at::Tensor final_hidden(const ModelConfig& config, const Weights& weights, const at::Tensor& x) {
  const auto normed =
      config.block.no_final_norm ? x : normalized(config, x, weights.final_norm_D, weights.final_norm_bias_D);
  return config.block.head_bias ? at::constant_pad_nd(normed, {0, 1}, 1) : normed;
}

at::Tensor scaled_queries(const ModelConfig& config, const at::Tensor& query) {
  const auto factor = config.query_factor();
  return factor == 1 ? query : query * factor;
}

kernels::ScoreRule score_rule(const ModelConfig& config, std::int64_t layer) {
  return {config.window_of(layer), config.block.score_cap};
}

at::Tensor heads_of(const ModelConfig& config, const at::Tensor& projected, std::int64_t heads, const at::Tensor& norm) {
  const bool whole = norm.defined() && config.block.query_key_norm == HeadNorm::whole;
  const auto x = whole ? normalized(config, projected, norm, {}) : projected;
  const auto split = x.unflatten(-1, {heads, config.head_dim});
  return norm.defined() && !whole ? normalized(config, split, norm, {}) : split;
}

bool normalizes_before(const ModelConfig& config) {
  return config.block.norm_place == NormPlace::before || config.block.norm_place == NormPlace::around;
}

bool normalizes_behind(const ModelConfig& config) { return config.block.norm_place != NormPlace::before; }

NormBehind norm_behind_attention(const ModelConfig& config, const BlockWeights& block) {
  if (config.block.norm_place == NormPlace::around) return {block.attention_output_norm_D, block.attention_norm_bias_D};
  return {block.attention_norm_D, block.attention_norm_bias_D};
}

NormBehind norm_behind_mlp(const ModelConfig& config, const BlockWeights& block) {
  if (config.block.norm_place == NormPlace::around) return {block.mlp_output_norm_D, block.mlp_norm_bias_D};
  return {block.mlp_norm_D, block.mlp_norm_bias_D};
}

at::Tensor joined(const ModelConfig& config, const at::Tensor& residual, const at::Tensor& given, const NormBehind& norm) {
  if (!normalizes_behind(config)) return residual + given;
  if (config.block.norm_place == NormPlace::of_sum) return normalized(config, residual + given, norm.weight_D, norm.bias_D);
  return residual + normalized(config, given, norm.weight_D, norm.bias_D);
}

at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D,
                      const kernels::ResultMemory& memory) {
  if (scales_in_float(config, weight_D))
    return kernels::rms_norm(x.to(at::kFloat), weight_D.to(at::kFloat) + 1, config.norm_epsilon).to(x.scalar_type());
  if (config.block.norm == NormKind::rms)
    return kernels::rms_norm(x, scale_of_norm(config, weight_D), config.norm_epsilon, memory);
  return at::layer_norm(x, {x.size(-1)}, weight_D, bias_D, config.norm_epsilon);
}

kernels::ForkedNorm forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D,
                                const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms && !scales_in_float(config, weight_D))
    return kernels::forked_rms_norm(x, scale_of_norm(config, weight_D), config.norm_epsilon);
  return {x, normalized(config, x, weight_D, bias_D)};
}

kernels::Activation activation_of(const BlockDescription& block) {
  if (block.activation == Activation::silu) return kernels::Activation::silu;
  if (block.activation == Activation::relu) return kernels::Activation::relu;
  return block.activation == Activation::gelu ? kernels::Activation::gelu : kernels::Activation::gelu_tanh;
}

at::Tensor routed(const ModelConfig& config, const at::Tensor& router_logits, const at::Tensor& inner) {
  const auto likely = router_logits.to(at::kFloat).softmax(-1);
  const auto [chosen, experts] = likely.topk(config.block.experts_per_token, -1);
  const auto parts = chosen / chosen.sum(-1, /*keepdim=*/true);
  const auto shares = at::zeros_like(likely).scatter(-1, experts, parts).to(inner.scalar_type());
  return (inner.unflatten(-1, {config.block.experts, -1}) * shares.unsqueeze(-1)).flatten(-2);
}

kernels::Angles rotary_table(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights, bool local) {
  return kernels::angle_table(count, rotary_frequencies(config, weights.device(), local), kernels::angle_dtype(weights),
                              config.rope_scaling.attention_factor);
}

at::Tensor adapted(const ModelConfig& config, const BlockWeights& block, Projected which, const at::Tensor& x,
                   const at::Tensor& product) {
  const auto& [down_RI, up_OR] = block.adapters[static_cast<std::size_t>(which)];
  if (!down_RI.defined()) return product;
  return product + config.adapters.scale() * kernels::linear(kernels::linear(x, {down_RI, {}}), {up_OR, {}});
}

at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x) {
  const auto activation = activation_of(config.block);
  const auto last = normalizes_behind(config) ? kernels::linear : kernels::last_linear;  // a norm needs the product's value
  const kernels::Projection up{block.up_FD, block.up_bias_F}, down{block.down_DF, block.down_bias_D};
  const auto to_output = [&](const at::Tensor& inner) {
    return adapted(config, block, Projected::down, inner, last(inner, down));
  };
  if (config.block.mlp == MlpKind::plain)
    return to_output(kernels::activated(activation, adapted(config, block, Projected::up, x, kernels::linear(x, up))));
  const auto both = kernels::linears(x, std::array{kernels::Projection{block.gate_FD, block.gate_bias_F}, up});
  const auto inner = kernels::gated_product(activation, adapted(config, block, Projected::gate, x, both[0]),
                                            adapted(config, block, Projected::up, x, both[1]));
  if (config.block.experts == 0) return to_output(inner);
  return to_output(routed(config, kernels::linear(x, {block.router_ED, {}}), inner));
}

}  // namespace unpact::block_math
