#pragma once
#include <filesystem>
#include <string>

namespace unpact {

/// What a folder holds in place of safetensors weights: pickled weights, GGUF, a LoRA adapter. @throws UserError naming it and
/// what to do; returns where there is nothing of the kind.
void refuse_other_weights(const std::filesystem::path& folder);

}  // namespace unpact
