#include "reinforced.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "forget_kinds.hpp"

namespace unpact {
namespace {

/// A retain term keeps what the fine-tune does to everything else out of the difference.
UnlearnResult reinforce(const MethodRun& run, const TrainOptions& options) {
  const auto& method = run.inputs.method;
  const CrossEntropyTerm loss(run.inputs.data.forget);
  auto retain = make_retain_term(run.inputs);
  std::vector<WeightedTerm> terms = {{&loss, method.forget_weight}};
  if (retain) terms.push_back({retain.get(), method.retain_weight, run.inputs.data.retain_sampling});
  UnlearnResult result;
  result.steps = train(run.model, terms, freeing(options, [&] { retain.reset(); }), run.group, {}, run.on_step);
  result.weights = run.model.weights();
  return result;
}

/// The target's weights where and as the result shall have them; a keeper writes them from where they are, and who
/// takes units cuts them there. Those of mapped files are copied: who answers with them needs them in memory.
Weights target_beside_result(const MethodRun& run) {
  auto weights = run.target.weights();
  const auto& options = run.options;
  if (options.result.keeper >= 0 || options.result.take_unit) return weights;
  change_weights(run.target.config(), weights, [&](const at::Tensor& weight) {
    if (!options.device) return weight.to(options.result.dtype);
    const auto chosen = at::TensorOptions().device(*options.device).dtype(options.result.dtype);
    return at::empty(weight.sizes(), chosen).copy_(weight);
  });
  return weights;
}

}  // namespace

at::Tensor subtract_task_vector(const at::Tensor& reinforced, const at::Tensor& base, double scale) {
  const c10::NoGradGuard guard;
  const auto from = base.to(reinforced.device(), reinforced.scalar_type());
  return reinforced.sub(from).mul_(-scale).add_(from);
}

UnlearnResult run_task_vector(const MethodRun& run) {
  std::map<std::string, at::Tensor> base;
  for (const auto& [name, weight] : named_tensors(run.target.weights())) base[name] = weight;
  auto options = run.options;
  options.result.change = [&](const std::string& name, const at::Tensor& weight) {
    return subtract_task_vector(weight, base.at(name), run.inputs.method.scale);
  };
  auto result = reinforce(run, options);
  if (auto* adapters = options.result.adapters)  // base + B A becomes base - scale B A
    for (auto& [name, tensor] : *adapters)
      if (name.ends_with("lora_B.weight")) tensor.mul_(-run.inputs.method.scale);
  return result;
}

UnlearnResult run_contrast(const MethodRun& run) {
  auto result = reinforce(run, run.options);
  result.reinforced = std::move(result.weights);
  result.weights = target_beside_result(run);
  return result;
}

}  // namespace unpact
