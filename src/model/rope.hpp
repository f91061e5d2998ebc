#pragma once
/// Rotary position embedding (Su et al., arXiv 2104.09864): its settings in config.json and its frequencies.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <string>

#include "unpact/model/config.hpp"

namespace unpact {

/// Reads rope_theta and the scaling from "rope_scaling" or, as transformers 5 spells it, "rope_parameters".
/// @throws UserError naming the key or the rope type.
void read_rope(const Json& json, ModelConfig& config, const std::string& where);

/// Writes them in the spelling that `json` already uses, else in the older one, which every version reads.
void write_rope(const ModelConfig& config, Json& json);

/// Angle per position of each channel pair: (d/2) float32.
at::Tensor rotary_frequencies(const ModelConfig& config, const c10::Device& device);

}  // namespace unpact
