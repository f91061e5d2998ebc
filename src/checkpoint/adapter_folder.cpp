#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "save_folder.hpp"
#include "unpact/checkpoint/adapters.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

struct StoredModule {
  std::string name;  ///< in transformers' model, e.g. "model.layers.0.self_attn.q_proj"
  bool transposed = false;
};

/// By the names of our weights. Only what a file holds in a tensor of its own.
std::map<std::string, StoredModule> modules_of(ModelConfig config) {
  config.adapters = {};
  Weights shape_only;
  std::map<std::string, StoredModule> modules;
  for (const auto& stored : stored_tensors(config, shape_only)) {
    if (stored.parts.size() != 1 || stored.is_slice() || !stored.name.ends_with(".weight")) continue;
    modules[stored.parts.front().name] = {stored.name.substr(0, stored.name.rfind('.')), stored.transposed};
  }
  return modules;
}

/// Of every weight with an adapter.
std::map<std::string, StoredModule> adapted_modules(const ModelConfig& config) {
  const auto modules = modules_of(config);
  Weights shape_only;
  std::map<std::string, StoredModule> found;
  for (const auto& spec : weight_specs(config, shape_only)) {
    if (!is_adapter(spec.name)) continue;
    const auto weight = adapted_weight(spec.name);
    const auto module = modules.find(weight);
    UNPACT_VALIDATE(module != modules.end(), concat("an adapter of ", weight, " has no name in a ", config.architecture),
                    config.block.experts > 0 ? "such a model's files hold every expert's projection by itself"
                                             : "such a model's files hold several projections in one tensor",
                    "use train.lora_result = merged, or leave that projection out of train.lora_targets");
    found[weight] = module->second;
  }
  return found;
}

/// "self_attn.q_proj": peft finds modules by the ends of their names, and the last part alone may mean two (GPT-2's c_proj).
std::string ending_of(const std::string& module) {
  const auto last = module.rfind('.');
  return module.substr(module.rfind('.', last - 1) + 1);
}

Json adapter_json(const ModelConfig& config, const fs::path& base) {
  std::set<std::string> targets;
  bool transposed = false;
  for (const auto& [weight, module] : adapted_modules(config)) {
    targets.insert(ending_of(module.name));
    transposed = transposed || module.transposed;
  }
  const auto alpha = config.adapters.alpha;
  Json json = {{"peft_type", "LORA"},
               {"task_type", "CAUSAL_LM"},
               {"base_model_name_or_path", base.string()},
               {"r", config.adapters.rank},
               {"lora_dropout", 0.0},
               {"target_modules", targets},
               {"bias", "none"},
               {"fan_in_fan_out", transposed},
               {"inference_mode", true},
               {"init_lora_weights", true},
               {"use_rslora", false},
               {"use_dora", false},
               {"modules_to_save", nullptr}};
  if (alpha == std::floor(alpha)) json["lora_alpha"] = static_cast<std::int64_t>(alpha);
  else json["lora_alpha"] = alpha;
  return json;
}

NamedTensors stored_adapters(const ModelConfig& config, const NamedTensors& adapters) {
  const auto modules = adapted_modules(config);
  NamedTensors stored;
  for (const auto& [name, tensor] : adapters) {
    const auto weight = adapted_weight(name);
    const auto ending = name.substr(weight.size() - std::string("weight").size());  // "lora_A.weight"
    stored.emplace_back(concat("base_model.model.", modules.at(weight).name, ".", ending),
                        tensor.detach().to(at::kCPU, at::kFloat).contiguous());
  }
  return stored;
}

}  // namespace

void require_adapter_names(const ModelConfig& config) { adapted_modules(config); }

void save_adapter(const fs::path& folder, const ModelConfig& config, const NamedTensors& adapters,
                  const Tokenizer& tokenizer, const AdapterFolder& options) {
  UNPACT_EXPECT(config.adapters.any() && !adapters.empty());
  save_folder(folder, [&](const fs::path& temporary) {
    write_safetensors(temporary / "adapter_model.safetensors", stored_adapters(config, adapters));
    write_file_atomically(temporary / "adapter_config.json", adapter_json(config, options.base).dump(2) + "\n");
    for (const auto& file : tokenizer.files()) fs::copy_file(file, temporary / file.filename());
    if (options.also) options.also(temporary);
  });
}

}  // namespace unpact
