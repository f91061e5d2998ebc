#include "unpact/model/checkpoint.hpp"

#include <ATen/ATen.h>
#include <unistd.h>

#include <set>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/safetensors.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWeightsFile = "model.safetensors";
constexpr std::size_t kMostFaults = 30;  // that one message lists

/// Missing, extra and misshapen tensors, a line each.
std::vector<std::string> disagreements(const SafetensorsFile& file, const std::vector<WeightSpec>& specs, bool tied) {
  std::vector<std::string> faults;
  std::set<std::string> expected;
  for (const auto& spec : specs) {
    expected.insert(spec.name);
    const auto it = file.header().tensors.find(spec.name);
    if (it == file.header().tensors.end()) {
      faults.push_back(concat("missing: ", spec.name));
    } else if (it->second.shape != spec.shape) {
      faults.push_back(concat("shape of ", spec.name, ": ", at::IntArrayRef(it->second.shape), " in the file, ",
                              at::IntArrayRef(spec.shape), " by config.json"));
    } else if (it->second.dtype != "F32" && it->second.dtype != "F16" && it->second.dtype != "BF16") {
      faults.push_back(concat("dtype of ", spec.name, ": ", it->second.dtype, ", need F32, F16 or BF16"));
    }
  }
  for (const auto& [name, entry] : file.header().tensors) {
    // Some exporters repeat the tied head, or store the rotary frequencies, which follow from the config.
    const bool harmless = (tied && name == "lm_head.weight") || name.ends_with("rotary_emb.inv_freq");
    if (expected.count(name) == 0 && !harmless) faults.push_back(concat("unexpected: ", name));
  }
  return faults;
}

}  // namespace

Weights load_weights(const ModelConfig& config, const fs::path& folder, const c10::Device& device) {
  const auto path = folder / kWeightsFile;
  UNPACT_VALIDATE(fs::exists(path), concat("no weights in ", folder.string()), concat(kWeightsFile, " is missing there"),
                  "give the folder of a Hugging Face checkpoint in safetensors format");
  const SafetensorsFile file(path);
  Weights weights;
  auto specs = weight_specs(config, weights);
  auto faults = disagreements(file, specs, config.tied_embeddings);
  if (const auto count = faults.size(); count > kMostFaults) {
    faults.resize(kMostFaults);
    faults.push_back(concat("and ", count - kMostFaults, " more"));
  }
  UNPACT_VALIDATE(faults.empty(), concat(path.string(), " does not fit its config.json"), join(faults, "\n          "),
                  "check that both files come from the same checkpoint");
  for (auto& spec : specs) {
    *spec.slot = file.tensor(spec.name).to(at::TensorOptions().dtype(at::kFloat).device(device), false, /*copy=*/true);
    UNPACT_VALIDATE(at::isfinite(*spec.slot).all().item<bool>(), concat(path.string(), ": tensor '", spec.name, "' holds NaN or infinity"),
                    "every answer of this model would be meaningless", "use an intact checkpoint");
  }
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

void save_checkpoint(const fs::path& folder, const ModelConfig& config, const Weights& weights, const Tokenizer& tokenizer) {
  const fs::path temporary = folder.string() + concat(".tmp.", ::getpid());
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  require_writable_folder(temporary);
  try {
    write_safetensors(temporary / kWeightsFile, named_tensors(weights));
    write_file_atomically(temporary / "config.json", model_config_json(config, "float32").dump(2) + "\n");
    Json generation;
    if (config.bos_id >= 0) generation["bos_token_id"] = config.bos_id;
    if (!config.eos_ids.empty()) generation["eos_token_id"] = config.eos_ids;
    write_file_atomically(temporary / "generation_config.json", generation.dump(2) + "\n");
    for (const auto& file : tokenizer.files()) fs::copy_file(file, temporary / file.filename());
    rename_folder_durably(temporary, folder);
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
}

std::string weights_checksum(const fs::path& folder) { return sha256_of_file(folder / kWeightsFile); }

}  // namespace unpact
