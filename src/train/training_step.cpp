#include "training_step.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "micro_batches.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::vector<DrawnSet> sets_of(const std::vector<WeightedTerm>& terms) {
  std::vector<DrawnSet> sets;
  for (const auto& weighted : terms) sets.push_back({weighted.term->example_count(), weighted.sampling});
  return sets;
}

}  // namespace

TrainingStep::TrainingStep(const Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
                           Collectives& group, TrainedWeights& weights, AdamW& optimizer)
    : model_(model), terms_(terms), options_(options), group_(group), weights_(weights), optimizer_(optimizer),
      examples_(sets_of(terms), options) {
  for (const auto& weighted : terms) coefficients_.push_back(weighted.coefficient);
  if (clips_terms()) clipped_ = at::zeros_like(weights.gradients());
}

StepOutcome TrainingStep::run(std::int64_t index, StepWishes wishes) {
  weights_.gradients().zero_();
  StepOutcome outcome;
  outcome.stop = wishes.stop;
  outcome.save = wishes.save;
  auto& report = outcome.report;
  report.step = index + 1;
  report.total_steps = examples_.total_steps();
  std::vector<double> shares;
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const auto drawn = examples_.of(k, index);
    report.targets += terms_[k].term->targets(drawn);
    shares.push_back(accumulate(*terms_[k].term, clips_terms() ? 1.0 : coefficients_[k], drawn, outcome));
    if (clips_terms()) clip_term(k, report);
  }
  if (!clips_terms()) weights_.finish_gradients();
  add_up(std::move(shares), outcome);
  report.learning_rate =
      options_.learning_rate * schedule_factor(options_.schedule, index, options_.warmup_steps, examples_.total_steps());
  report.gradient_norm = weights_.gradient_norm();
  refuse_non_finite(report);
  if (!clips_terms()) limit_norm(weights_.gradients(), report.gradient_norm, options_.clip_norm);
  weights_.update(optimizer_, report.learning_rate);
  weights_.finish_step();
  follow_rules(report);
  return outcome;
}

/// Adds this rank's share of coefficient * sum / normalizer to the gradients. @return the share of the term's value.
double TrainingStep::accumulate(const LossTerm& term, double coefficient, const std::vector<std::int64_t>& drawn,
                                StepOutcome& outcome) {
  const double normalizer = term.normalizer(drawn);
  UNPACT_VALIDATE(normalizer > 0, concat("a training step has no token with loss in its term '", term.name(), "'"),
                  "all its examples are empty or masked", "check the dataset and which tokens carry loss");
  const MicroBatchCut cut{group_.rank(), group_.size(), options_.micro_batch, weights_.passes_are_collective()};
  double value = 0;
  for (const auto& batch : cut_into_micro_batches(term, drawn, cut)) {
    weights_.begin_pass(batch.counts);
    const auto mean = term.sum(model_, {batch.examples, options_.execution.packing}) / normalizer;
    if (batch.counts) value += mean.item<double>();
    (mean * coefficient).backward();
    weights_.finish_pass();
    if (batch.counts) count_tokens(term, batch.examples, outcome);
  }
  return value;
}

/// Takes over the gradient that the passes of a term left: behind the last one, the gradients are those of all terms.
void TrainingStep::clip_term(std::size_t k, StepReport& report) {
  const c10::NoGradGuard guard;
  weights_.finish_gradients();
  report.term_norms.push_back(weights_.gradient_norm());
  auto& gradients = weights_.gradients();
  limit_norm(gradients, report.term_norms.back(), options_.clip_norm);
  if (k == 0) clipped_.zero_();
  clipped_.add_(gradients, coefficients_[k]);
  if (k + 1 < terms_.size()) gradients.zero_();
  else gradients.copy_(clipped_);
}

void TrainingStep::count_tokens(const LossTerm& term, const std::vector<std::int64_t>& drawn, StepOutcome& outcome) const {
  std::int64_t tokens = 0, longest = 0;
  for (const auto index : drawn) {
    tokens += term.length(index);
    outcome.squared_lengths += static_cast<double>(term.length(index) * term.length(index));
    longest = std::max(longest, term.length(index));
  }
  outcome.report.tokens += tokens;
  if (!options_.execution.packing) outcome.report.padding += longest * static_cast<std::int64_t>(drawn.size()) - tokens;
}

/// Losses and counts over all ranks, and what any of them wants: one small collective a step, in float64, where counts are
/// exact. Both wishes are in one number, since the order in which MPI adds depends on how many numbers there are.
void TrainingStep::add_up(std::vector<double> shares, StepOutcome& outcome) {
  constexpr double kStop = 1, kSave = 0x1p-20;  // room for a million ranks
  auto& report = outcome.report;
  const auto terms = shares.size();
  for (const double count : {static_cast<double>(report.tokens), static_cast<double>(report.padding),
                             outcome.squared_lengths, (outcome.stop ? kStop : 0.0) + (outcome.save ? kSave : 0.0)})
    shares.push_back(count);
  if (group_.size() > 1) {
    auto shared = at::tensor(shares, at::kDouble).to(weights_.gradients().device());
    group_.all_reduce(shared);
    const auto sums = shared.to(at::kCPU);
    shares.assign(sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + sums.numel());
  }
  report.term_losses.assign(shares.begin(), shares.begin() + static_cast<std::ptrdiff_t>(terms));
  report.tokens = std::llround(shares[terms]);
  report.padding = std::llround(shares[terms + 1]);
  outcome.squared_lengths = shares[terms + 2];
  const double wishes = shares[terms + 3];
  outcome.stop = wishes >= kStop;
  outcome.save = wishes > std::floor(wishes);
  for (std::size_t k = 0; k < terms; ++k) report.loss += coefficients_[k] * report.term_losses[k];
  report.coefficients = coefficients_;
}

/// All ranks hold the same reduced numbers, so all of them throw together.
void TrainingStep::refuse_non_finite(const StepReport& report) {
  if (std::isfinite(report.loss) && std::isfinite(report.gradient_norm)) return;
  const auto tensor = weights_.first_non_finite_gradient();
  throw TrainingDiverged(
      concat("step ", report.step, " is not finite: loss ", report.loss, ", gradient norm ", report.gradient_norm),
      tensor.empty() ? "the loss itself overflowed" : concat("the gradient of ", tensor, " is not finite"),
      "lower the learning rate or the number of epochs; the weights are those of the step before");
}

/// The coefficients of the next step.
void TrainingStep::follow_rules(const StepReport& report) {
  for (std::size_t k = 0; k < terms_.size(); ++k)
    if (terms_[k].rule) coefficients_[k] = terms_[k].rule(coefficients_[k], report.term_losses[k], report.step);
}

}  // namespace unpact
