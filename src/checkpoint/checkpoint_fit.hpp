#pragma once
/// Whether the tensors of a checkpoint's files are those that its config.json asks for.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// Whether files may leave a tensor of this name out, though their index lists it, because another one is the same: a
/// head, an embedding of T5's.
bool is_copy_by_name(const std::string& name);

/// The name that the head has in the files, if it is there.
std::optional<std::string> head_of(const std::map<std::string, TensorEntry>& in_files);

/// What a checkpoint of this config consists of, by the names that its files give. Files of the bare model, GPT-2's original
/// ones among them, lack the prefix; those of a tied model may hold the embedding under the head's name alone, T5's under
/// the name that it has in the encoder or the decoder.
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
