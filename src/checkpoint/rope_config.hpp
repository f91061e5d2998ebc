#pragma once
/// The settings of rotary positions in config.json.
#include <string>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// Reads rope_theta and the scaling from "rope_scaling" or, as transformers 5 spells it, "rope_parameters"; with longrope also
/// limits config.max_positions. @pre config.rotary_dim is known.
/// @throws UserError naming the key or the rope type.
void read_rope(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where);

/// Writes them in the spelling that `json` already uses, else in the older one, which every version reads.
void write_rope(const ModelConfig& config, const Architecture& architecture, Json& json);

}  // namespace unpact
