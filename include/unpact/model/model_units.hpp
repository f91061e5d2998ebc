#pragma once
/// How a model falls apart into units that come and go together: the embedding, each block, the final norm with the head;
/// with tied embeddings the first and the last are one.
#include <string>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// The unit of a weight: 0 the embedding, 1 + l block l, layers + 1 the rest.
std::size_t unit_index(const ModelConfig& config, const std::string& name);

std::size_t unit_count(const ModelConfig& config);

/// The unit that a part of the forward pass (PartRunner) needs.
std::size_t unit_of_part(const ModelConfig& config, std::int64_t part);

/// e.g. "block 3"
std::string unit_name(const ModelConfig& config, std::size_t index);

}  // namespace unpact
