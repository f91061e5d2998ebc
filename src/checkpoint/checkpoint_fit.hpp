#pragma once
/// Whether the tensors of a checkpoint's files are those that its config.json asks for.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// What a checkpoint of this config consists of, by the names that its files give. Files of the bare model, GPT-2's original
/// ones among them, lack the prefix; those of a tied model may hold the embedding under the head's name alone.
std::vector<StoredTensor> named_as_in_files(const ModelConfig& config, const std::map<std::string, TensorEntry>& in_files,
                                            Weights& weights);

/// The name that the embedding has in the files. @param weights whose slots `tensors` fill.
std::string embedding_of(const std::vector<StoredTensor>& tensors, const Weights& weights);

/// Missing, extra and misshapen tensors and those of a dtype that is not read, a line each.
std::vector<std::string> disagreements(const std::map<std::string, TensorEntry>& in_files,
                                       const std::vector<StoredTensor>& tensors, const Architecture& architecture,
                                       bool tied);

/// What is to be read for a model of this config, with slots in `weights`, by the names of the files.
/// @throws UserError that lists all disagreements.
std::vector<StoredTensor> fitting_tensors(const ModelConfig& config, const std::filesystem::path& folder,
                                          const CheckpointReader& reader, Weights& weights);

}  // namespace unpact
