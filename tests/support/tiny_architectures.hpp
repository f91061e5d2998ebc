#pragma once
/// For tests: one small random model of every architecture and every switch that changes the forward pass.
#include <string>
#include <vector>

#include "support/tiny_models.hpp"

namespace unpact::testing_support {

/// The random checkpoints of tests/parity/oracle_models.py.
inline const std::vector<std::string>& parity_models() {
  static const std::vector<std::string> names = {"llama_grouped",
                                                 "llama_tied",
                                                 "llama_headdim",
                                                 "llama_llama3",
                                                 "llama_llama3_old",
                                                 "llama_linear",
                                                 "llama_linear_old",
                                                 "llama_biases",
                                                 "llama_attention_bias",
                                                 "llama_mlp_bias",
                                                 "qwen2",
                                                 "qwen2_tied_window",
                                                 "qwen3",
                                                 "qwen3_bias_window",
                                                 "mistral",
                                                 "mistral_two",
                                                 "mistral_full",
                                                 "gpt2",
                                                 "gpt2_untied",
                                                 "phi",
                                                 "phi_grouped",
                                                 "phi3",
                                                 "phi3_longrope",
                                                 "phi3_su",
                                                 "gpt_neox",
                                                 "gpt_neox_old",
                                                 "gpt_neox_plain",
                                                 "gemma",
                                                 "gemma_untied",
                                                 "olmo2",
                                                 "olmo2_biases"};
  return names;
}

inline const std::vector<std::string>& tiny_architectures() {
  static const std::vector<std::string> names = {"llama",   "llama3", "linear", "biases", "qwen2",    "qwen3", "mistral",
                                                 "windows", "gpt2",   "phi",    "phi3",   "gpt_neox", "gemma", "olmo2"};
  return names;
}

/// @param name one of tiny_architectures(). Windows are far shorter than the sequences of the tests.
inline ModelConfig tiny_config_of(const std::string& name) {
  auto config = tiny_config();
  for (const auto* type : {"qwen2", "qwen3", "mistral", "gpt2", "phi", "phi3", "gpt_neox", "gemma", "olmo2"})
    if (name == type) config.architecture = type;
  if (name == "windows") config.architecture = "qwen3";
  config.block = architecture_of(config.architecture, name).block;
  if (name == "llama3") config.rope_scaling = {"llama3", 8.0, 1.0, 4.0, 48};
  if (name == "linear") config.rope_scaling = {"linear", 4.0, 1.0, 4.0, 8192};
  if (name == "biases") config.block.query_key_value_bias = config.block.output_bias = config.block.mlp_bias = true;
  if (name == "mistral") config.windows = {5, 5, 5};
  if (name == "windows") config.windows = {4, 0, 4};
  if (name == "gpt2" || name == "gpt_neox") config.key_value_heads = config.heads;
  if (name == "gpt2" || name == "gemma") config.tied_embeddings = true;
  if (name == "phi") config.rotary_dim = 4;
  if (name == "gpt_neox") config.rotary_dim = 2;
  if (name == "phi3") {
    config.rope_scaling.type = "longrope";
    for (std::int64_t pair = 0; pair < config.head_dim / 2; ++pair)
      config.rope_scaling.divisors.push_back(1.0 + 0.25 * static_cast<double>(pair));
    config.rope_scaling.attention_factor = 1.2;
    config.windows = {7, 7, 7};
  }
  return config;
}

inline Transformer tiny_transformer_of(const std::string& name, std::uint64_t seed = 1) {
  return tiny_transformer(seed, tiny_config_of(name));
}

}  // namespace unpact::testing_support
