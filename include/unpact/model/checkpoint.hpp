#pragma once
/// Checkpoint folders in Hugging Face's layout.
#include <c10/core/Device.h>

#include <filesystem>
#include <string>

#include "unpact/model/weights.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Reads model.safetensors into fp32 tensors on `device`. Independent: every rank reads for itself.
/// @throws UserError that lists missing, extra and misshapen tensors together.
Weights load_weights(const ModelConfig& config, const std::filesystem::path& folder, const c10::Device& device);

/// Writes config.json, generation_config.json, model.safetensors and the tokenizer's files; the folder appears under
/// its final name only when all are complete. Called by one rank.
void save_checkpoint(const std::filesystem::path& folder, const ModelConfig& config, const Weights& weights,
                     const Tokenizer& tokenizer);

/// SHA-256 of the weights file.
std::string weights_checksum(const std::filesystem::path& folder);

}  // namespace unpact
