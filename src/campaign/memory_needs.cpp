#include "memory_needs.hpp"

#include <algorithm>

namespace unpact {

double scoring_bytes(const ModelConfig& config, double bytes, std::int64_t tokens) {
  constexpr double most_logits = 512.0 * 1024 * 1024;  // twice the chunk of target_log_probabilities() on a GPU
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  const auto queries = config.heads * config.head_dim, keys = config.key_value_heads * config.head_dim;
  const double weights = bytes * real(config.parameter_count());
  const double keys_values = 2 * bytes * real(config.layers) * real(keys) * real(tokens);
  const double block = bytes * real(tokens) * real(4 * config.hidden_size + 2 * queries + 2 * keys + 3 * config.intermediate_size);
  return weights + keys_values + block + std::min(8 * real(config.vocabulary_size) * real(tokens), most_logits);
}

double unlearning_bytes(const ModelConfig& config) { return 16 * static_cast<double>(config.parameter_count()); }

double unlearning_bytes_with_copies(const ModelConfig& config) { return 24 * static_cast<double>(config.parameter_count()); }

}  // namespace unpact
