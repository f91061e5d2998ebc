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
                                                 "olmo2_biases",
                                                 "gemma2",
                                                 "gemma2_uncapped",
                                                 "gemma3",
                                                 "gemma3_old",
                                                 "gpt_neo",
                                                 "gpt_neo_wide",
                                                 "opt",
                                                 "opt_post",
                                                 "mixtral",
                                                 "mixtral_window"};
  return names;
}

inline const std::vector<std::string>& tiny_architectures() {
  static const std::vector<std::string> names = {
      "llama", "llama3",   "linear", "biases", "qwen2",  "qwen3",       "mistral", "windows", "gpt2",     "phi",
      "phi3",  "gpt_neox", "gemma",  "olmo2",  "gemma2", "gemma3_text", "gpt_neo", "opt",     "opt_post", "mixtral"};
  return names;
}

/// Caps that the scores and logits of a tiny model reach, windows and few experts.
inline void set_of_new_families(const std::string& name, ModelConfig& config) {
  auto& block = config.block;
  if (block.logit_cap > 0) block.score_cap = 1.5, block.logit_cap = 4;
  if (block.query_scalar > 1) block.query_scalar = 10;
  if (block.local_theta > 0) {
    block.local_theta = 100;
    block.logit_cap = 4;
    config.rope_scaling = {"linear", 4.0, 1.0, 4.0, 8192};
  }
  if (name == "gemma2" || name == "gemma3_text") config.windows = {5, 0, 5};
  if (name == "gpt_neo") config.windows = {0, 4, 0};
  if (name == "opt_post") {
    block.norm_place = NormPlace::of_sum;
    block.no_final_norm = true;
    block.query_key_value_bias = block.output_bias = block.mlp_bias = false;
  }
  if (block.experts > 0) {
    block.experts = 4;
    config.intermediate_size = 4 * 12;
  }
}

/// @param name one of tiny_architectures(). Windows are far shorter than the sequences of the tests.
inline ModelConfig tiny_config_of(const std::string& name) {
  auto config = tiny_config();
  for (const auto& row : architectures())
    if (name == row.model_type) config.architecture = row.model_type;
  if (name == "windows") config.architecture = "qwen3";
  if (name == "opt_post") config.architecture = "opt";
  config.block = architecture_of(config.architecture, name).block;
  if (name == "llama3") config.rope_scaling = {"llama3", 8.0, 1.0, 4.0, 48};
  if (name == "linear") config.rope_scaling = {"linear", 4.0, 1.0, 4.0, 8192};
  if (name == "biases") config.block.query_key_value_bias = config.block.output_bias = config.block.mlp_bias = true;
  if (name == "mistral") config.windows = {5, 5, 5};
  if (name == "windows") config.windows = {4, 0, 4};
  if (!architecture_of(config.architecture, name).has_key_value_heads) config.key_value_heads = config.heads;
  config.tied_embeddings = architecture_of(config.architecture, name).tied_embeddings;
  set_of_new_families(name, config);
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
