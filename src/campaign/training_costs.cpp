#include <algorithm>
#include <limits>

#include "stage_costs.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/operation_count.hpp"

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

/// What the frozen model computes once over all examples, padded in its passes.
double frozen_cost(const ModelConfig& config, const std::vector<Example>& examples, std::int64_t end) {
  double sum = 0;
  for (const auto& pass : frozen_passes(examples)) {
    std::int64_t longest = 0;
    for (const auto i : pass) longest = std::max(longest, example_length(examples, i));
    sum += forward_operations(config, longest, 0, end, static_cast<double>(pass.size()));
  }
  return sum;
}

/// Examples that all steps of a term draw together.
double draws_of(const TrainOptions& options, std::int64_t examples) {
  const auto steps = count_steps(options, examples);
  if (options.step_rule == StepRule::per_epoch) return real(first_position(options, examples, steps));
  const auto all = real(steps) * real(options.batch_size);
  return options.max_steps == 0 ? std::min(all, real(options.epochs) * real(examples)) : all;
}

/// Operations in blocks, means over a set's examples.
struct Means {
  double pass = 0, forward = 0;
};

Means means_of(const std::vector<Example>& examples, const Pass& pass) {
  Means means;
  for (const auto& example : examples) {
    const auto tokens = static_cast<std::int64_t>(example.ids.size());
    means.pass += pass.of(tokens);
    means.forward += forward_operations(pass.config, tokens, 0, pass.trained.end);
  }
  for (auto* mean : {&means.pass, &means.forward}) *mean /= static_cast<double>(examples.size());
  return means;
}

/// What a loss over logits takes.
struct LossShape {
  double rows = 0;  ///< of logits, an example
  bool asks_target = false;
  bool keeps_states = false;  ///< the frozen model's logits are made of kept states in every step; else they are kept
  double sides = 1;           ///< examples a draw: two where one is preferred to the other
};

/// One set's part of a training whose loss is made of logits.
double side_cost(const ModelConfig& config, const MethodOptions& method, const std::vector<Example>& examples,
                 const Pass& pass, const LossShape& loss, double draws) {
  const auto means = means_of(examples, pass);
  const double row = 2 * head_size(config);
  double sum = draws * (means.pass + 3 * row * loss.rows);
  if (!loss.asks_target) return loss.sides * sum;
  const double once = loss.keeps_states ? 0 : row * loss.rows;  // what is kept are log-probabilities
  if (loss.keeps_states) sum += draws * row * loss.rows;
  sum += method.cache == FrozenCache::none
             ? draws * (means.forward + once)
             : frozen_cost(config, examples, config.layers) + static_cast<double>(examples.size()) * once;
  return loss.sides * sum;
}

double mean_targets(const std::vector<Example>& examples) {
  double sum = 0;
  for (const auto& example : examples) sum += real(example.targets());
  return sum / static_cast<double>(examples.size());
}

double mean_tokens(const std::vector<Example>& examples) {
  double sum = 0;
  for (const auto& example : examples) sum += static_cast<double>(example.ids.size());
  return sum / static_cast<double>(examples.size());
}

LossShape forget_shape(const MethodOptions& method, const std::vector<Example>& forget) {
  const auto& kind = kind_of(method);
  const bool all = method.npo_variant == NpoVariant::muse_logit;
  return {all ? mean_tokens(forget) : mean_targets(forget), kind.asks_target, all || kind.keeps_states, kind.cost};
}

LossShape retain_shape(const MethodOptions& method, const std::vector<Example>& retain) {
  const bool kl = method.retain == RetainKind::kl;
  const bool all = kl && method.kl_variant != KlVariant::token;
  return {all ? mean_tokens(retain) : mean_targets(retain), kl, kl, 1};
}

/// Blocks run again only where a model is cut.
bool recomputes(const TrainOptions& options) {
  return options.execution.recompute && options.execution.shard != Shard::none;
}

/// Losses on states in the middle of the model, which run no further.
double states_cost(const ModelConfig& config, const MethodOptions& method, const TrainOptions& options,
                   const UnlearnData& data, double draws) {
  const auto end = method.rmu_early_stop ? method.layer + 1 : config.layers;
  const auto trained = trained_part(config, weights_trained_by(method, config), end);
  const bool keeps = method.cache != FrozenCache::none;
  const Pass pass{config, trained, recomputes(options), keeps ? trained.first : 0};
  double sum = 0;
  for (const auto* set : {&data.forget, &data.retain}) {
    const auto means = means_of(**set, pass);
    sum += draws * means.pass;
    if (keeps && trained.first > 0) sum += frozen_cost(config, **set, method.rmu_early_stop ? trained.first : config.layers);
    if (set == &data.retain) sum += keeps ? frozen_cost(config, **set, end) : draws * means.forward;
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
  const auto draws = draws_of(options, static_cast<std::int64_t>(examples.size()));
  return known(stage,
               side_cost(config, {}, examples, {config, trained, recomputes(options)}, {mean_targets(examples)}, draws));
}

PlannedStage unlearning_cost(const ModelConfig& config, const MethodOptions& method, const TrainOptions& options,
                             const UnlearnData& data) {
  const auto& kind = kind_of(method);
  const auto draws = draws_of(options, static_cast<std::int64_t>(data.forget->size()));
  if (kind.retain_side == RetainSide::own) return known("unlearn", states_cost(config, method, options, data, draws));
  const auto trained = trained_part(config, everything, config.layers);
  const Pass pass{config, trained, recomputes(options)};
  double sum = side_cost(config, method, *data.forget, pass, forget_shape(method, *data.forget), draws);
  if (method.retain != RetainKind::none)
    sum += side_cost(config, method, *data.retain, pass, retain_shape(method, *data.retain), draws);
  return known("unlearn", sum);
}

}  // namespace unpact
