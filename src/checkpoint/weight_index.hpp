#pragma once
/// model.safetensors.index.json, which says in which file of a checkpoint each tensor lies.
#include <map>
#include <string>
#include <string_view>

namespace unpact {

using WeightMap = std::map<std::string, std::string>;  // tensor -> file

/// @param text of the index; @param where names it in messages.
/// @throws UserError for a broken index, an empty one, and a file name that leaves the folder.
WeightMap parse_weight_index(std::string_view text, const std::string& where);

}  // namespace unpact
