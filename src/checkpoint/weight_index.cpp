#include "weight_index.hpp"

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

/// A name that stays inside the folder, whatever the index says.
bool is_plain_file_name(const std::string& name) {
  return name.find('/') == std::string::npos && name.find('\0') == std::string::npos && name.ends_with(".safetensors") &&
         name != ".safetensors";
}

}  // namespace

WeightMap parse_weight_index(std::string_view text, const std::string& where) {
  const auto json = parse_json(text, where);
  UNPACT_VALIDATE(
      json.is_object() && json.contains("weight_map") && json["weight_map"].is_object() && !json["weight_map"].empty(),
      concat(where, " lists no weights"), "it needs an object 'weight_map' from tensor to file", "fetch that file again");
  WeightMap map;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    UNPACT_VALIDATE(file.is_string(), concat(where, ": the file of tensor '", tensor, "' is not a string"),
                    "weight_map maps tensors to file names", "fetch that file again");
    const auto name = file.get<std::string>();
    UNPACT_VALIDATE(is_plain_file_name(name), concat(where, ": tensor '", tensor, "' is said to lie in '", name, "'"),
                    "the index may only name .safetensors files of its own folder", "do not trust this checkpoint");
    map.emplace(tensor, name);
  }
  return map;
}

}  // namespace unpact
