#pragma once
/// T5's config.json, whose keys are its own.
#include <string>

#include "unpact/checkpoint/config.hpp"
#include "unpact/core/json.hpp"

namespace unpact {

/// @throws UserError naming the key.
ModelConfig t5_config(const Json& json, const std::string& where);

Json t5_config_json(const ModelConfig& config, const std::string& dtype);

}  // namespace unpact
