#include "unpact/model/block_math.hpp"

#include <ATen/ATen.h>

#include <array>

#include "rope.hpp"
#include "unpact/kernels/linear.hpp"

namespace unpact::block_math {

at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D,
                      const kernels::ResultMemory& memory) {
  if (config.block.norm == NormKind::rms) return kernels::rms_norm(x, weight_D, config.norm_epsilon, memory);
  return at::layer_norm(x, {x.size(-1)}, weight_D, bias_D, config.norm_epsilon);
}

kernels::ForkedNorm forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D,
                                const at::Tensor& bias_D) {
  if (config.block.norm == NormKind::rms) return kernels::forked_rms_norm(x, weight_D, config.norm_epsilon);
  return {x, normalized(config, x, weight_D, bias_D)};
}

kernels::Activation activation_of(const BlockDescription& block) {
  return block.activation == Activation::silu ? kernels::Activation::silu : kernels::Activation::gelu_tanh;
}

kernels::Angles rotary_table(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights) {
  return kernels::angle_table(count, rotary_frequencies(config, weights.device()), kernels::angle_dtype(weights));
}

at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x) {
  const auto activation = activation_of(config.block);
  const kernels::Projection up{block.up_FD, block.up_bias_F}, down{block.down_DF, block.down_bias_D};
  if (config.block.mlp == MlpKind::plain)
    return kernels::last_linear(kernels::activated(activation, kernels::linear(x, up)), down);
  const auto both = kernels::linears(x, std::array{kernels::Projection{block.gate_FD, block.gate_bias_F}, up});
  return kernels::last_linear(kernels::gated_product(activation, both[0], both[1]), down);
}

}  // namespace unpact::block_math
