#include "adapter_scope.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <utility>

#include "unpact/checkpoint/adapters.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/model/model_units.hpp"

namespace unpact {

AdapterShape adapters_of(const ModelConfig& config, const TrainOptions& options) {
  const auto& e = options.execution;
  return adapter_shape(config, e.lora_rank, e.lora_alpha, e.lora_targets);
}

ModelConfig with_adapters(const ModelConfig& config, const TrainOptions& options) {
  auto adapted = config;
  adapted.adapters = adapters_of(config, options);
  return adapted;
}

bool wants_adapter(const TrainOptions& options, const ModelConfig& config) {
  if (options.execution.lora_rank == 0 || options.execution.lora_result == LoraResult::merged) return false;
  require_adapter_names(with_adapters(config, options));
  return true;
}

AdapterScope::AdapterScope(Transformer& model, const TrainOptions& options)
    : model_(model), has_any_(options.execution.lora_rank > 0) {
  if (has_any_) model.set_adapters(adapters_of(model.config(), options), options.seed);
}

AdapterScope::~AdapterScope() {
  if (has_any_) model_.set_adapters({});
}

AdapterScope::Selected AdapterScope::trained(Selected weights) const {
  if (!has_any_) return weights;
  Selected adapters = [chosen = std::move(weights)](const std::string& name) {
    return is_adapter(name) && chosen(adapted_weight(name));
  };
  const auto specs = weight_specs(model_.config(), model_.weights());
  UNPACT_VALIDATE(std::any_of(specs.begin(), specs.end(), [&](const auto& spec) { return adapters(spec.name); }),
                  "no weight is trained", "train.lora_targets names none of the projections that the method trains",
                  "name one of these, or use train.lora_targets = all");
  return adapters;
}

ResultOptions before_merging(const ModelConfig& config, const ResultOptions& result) {
  if (!config.adapters.any()) return result;
  ResultOptions plain;
  plain.keeper = result.keeper;
  return plain;
}

void merge_adapters(const ModelConfig& config, Weights& weights, std::size_t unit, const ResultOptions& result) {
  if (!config.adapters.any()) return;
  const c10::NoGradGuard guard;
  std::map<std::string, std::vector<WeightSpec>> adapters;  // A and B, by the weight that they stand beside
  std::vector<WeightSpec> own;
  for (auto& spec : weight_specs(config, weights)) {
    if (unit_index(config, spec.name) != unit || !spec.slot->defined()) continue;
    if (is_adapter(spec.name)) adapters[adapted_weight(spec.name)].push_back(std::move(spec));
    else own.push_back(std::move(spec));
  }
  for (const auto& spec : own) {
    auto weight = *spec.slot;
    if (const auto pair = adapters.find(spec.name); pair != adapters.end()) {
      const auto &down_RI = *pair->second[0].slot, &up_OR = *pair->second[1].slot;
      weight = weight + config.adapters.scale() * at::matmul(up_OR, down_RI);
      if (result.change) weight = result.change(spec.name, weight);
    }
    *spec.slot = weight.to(result.dtype);
  }
  for (const auto& [name, pair] : adapters) {
    for (const auto& spec : pair) {
      if (result.adapters != nullptr)
        result.adapters->emplace_back(spec.name, spec.slot->to(at::kCPU, at::kFloat, false, true));
      *spec.slot = at::Tensor();
    }
  }
}

}  // namespace unpact
