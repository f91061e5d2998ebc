#pragma once
/// What lies in a checkpoint's weight files and everything that is wrong with them, without loading them.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

struct WeightSurvey {
  std::vector<std::filesystem::path> files;
  std::uint64_t bytes = 0;  ///< of these files
  std::size_t tensors = 0;
  std::map<std::string, std::uint64_t> parameters;  ///< by the dtype of the file, "BF16" say
  std::vector<std::string> problems;                ///< a line each, in the order of finding
};

/// Looks at headers and, if asked, at every value, block by block: memory stays at a few megabytes whatever the size of
/// the model. Throws for no broken checkpoint: what load_weights() would refuse is in `problems`.
/// @param config null when config.json cannot be read; then nothing is said about which tensors there should be.
/// @param read_values whether to look for NaN and infinity.
WeightSurvey survey_weights(const std::filesystem::path& folder, const ModelConfig* config, bool read_values);

}  // namespace unpact
