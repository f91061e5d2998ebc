#pragma once
/// A model's shape, read from a Hugging Face config.json and checked before anything is allocated.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/core/json.hpp"

namespace unpact {

struct ModelConfig {
  std::string architecture = "llama";  ///< config.json's model_type
  std::int64_t vocabulary_size = 0, hidden_size = 0, intermediate_size = 0;
  std::int64_t layers = 0, heads = 0, key_value_heads = 0, head_dim = 0;
  std::int64_t max_positions = 0;
  double norm_epsilon = 1e-6, rope_theta = 10000.0, initializer_range = 0.02;
  bool tied_embeddings = false;
  std::int64_t bos_id = -1;            ///< -1: none
  std::vector<std::int64_t> eos_ids;   ///< of generation_config.json where present, else of config.json

  /// Number of weights, a tied head counted once.
  std::int64_t parameter_count() const;
};

/// Reads `folder`/config.json (and generation_config.json for the stop ids).
/// @throws UserError naming the key, for a missing file, an unknown architecture, activation or rope type, or sizes
/// that do not fit together.
ModelConfig read_model_config(const std::filesystem::path& folder);

/// The config.json that describes this model to transformers.
Json model_config_json(const ModelConfig& config, const std::string& dtype);

}  // namespace unpact
