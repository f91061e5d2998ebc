#pragma once
/// Low-rank adapters as weights of a model: which there are, how they begin, and the folder in which peft keeps them.
///
/// Legend of shapes: R rank, I inputs and O outputs of a projection.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "unpact/checkpoint/weights.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// @param targets "all", or names of kProjectedNames separated by commas. @throws UserError for others, and where no block of
/// the model has such a projection.
AdapterShape adapter_shape(const ModelConfig& config, std::int64_t rank, double alpha, const std::string& targets);

/// @throws UserError for names that no model has. @param targets as above.
void check_adapter_targets(const std::string& targets);

/// What the config's adapters add to weight_specs(): "model.layers.0.self_attn.q_proj.lora_A.weight" (R, I) and ".lora_B.weight"
/// (O, R) for every weight that has one.
void add_adapter_specs(const ModelConfig& config, Weights& weights, std::vector<WeightSpec>& specs);

bool is_adapter(const std::string& name);
/// The weight that an adapter of this name stands beside.
std::string adapted_weight(const std::string& name);

/// Adapters as peft begins them, in float32 on the CPU: A uniform within 1 / sqrt(inputs), B zero, so that they change
/// nothing. Depends on the seed alone.
void start_adapters(const ModelConfig& config, Weights& weights, std::uint64_t seed);

/// An adapter folder as peft writes it.
struct AdapterFolder {
  std::filesystem::path base;  ///< of the model that the adapter belongs to
  /// Writes what else belongs into the folder that it is given, before that gets its final name.
  std::function<void(const std::filesystem::path& folder)> also = {};
};

/// Refuses models whose files hold several projections in one tensor: an adapter of one of them has no name there.
/// @param config with adapters. @throws UserError naming the projection.
void require_adapter_names(const ModelConfig& config);

/// Writes adapter_config.json, adapter_model.safetensors and the tokenizer's files; the folder appears under its final name
/// when all are complete. Called by one rank. @param adapters by the names of weight_specs().
/// @throws UserError as require_adapter_names.
void save_adapter(const std::filesystem::path& folder, const ModelConfig& config, const NamedTensors& adapters,
                  const Tokenizer& tokenizer, const AdapterFolder& options);

}  // namespace unpact
