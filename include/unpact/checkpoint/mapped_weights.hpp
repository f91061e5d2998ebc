#pragma once
/// A checkpoint's weights as read-only views of its memory-mapped files: nothing is read before it is used, and ranks of a
/// node share the pages. For a model that is cut up or passed through right after, not for one that answers.
#include <filesystem>

#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// On the CPU, in the files' dtype, not always contiguous. Values are not looked at: who reads them checks that they are
/// finite. @throws UserError as load_weights does where the files do not fit the config.
/// @param reader of the folder; need not outlive the weights.
Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder, const CheckpointReader& reader);
Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder);

}  // namespace unpact
