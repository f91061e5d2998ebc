#include "unpact/unlearn/method.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "forget_kinds.hpp"
#include "rmu.hpp"
#include "unpact/core/error.hpp"
#include "unpact/train/streamed_model.hpp"

namespace unpact {
namespace {

using OnStep = std::function<void(const StepReport&)>;

/// PDU's dual variable: lambda := max(0, lambda + eta (retain loss - epsilon)) after every step behind the warm-up.
CoefficientRule dual_ascent(const MethodOptions& method, const TrainOptions& options, std::int64_t forget_examples) {
  const auto warmup_examples = method.dual_warmup * forget_examples;
  return [method, warmup_examples, batch = options.batch_size](double coefficient, double loss, std::int64_t step) {
    if ((step - 1) * batch < warmup_examples) return coefficient;
    return std::max(0.0, coefficient + method.dual_rate * (loss - method.retain_limit));
  };
}

UnlearnResult run_terms(Transformer& model, const TermInputs& inputs, const TrainOptions& options, Collectives& group, const OnStep& on_step) {
  const auto forget = make_forget_term(inputs);
  const auto retain = make_retain_term(inputs);
  std::vector<WeightedTerm> terms = {{forget.get(), inputs.method.forget_weight}};
  if (retain) terms.push_back({retain.get(), inputs.method.retain_weight, inputs.data.retain_sampling});
  if (inputs.method.forget == "pdu") terms.back().rule = dual_ascent(inputs.method, options, forget->example_count());
  UnlearnResult result;
  result.steps = train(model, terms, options, group, {}, on_step);
  result.weights = model.weights();
  return result;
}

/// The target further trained on the forget set, for tv and whp.
UnlearnResult reinforce(Transformer& model, const TrainOptions& options, const UnlearnData& data, Collectives& group, const OnStep& on_step) {
  const CrossEntropyTerm loss(data.forget);
  UnlearnResult result;
  result.steps = train(model, {{&loss, 1.0}}, options, group, {}, on_step);
  result.weights = model.weights();
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

UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& options, const UnlearnData& data,
                      Collectives& group, const OnStep& on_step) {
  check_method(method);
  Transformer streamed(target.config(), target.weights());
  std::optional<StreamedModel> stream;
  if (options.device && asks_target(method)) stream.emplace(streamed, *options.device, at::kFloat);
  const CacheOptions cache{method.cache, data.cache_folder, method.cache_gib, data.target_fingerprint};
  const TermInputs inputs{method, data, Frozen(stream ? streamed : target, group, cache)};
  Transformer model(target.config(), target.weights());  // training takes copies of what it changes
  if (method.forget == "rmu") return run_rmu(model, inputs, options, group, on_step);
  if (method.forget == "tv") {
    auto result = reinforce(model, options, data, group, on_step);
    if (result.weights.embedding_VD.defined()) subtract_task_vector(result.weights, target.weights(), method.scale);
    return result;
  }
  if (method.forget == "whp") {
    auto result = reinforce(model, options, data, group, on_step);
    result.reinforced = std::move(result.weights);
    result.weights = target.weights();
    return result;
  }
  return run_terms(model, inputs, options, group, on_step);
}

}  // namespace unpact
