#pragma once
/// Settings of config.json that one family has alone: caps and scale of scores (Gemma 2 and 3), biases and places of norms
/// (OPT), experts (Mixtral).
#include <string>

#include "unpact/checkpoint/architecture.hpp"
#include "unpact/core/json.hpp"

namespace unpact {

/// @param block holds the defaults. @throws UserError naming the key.
void read_family_settings(const Json& json, const Architecture& architecture, BlockDescription& block,
                          const std::string& where);

/// Refuses an OPT whose embedding is projected (OPT-350m), and one whose norms have no weights. @throws UserError.
void refuse_other_opt(const Json& json, const std::string& where);

void write_family_settings(const BlockDescription& block, const Architecture& architecture, Json& json);

}  // namespace unpact
