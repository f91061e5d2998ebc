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

}  // namespace

at::Tensor embedded(const ModelConfig& config, const Weights& weights, const at::Tensor& tokens) {
  const auto x = kernels::embedding(weights.embedding_VD, tokens);
  if (!config.block.scaled_embedding) return x;
  return x * at::scalar_tensor(std::sqrt(static_cast<double>(config.hidden_size)), x.options().requires_grad(false));
}

at::Tensor final_hidden(const ModelConfig& config, const Weights& weights, const at::Tensor& x) {
  const auto normed = normalized(config, x, weights.final_norm_D, weights.final_norm_bias_D);
  return config.block.head_bias ? at::constant_pad_nd(normed, {0, 1}, 1) : normed;
}

at::Tensor heads_of(const ModelConfig& config, const at::Tensor& projected, std::int64_t heads, const at::Tensor& norm) {
  const bool whole = norm.defined() && config.block.query_key_norm == HeadNorm::whole;
  const auto x = whole ? kernels::rms_norm(projected, norm, config.norm_epsilon) : projected;
  const auto split = x.unflatten(-1, {heads, config.head_dim});
  return norm.defined() && !whole ? kernels::rms_norm(split, norm, config.norm_epsilon) : split;
}

at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D,
                      const kernels::ResultMemory& memory) {
  if (config.block.norm == NormKind::rms)
    return kernels::rms_norm(x, scale_of_norm(config, weight_D), config.norm_epsilon, memory);
  return at::layer_norm(x, {x.size(-1)}, weight_D, bias_D, config.norm_epsilon);
}

kernels::ForkedNorm forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D,
                                const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms)
    return kernels::forked_rms_norm(x, scale_of_norm(config, weight_D), config.norm_epsilon);
  return {x, normalized(config, x, weight_D, bias_D)};
}

kernels::Activation activation_of(const BlockDescription& block) {
  if (block.activation == Activation::silu) return kernels::Activation::silu;
  return block.activation == Activation::gelu ? kernels::Activation::gelu : kernels::Activation::gelu_tanh;
}

kernels::Angles rotary_table(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights) {
  return kernels::angle_table(count, rotary_frequencies(config, weights.device()), kernels::angle_dtype(weights),
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
  const auto last = config.block.norm_after ? kernels::linear : kernels::last_linear;  // a norm needs the product's value
  const kernels::Projection up{block.up_FD, block.up_bias_F}, down{block.down_DF, block.down_bias_D};
  const auto to_output = [&](const at::Tensor& inner) {
    return adapted(config, block, Projected::down, inner, last(inner, down));
  };
  if (config.block.mlp == MlpKind::plain)
    return to_output(kernels::activated(activation, adapted(config, block, Projected::up, x, kernels::linear(x, up))));
  const auto both = kernels::linears(x, std::array{kernels::Projection{block.gate_FD, block.gate_bias_F}, up});
  return to_output(kernels::gated_product(activation, adapted(config, block, Projected::gate, x, both[0]),
                                          adapted(config, block, Projected::up, x, both[1])));
}

}  // namespace unpact::block_math
