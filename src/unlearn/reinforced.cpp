#include "reinforced.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

UnlearnResult reinforce(const MethodRun& run) {
  const CrossEntropyTerm loss(run.inputs.data.forget);
  UnlearnResult result;
  result.steps = train(run.model, {{&loss, 1.0}}, run.options, run.group, {}, run.on_step);
  result.weights = run.model.weights();
  return result;
}

}  // namespace

void subtract_task_vector(Weights& reinforced, const Weights& base, double scale) {
  const c10::NoGradGuard guard;
  auto moved = named_tensors(reinforced);
  const auto from = named_tensors(base);
  UNPACT_EXPECT(moved.size() == from.size());
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i].second.sub_(from[i].second).mul_(-scale).add_(from[i].second);
}

UnlearnResult run_task_vector(const MethodRun& run) {
  auto result = reinforce(run);
  const bool is_here = result.weights.embedding_VD.defined();  // with a keeper the others get nothing
  if (is_here) subtract_task_vector(result.weights, run.target.weights(), run.inputs.method.scale);
  return result;
}

UnlearnResult run_contrast(const MethodRun& run) {
  auto result = reinforce(run);
  result.reinforced = std::move(result.weights);
  result.weights = run.target.weights();
  return result;
}

}  // namespace unpact
