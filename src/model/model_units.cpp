#include "unpact/model/model_units.hpp"

#include "unpact/core/text.hpp"

namespace unpact {

namespace {
constexpr const char* kBlockPrefix = "model.layers.";
}  // namespace

std::size_t unit_index(const ModelConfig& config, const std::string& name) {
  if (name.starts_with("model.embed_") || name.starts_with("model.encoder.")) return 0;
  if (name.starts_with(kBlockPrefix)) return 1 + std::stoul(name.substr(std::string(kBlockPrefix).size()));
  return config.tied_embeddings ? 0 : static_cast<std::size_t>(config.layers) + 1;
}

std::size_t unit_count(const ModelConfig& config) {
  return static_cast<std::size_t>(config.layers) + (config.tied_embeddings ? 1 : 2);
}

std::size_t unit_of_part(const ModelConfig& config, std::int64_t part) {
  const auto index = static_cast<std::size_t>(part);
  return index < unit_count(config) ? index : 0;  // a tied head lives with the embedding
}

std::string unit_name(const ModelConfig& config, std::size_t index) {
  if (index == 0) return config.tied_embeddings ? "embedding and head" : "embedding";
  return index <= static_cast<std::size_t>(config.layers) ? concat("block ", index - 1) : "head";
}

}  // namespace unpact
