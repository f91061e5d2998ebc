#include "rope.hpp"

#include <ATen/ATen.h>

#include <numbers>

namespace unpact {

at::Tensor rotary_frequencies(const ModelConfig& config, const c10::Device& device, bool local) {
  const auto& rope = config.rope_scaling;
  const auto d = static_cast<double>(config.turned_dim());
  const auto exponents = at::arange(0, config.turned_dim(), 2, at::TensorOptions().dtype(at::kFloat).device(device)) / d;
  const auto plain = 1.0 / at::pow(local ? config.block.local_theta : config.rope_theta, exponents);
  if (local) return plain;
  if (rope.type == "linear") return plain / rope.factor;
  if (rope.type == "default") return plain;
  if (rope.type == "longrope")
    return 1.0 / (at::tensor(rope.divisors, at::kFloat).to(device) * at::pow(config.rope_theta, exponents));
  // Llama 3.1 (arXiv 2407.21783; transformers, modeling_rope_utils.py): wavelengths beyond the pretrained context are
  // stretched by the factor, short ones stay, those between are interpolated.
  const auto context = static_cast<double>(rope.original_positions);
  const auto wavelength = 2 * std::numbers::pi / plain;
  const auto smooth =
      (context / wavelength - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
  const auto between = (1 - smooth) * plain / rope.factor + smooth * plain;
  const auto short_or_between = at::where(wavelength < context / rope.high_frequency_factor, plain, between);
  return at::where(wavelength > context / rope.low_frequency_factor, plain / rope.factor, short_or_between);
}

}  // namespace unpact
