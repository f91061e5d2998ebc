#include "unpact/train/trainer.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "trained_weights.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

/// Runs the steps; one object a training.
class Trainer {
 public:
  Trainer(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options, Collectives& group,
          const std::function<bool(const std::string&)>& selected)
      : model_(model), terms_(terms), options_(options), group_(group),
        weights_(make_trained_weights(model, selected, group, options.execution)),
        optimizer_(weights_->values(), options.adamw), schedule_(parse_schedule(options.schedule)) {
    for (const auto& weighted : terms) coefficients_.push_back(weighted.coefficient);
    for (std::size_t k = 0; k < terms.size(); ++k)
      samplers_.emplace_back(terms[k].term->example_count(), random_bits(options.seed, stream_of("sampler"), k), options.shuffle);
    epoch_positions_ = options.epochs * terms.front().term->example_count();
    total_steps_ = count_steps(options, terms.front().term->example_count());
  }

  std::int64_t total_steps() const { return total_steps_; }

  StepReport step(std::int64_t index) {
    weights_->gradients().zero_();
    StepReport report;
    report.step = index + 1;
    report.total_steps = total_steps_;
    std::vector<double> shares;
    for (std::size_t k = 0; k < terms_.size(); ++k) {
      const auto examples = step_examples(k, index);
      report.targets += terms_[k].term->targets(examples);
      shares.push_back(accumulate(*terms_[k].term, coefficients_[k], examples, report));
    }
    weights_->finish_gradients();
    reduce(shares, report);
    report.learning_rate = options_.learning_rate * schedule_factor(schedule_, index, options_.warmup_steps, total_steps_);
    report.gradient_norm = weights_->gradient_norm();
    refuse_non_finite(report);
    limit_norm(weights_->gradients(), report.gradient_norm, options_.clip_norm);
    optimizer_.step(weights_->values(), weights_->gradients(), report.learning_rate);
    weights_->finish_step();
    follow_rules(report);
    return report;
  }

  void restore() { weights_->restore(-1); }

 private:
  /// The examples of one term in one step, over all ranks.
  std::vector<std::int64_t> step_examples(std::size_t term, std::int64_t index) const {
    std::vector<std::int64_t> examples;
    const auto begin = index * options_.batch_size;
    auto end = begin + options_.batch_size;
    if (options_.max_steps == 0) end = std::min(end, epoch_positions_);
    for (auto position = begin; position < end; ++position) examples.push_back(example_at(term, position));
    return examples;
  }

  std::int64_t example_at(std::size_t term, std::int64_t position) const {
    const auto count = terms_[term].term->example_count();
    switch (terms_[term].sampling) {
      case Sampling::paired: return samplers_.front()[position] % count;
      case Sampling::uniform:
        return static_cast<std::int64_t>(random_below(static_cast<std::uint64_t>(count), options_.seed,
                                                      random_bits(stream_of("uniform"), 0, term), static_cast<std::uint64_t>(position)));
      case Sampling::epoch: break;
    }
    return samplers_[term][position];
  }

  /// The coefficients of the next step.
  void follow_rules(const StepReport& report) {
    for (std::size_t k = 0; k < terms_.size(); ++k)
      if (terms_[k].rule) coefficients_[k] = terms_[k].rule(coefficients_[k], report.term_losses[k], report.step);
  }

  /// Adds this rank's share of coefficient * sum / normalizer to the gradients. @return the share of the term's value.
  double accumulate(const LossTerm& term, double coefficient, const std::vector<std::int64_t>& examples, StepReport& report) {
    const double normalizer = term.normalizer(examples);
    UNPACT_VALIDATE(normalizer > 0, concat("a training step has no token with loss in its term '", term.name(), "'"),
                    "all its examples are empty or masked", "check the dataset and which tokens carry loss");
    double value = 0;
    for (const auto& batch : micro_batches(term, examples)) {
      const auto mean = term.sum(model_, batch.examples) / normalizer;
      if (batch.counts) value += mean.item<double>();
      (mean * (batch.counts ? coefficient : 0.0)).backward();
      weights_->finish_pass();
      if (batch.counts) count_tokens(term, batch.examples, report);
    }
    return value;
  }

  struct MicroBatch {
    std::vector<std::int64_t> examples;
    bool counts = true;  // false: runs along with weight 0, because every rank must take part in each pass's collectives
  };

  /// This rank's share of a step's examples, similar lengths together; as many batches on every rank.
  std::vector<MicroBatch> micro_batches(const LossTerm& term, const std::vector<std::int64_t>& examples) const {
    const auto ranks = static_cast<std::size_t>(group_.size()), size = static_cast<std::size_t>(options_.micro_batch);
    std::vector<std::int64_t> mine;
    for (std::size_t i = static_cast<std::size_t>(group_.rank()); i < examples.size(); i += ranks) mine.push_back(examples[i]);
    std::stable_sort(mine.begin(), mine.end(), [&](auto a, auto b) { return term.length(a) > term.length(b); });
    std::vector<MicroBatch> batches;
    for (std::size_t begin = 0; begin < mine.size(); begin += size) {
      const auto first = mine.begin() + static_cast<std::ptrdiff_t>(begin);
      batches.push_back({{first, first + static_cast<std::ptrdiff_t>(std::min(size, mine.size() - begin))}, true});
    }
    if (options_.execution.shard == "none") return batches;
    const auto most = (examples.size() + ranks - 1) / ranks;  // of rank 0
    const auto shortest = *std::min_element(examples.begin(), examples.end(),
                                            [&](auto a, auto b) { return term.length(a) < term.length(b); });
    while (batches.size() < (most + size - 1) / size) batches.push_back({{shortest}, false});
    return batches;
  }

  static void count_tokens(const LossTerm& term, const std::vector<std::int64_t>& examples, StepReport& report) {
    std::int64_t tokens = 0, longest = 0;
    for (const auto index : examples) {
      tokens += term.length(index);
      longest = std::max(longest, term.length(index));
    }
    report.tokens += tokens;
    report.padding += longest * static_cast<std::int64_t>(examples.size()) - tokens;
  }

  void reduce(const std::vector<double>& shares, StepReport& report) {
    report.term_losses = shares;
    if (group_.size() > 1) {
      auto shared = at::tensor(shares, at::kDouble).to(model_.device(), at::kFloat);
      group_.all_reduce(shared);
      const auto sums = shared.to(at::kCPU, at::kDouble);
      for (std::size_t k = 0; k < shares.size(); ++k) report.term_losses[k] = sums[static_cast<std::int64_t>(k)].item<double>();
    }
    for (std::size_t k = 0; k < shares.size(); ++k) report.loss += coefficients_[k] * report.term_losses[k];
    report.coefficients = coefficients_;
  }

  /// All ranks hold the same reduced numbers, so all of them throw together.
  void refuse_non_finite(const StepReport& report) {
    if (std::isfinite(report.loss) && std::isfinite(report.gradient_norm)) return;
    const auto tensor = weights_->first_non_finite_gradient();
    throw TrainingDiverged(concat("step ", report.step, " is not finite: loss ", report.loss, ", gradient norm ", report.gradient_norm),
                         tensor.empty() ? "the loss itself overflowed" : concat("the gradient of ", tensor, " is not finite"),
                         "lower the learning rate or the number of epochs; the weights are those of the step before");
  }

  Transformer& model_;
  const std::vector<WeightedTerm>& terms_;
  const TrainOptions& options_;
  Collectives& group_;
  std::unique_ptr<TrainedWeights> weights_;
  AdamW optimizer_;
  Schedule schedule_;
  std::vector<EpochSampler> samplers_;
  std::vector<double> coefficients_;  ///< of the next step; a rule may change them
  std::int64_t epoch_positions_ = 0, total_steps_ = 0;
};

}  // namespace

void check_execution(const TrainExecution& execution) {
  const auto choose = [](const char* name, const std::string& value, const std::vector<std::string>& known) {
    UNPACT_VALIDATE(std::find(known.begin(), known.end(), value) != known.end(), concat("option 'train.", name, "' is '", value, "'"),
                    "it is not one of the known values", concat("use ", join(known, ", ")));
  };
  choose("shard", execution.shard, {"auto", "parameters", "gradients", "none"});
  choose("dtype", execution.dtype, {"fp32", "bf16"});
  choose("master_weights", execution.master_weights, {"fp32", "none"});
  UNPACT_VALIDATE(execution.shard != "none" || (execution.dtype == "fp32" && !execution.recompute),
                  "option 'train.shard = none' contradicts train.dtype or train.recompute",
                  "the reference trainer computes in fp32 and keeps all activations", "use train.shard = auto");
  UNPACT_VALIDATE(execution.master_weights != "none" || execution.dtype == "bf16", "option 'train.master_weights' is 'none'",
                  "in fp32 the weights are their own masters", "use it with train.dtype = bf16, or leave it away");
}

void check_train_options(const TrainOptions& options) {
  const auto require = [](bool good, const char* name, auto value, const char* rule) {
    UNPACT_VALIDATE(good, concat("option '", name, "' is ", value), rule, "correct it in the configuration or on the command line");
  };
  require(options.epochs >= 0, "epochs", options.epochs, "it must not be negative");
  require(options.max_steps >= 0, "max_steps", options.max_steps, "it must not be negative");
  require(options.batch_size > 0, "batch_size", options.batch_size, "it must be positive");
  require(options.micro_batch > 0, "micro_batch", options.micro_batch, "it must be positive");
  require(options.learning_rate >= 0 && std::isfinite(options.learning_rate), "learning_rate", options.learning_rate,
          "it must be a finite number >= 0");
  require(options.warmup_steps >= 0, "warmup_steps", options.warmup_steps, "it must not be negative");
  require(options.clip_norm >= 0, "clip_norm", options.clip_norm, "it must not be negative (0: no clipping)");
  require(options.adamw.beta1 >= 0 && options.adamw.beta1 < 1, "beta1", options.adamw.beta1, "it must lie in [0, 1)");
  require(options.adamw.beta2 >= 0 && options.adamw.beta2 < 1, "beta2", options.adamw.beta2, "it must lie in [0, 1)");
  require(options.adamw.epsilon > 0 && std::isfinite(options.adamw.epsilon), "epsilon", options.adamw.epsilon,
          "it must be positive: weights without gradient would become NaN");
  require(options.adamw.weight_decay >= 0 && std::isfinite(options.adamw.weight_decay), "weight_decay",
          options.adamw.weight_decay, "it must be a finite number >= 0");
  parse_schedule(options.schedule);
  check_execution(options.execution);
}

Sampling parse_sampling(const std::string& name) {
  if (name == "epoch") return Sampling::epoch;
  if (name == "uniform") return Sampling::uniform;
  if (name == "paired") return Sampling::paired;
  throw UserError(concat("unknown sampling '", name, "'"), "known: epoch, uniform, paired", "choose one of these");
}

std::int64_t count_steps(const TrainOptions& options, std::int64_t examples) {
  if (options.max_steps > 0) return options.max_steps;
  return (options.epochs * examples + options.batch_size - 1) / options.batch_size;
}

std::vector<StepReport> train(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
                              Collectives& group, const std::function<bool(const std::string&)>& selected,
                              const std::function<void(const StepReport&)>& on_step) {
  check_train_options(options);
  UNPACT_EXPECT(!terms.empty());
  for (const auto& weighted : terms)
    UNPACT_VALIDATE(weighted.term->example_count() > 0, concat("the term '", weighted.term->name(), "' has no examples"),
                    "its dataset is empty", "check the dataset's folder and files");
  Trainer trainer(model, terms, options, group, selected ? selected : [](const std::string&) { return true; });
  std::vector<StepReport> reports;
  for (std::int64_t index = 0; index < trainer.total_steps(); ++index) {
    try {
      reports.push_back(trainer.step(index));
    } catch (const TrainingDiverged&) {
      trainer.restore();  // all ranks are here
      throw;
    }
    if (on_step) on_step(reports.back());
  }
  trainer.restore();
  return reports;
}

}  // namespace unpact
