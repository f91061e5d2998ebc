#include "unpact/unlearn/method.hpp"

#include <ATen/ATen.h>

#include <optional>

#include "forget_kinds.hpp"
#include "unpact/core/error.hpp"
#include "unpact/train/streamed_model.hpp"
#include "retain_terms.hpp"

namespace unpact {
namespace {

/// KL to the target on what the forget term spares: targets of the forget set that weigh less than 1.
std::unique_ptr<LossTerm> make_anchor_term(const TermInputs& inputs) {
  if (inputs.method.anchor_weight == 0) return nullptr;
  auto spared = std::make_shared<std::vector<Example>>();
  for (std::size_t i = 0; i < inputs.data.forget->size(); ++i) {
    auto example = (*inputs.data.forget)[i];
    const auto& held_back = inputs.data.held_back;
    for (std::size_t t = 0; t < example.has_loss.size(); ++t)
      if (inputs.data.given_weights[i][t] >= 1 || (!held_back.empty() && held_back[i][t] > 0)) example.has_loss[t] = 0;
    if (example.targets() > 0) spared->push_back(std::move(example));
  }
  UNPACT_VALIDATE(!spared->empty(), "option 'method.anchor_weight' asks for a term on nothing",
                  "no token of the forget set weighs less than 1", "set it to 0, or give weights below 1");
  return std::make_unique<KlTerm>(std::move(spared), inputs.frozen);
}

/// A training with the kind's forget term, a retain term and an anchor, if any.
UnlearnResult run_terms(const MethodRun& run) {
  const auto& method = run.inputs.method;
  const auto& kind = kind_of(method);
  auto forget = kind.make_term(run.inputs), retain = make_retain_term(run.inputs), anchor = make_anchor_term(run.inputs);
  std::vector<WeightedTerm> terms = {{forget.get(), method.forget_weight}};
  if (retain) terms.push_back({retain.get(), method.retain_weight, run.inputs.data.retain_sampling});
  if (kind.retain_rule != nullptr) terms.back().rule = kind.retain_rule(method, run.options, forget->example_count());
  if (anchor) terms.push_back({anchor.get(), method.anchor_weight});
  const auto options = freeing(run.options, [&] {
    forget.reset();
    retain.reset();
    anchor.reset();
  });
  UnlearnResult result;
  result.steps = train(run.model, terms, options, run.group, {}, run.on_step);
  result.weights = run.model.weights();
  return result;
}

}  // namespace

std::unique_ptr<LossTerm> make_retain_term(const TermInputs& inputs) {
  switch (inputs.method.retain) {
    case RetainKind::none: break;
    case RetainKind::gd: return std::make_unique<CrossEntropyTerm>(inputs.data.retain);
    case RetainKind::jsd: return std::make_unique<JsdTerm>(inputs.data.retain, inputs.frozen);
    case RetainKind::kl: return std::make_unique<KlTerm>(inputs.data.retain, inputs.frozen, inputs.method.kl_variant);
  }
  return nullptr;
}

TrainOptions freeing(const TrainOptions& options, const std::function<void()>& free) {
  auto result = options;
  result.result.before = [free, next = options.result.before] {
    free();
    if (next) next();
  };
  return result;
}

UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& options,
                      const UnlearnData& data, Collectives& group, const std::function<void(const StepReport&)>& on_step) {
  check_method(method);
  UNPACT_VALIDATE(target.reinforced() == nullptr, "the target model answers by two models",
                  "a training would change only one of them", "start from the model that it was made of");
  Transformer streamed(target.config(), target.weights());
  std::optional<StreamedModel> stream;
  if (options.device && asks_target(method)) stream.emplace(streamed, *options.device, at::kFloat);
  const CacheOptions cache{method.cache, data.cache_folder, method.cache_gib, data.target_fingerprint};
  const TermInputs inputs{method, data, Frozen(stream ? streamed : target, group, cache)};
  Transformer model(target.config(), target.weights());
  const auto own_options = freeing(options, [&] { stream.reset(); });
  const auto& kind = kind_of(method);
  return (kind.procedure != nullptr ? kind.procedure : run_terms)({target, model, inputs, own_options, group, on_step});
}

}  // namespace unpact
