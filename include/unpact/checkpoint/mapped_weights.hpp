#pragma once
/// A checkpoint's weights as read-only views of its memory-mapped files: nothing is read before it is used, and ranks of a
/// node share the pages. For a model that is cut up or passed through right after, not for one that answers.
#include <filesystem>
#include <string>

#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// On the CPU, in the files' dtype, not always contiguous. Values are not looked at: who reads them checks that they are
/// finite. @throws UserError as load_weights does where the files do not fit the config.
/// @param checksum gets the weights_checksum() of the files that were mapped; null: it is not taken.
Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder, std::string* checksum = nullptr);

}  // namespace unpact
