#pragma once
#include <filesystem>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// Whether the files of a folder hold a head beside the embedding that is another one, though config.json says that both are
/// tied: then the file's head is the model's, as in transformers since 5.0, and rank 0 warns once. Reads both, if both are there.
bool stores_another_head(const std::filesystem::path& folder, const ModelConfig& config);

}  // namespace unpact
