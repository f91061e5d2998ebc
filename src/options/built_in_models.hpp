#pragma once
/// The prompts of configs/models, which the program carries along: `model.use` finds them in any folder.
#include <map>
#include <string>

namespace unpact {

/// Name of the choice -> text of its file.
const std::map<std::string, std::string>& built_in_models();

}  // namespace unpact
