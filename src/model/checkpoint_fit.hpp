#pragma once
/// Whether the tensors of a checkpoint's files are those that its config.json asks for.
#include <map>
#include <string>
#include <vector>

#include "unpact/model/safetensors.hpp"
#include "unpact/model/weights.hpp"

namespace unpact {

/// Files of the bare model, GPT-2's original ones among them, lack the prefix: then it is taken from the names.
void drop_missing_prefix(std::vector<StoredTensor>& tensors, const std::string& prefix,
                         const std::map<std::string, TensorEntry>& in_files);

/// Missing, extra and misshapen tensors and those of a dtype that is not read, a line each.
std::vector<std::string> disagreements(const std::map<std::string, TensorEntry>& in_files,
                                       const std::vector<StoredTensor>& tensors, const Architecture& architecture,
                                       bool tied);

}  // namespace unpact
