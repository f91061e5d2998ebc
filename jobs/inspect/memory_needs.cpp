#include "jobs/inspect/memory_needs.hpp"

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

double unlearning_bytes_whole(const ModelConfig& config) { return 20 * static_cast<double>(config.parameter_count()); }

double unlearning_bytes(const ModelConfig& config, std::int64_t ranks) {
  const auto count = static_cast<double>(config.parameter_count());
  const auto embedding = static_cast<double>(config.vocabulary_size) * static_cast<double>(config.hidden_size);
  const double blocks = count - embedding * (config.tied_embeddings ? 1 : 2);
  const double unit = std::max(embedding, blocks / static_cast<double>(config.layers));
  return 4 * count + 16 * count / static_cast<double>(ranks) + 16 * unit;
}

}  // namespace unpact
