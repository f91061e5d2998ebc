#pragma once
/// Which blocks look back over a bounded window, as config.json says it for each family (WindowRule).
#include <string>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// Fills config.windows. @pre config.block is known. @throws UserError naming the key.
void read_windows(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where);

void write_windows(const ModelConfig& config, const Architecture& architecture, Json& json);

}  // namespace unpact
