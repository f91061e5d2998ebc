#include <algorithm>
#include <limits>

#include "stage_costs.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/train/step_examples.hpp"

namespace unpact {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

/// Which part of a model a training goes through.
struct Trained {
  std::int64_t end = 0;       ///< blocks that run
  std::int64_t first = 0;     ///< the first that trains; gradients go back to its output
  std::vector<double> sizes;  ///< numbers that train in the matrices of each block
  bool embedding = true;      ///< then gradients go back to the beginning
};

Trained trained_part(const ModelConfig& config, const std::function<bool(const std::string&)>& selected, std::int64_t end) {
  Trained trained{end, end, std::vector<double>(static_cast<std::size_t>(config.layers), 0), false};
  Weights shape_only;
  for (const auto& spec : weight_specs(config, shape_only)) {
    if (!selected(spec.name)) continue;
    const std::string prefix = "model.layers.";
    if (spec.name.rfind(prefix, 0) != 0) {
      trained.embedding = trained.embedding || spec.name.find("embed") != std::string::npos;
      continue;
    }
    const auto layer = std::stoll(spec.name.substr(prefix.size()));
    trained.first = std::min<std::int64_t>(trained.first, layer);
    if (spec.shape.size() == 2) trained.sizes[static_cast<std::size_t>(layer)] += real(spec.shape[0] * spec.shape[1]);
  }
  if (trained.embedding) trained.first = 0;
  return trained;
}

/// How one example runs: which blocks, with how much of a backward pass.
struct Pass {
  const ModelConfig& config;
  const Trained& trained;
  bool recompute = false;
  std::int64_t begin = 0;  ///< blocks before it come from a cache

  double of(std::int64_t tokens) const {
    double sum = 0;
    for (auto layer = begin; layer < trained.end; ++layer) {
      const double products = 2 * block_matrix_size(config) * real(tokens),
                   attention = attention_operations(config, causal_pairs(tokens, config.window_of(layer)));
      const bool to_input = layer > trained.first || trained.embedding;
      const double size = trained.sizes[static_cast<std::size_t>(layer)];
      const bool differentiates = to_input || size > 0;
      sum += (recompute && differentiates ? 2 : 1) * (products + attention) + (to_input ? products + 2 * attention : 0) +
             2 * size * real(tokens);
    }
    return sum;
  }
};

std::int64_t tokens_of(const Example& example) { return static_cast<std::int64_t>(example.ids.size()); }

/// What the frozen model computes once over all examples, which run packed.
double frozen_cost(const ModelConfig& config, const std::vector<Example>& examples, std::int64_t end) {
  double sum = 0;
  for (const auto& example : examples) sum += forward_operations(config, tokens_of(example), 0, end);
  return sum;
}

/// How often a training draws each example of a set: really drawn, as the trainer does.
using Draws = std::vector<double>;

std::vector<Draws> draws_of(const TrainOptions& options, const std::vector<DrawnSet>& sets) {
  const StepExamples steps(sets, options);
  std::vector<Draws> draws;
  for (std::size_t term = 0; term < sets.size(); ++term) {
    auto& times = draws.emplace_back(static_cast<std::size_t>(sets[term].examples), 0);
    for (std::int64_t step = 0; step < steps.total_steps(); ++step)
      for (const auto index : steps.of(term, step)) ++times[static_cast<std::size_t>(index)];
  }
  return draws;
}

DrawnSet set_of(const std::vector<Example>& examples, Sampling sampling = Sampling::epoch) {
  return {static_cast<std::int64_t>(examples.size()), sampling};
}

/// What a loss over logits takes.
struct LossShape {
  bool all_tokens = false;   ///< logits of every token; else of targets
  std::int64_t skipped = 0;  ///< targets of an example that get none
  bool asks_target = false;
  bool keeps_states = false;  ///< the frozen model's logits are made of kept states in every step; else they are kept

  double rows(const Example& example) const {
    return real(all_tokens ? tokens_of(example) : std::max<std::int64_t>(0, example.targets() - skipped));
  }
};

/// One set's part of a training whose loss is made of logits.
double side_cost(const ModelConfig& config, const MethodOptions& method, const std::vector<Example>& examples,
                 const Pass& pass, const LossShape& loss, const Draws& draws) {
  const double row = 2 * head_size(config);
  const bool each_time = method.cache == FrozenCache::none;
  double sum = loss.asks_target && !each_time ? frozen_cost(config, examples, config.layers) : 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const double logits = row * loss.rows(examples[i]);
    if (loss.asks_target && !each_time && !loss.keeps_states) sum += logits;  // what is kept are log-probabilities
    if (draws[i] == 0) continue;
    double once = pass.of(tokens_of(examples[i])) + 3 * logits;
    if (loss.asks_target && each_time) once += forward_operations(config, tokens_of(examples[i]), 0, pass.trained.end);
    if (loss.asks_target && (each_time || loss.keeps_states)) once += logits;
    sum += draws[i] * once;
  }
  return sum;
}

LossShape forget_shape(const MethodOptions& method) {
  const auto& kind = kind_of(method);
  const bool all = method.npo_variant == NpoVariant::muse_logit;
  return {all, kind.skips_targets ? method.skipped_targets : 0, kind.asks_target, all || kind.keeps_states};
}

LossShape retain_shape(const MethodOptions& method) {
  const bool kl = method.retain == RetainKind::kl, asks = kl || method.retain == RetainKind::jsd;
  return {kl && method.kl_variant != KlVariant::token, 0, asks, asks};
}

/// Blocks run again only where a model is cut.
bool recomputes(const TrainOptions& options) {
  return options.execution.recompute && options.execution.shard != Shard::none;
}

/// Losses on states in the middle of the model, which run no further.
double states_cost(const ModelConfig& config, const MethodOptions& method, const TrainOptions& options,
                   const UnlearnData& data, const std::vector<Draws>& draws) {
  const auto end = method.rmu_early_stop ? method.layer + 1 : config.layers;
  const auto trained = trained_part(config, weights_trained_by(method, config), end);
  const bool keeps = method.cache != FrozenCache::none;
  const Pass pass{config, trained, recomputes(options), keeps ? trained.first : 0};
  double sum = 0;
  for (const bool retains : {false, true}) {
    const auto& examples = retains ? *data.retain : *data.forget;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto tokens = tokens_of(examples[i]);
      const double frozen = retains && !keeps ? forward_operations(config, tokens, 0, end) : 0;
      if (const double times = draws[retains ? 1 : 0][i]; times > 0) sum += times * (pass.of(tokens) + frozen);
    }
    if (keeps && trained.first > 0)
      sum += frozen_cost(config, examples, method.rmu_early_stop ? trained.first : config.layers);
    if (keeps && retains) sum += frozen_cost(config, examples, end);
  }
  return sum;
}

PlannedStage known(const std::string& stage, double operations) {
  PlannedStage cost;
  cost.stage = stage;
  cost.low = cost.operations = cost.high = operations;
  cost.trains = true;
  return cost;
}

bool everything(const std::string&) { return true; }

}  // namespace

PlannedStage finetuning_cost(const ModelConfig& config, const TrainOptions& options, const std::vector<Example>& examples,
                             const std::string& stage) {
  const auto trained = trained_part(config, everything, config.layers);
  const auto draws = draws_of(options, {set_of(examples)});
  return known(stage, side_cost(config, {}, examples, {config, trained, recomputes(options)}, {}, draws.front()));
}

PlannedStage unlearning_cost(const ModelConfig& config, const MethodOptions& method, const TrainOptions& options,
                             const UnlearnData& data) {
  const bool own = kind_of(method).retain_side == RetainSide::own, retains = own || method.retain != RetainKind::none;
  std::vector<DrawnSet> sets = {set_of(*data.forget)};
  if (retains) sets.push_back(set_of(*data.retain, data.retain_sampling));
  const auto draws = draws_of(options, sets);
  if (own) return known("unlearn", states_cost(config, method, options, data, draws));
  const auto trained = trained_part(config, everything, config.layers);
  const Pass pass{config, trained, recomputes(options)};
  const auto shape = forget_shape(method);
  double sum = side_cost(config, method, *data.forget, pass, shape, draws.front());
  if (data.alternates) sum += side_cost(config, method, *data.alternates, pass, shape, draws.front());
  if (retains) sum += side_cost(config, method, *data.retain, pass, retain_shape(method), draws.back());
  const LossShape anchor{false, 0, true, true};  // few targets less than the forget set has
  if (method.anchor_weight > 0) sum += side_cost(config, method, *data.forget, pass, anchor, draws.front());
  return known("unlearn", sum);
}

}  // namespace unpact
