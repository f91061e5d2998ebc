#include "unpact/train/trainer.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "failures.hpp"
#include "step_log.hpp"
#include "trained_weights.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/kept_memory.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace {

/// Runs the steps; one object a training.
class Trainer {
 public:
  Trainer(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options, Collectives& group,
          const std::function<bool(const std::string&)>& selected)
      : model_(model), terms_(terms), options_(options), group_(group),
        weights_(make_trained_weights(model, selected, group, options)),
        optimizer_(weights_->values(), options.adamw), schedule_(parse_schedule(options.schedule)) {
    if (options.device) refuse_non_finite_weights();
    for (const auto& weighted : terms) coefficients_.push_back(weighted.coefficient);
    for (std::size_t k = 0; k < terms.size(); ++k)
      samplers_.emplace_back(terms[k].term->example_count(), random_bits(options.seed, stream_of("sampler"), k), options.shuffle);
    epoch_positions_ = options.epochs * terms.front().term->example_count();
    total_steps_ = count_steps(options, terms.front().term->example_count());
  }

  std::vector<StepReport> run(const std::function<void(const StepReport&)>& on_step) {
    auto reports = resume();
    if (on_step)
      for (const auto& report : reports) on_step(report);
    StepLog log(group_.rank() == 0 ? options_.step_log : "", reports);
    for (auto index = static_cast<std::int64_t>(reports.size()); index < total_steps_; ++index) {
      try {
        reports.push_back(step(index));
      } catch (...) {
        rethrow_from_step(index + 1);
      }
      if (on_step) on_step(reports.back());
      log.write(reports.back());
      keep_safe(reports);
    }
    if (checkpoints_) checkpoints_->finish();
    weights_->restore(options_.keeper);
    return reports;
  }

 private:
  /// Weights that were loaded whole have been checked; of mapped ones every rank has looked at its pieces.
  void refuse_non_finite_weights() {
    const auto tensor = weights_->sharded()->first_non_finite_weight();
    UNPACT_VALIDATE(tensor.empty(), concat("tensor '", tensor, "' of the model to train holds NaN or infinity"),
                    "every answer of this model would be meaningless", "use an intact checkpoint");
  }

  StepReport step(std::int64_t index) {
    const Stopwatch watch;
    stop_ = checkpoints_ && stop_wanted(time_reserve());
    squared_lengths_ = 0;
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
    weights_->update(optimizer_, report.learning_rate);
    weights_->finish_step();
    follow_rules(report);
    measure(report, watch.seconds());
    return report;
  }

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
      const auto mean = term.sum(model_, {batch.examples, options_.execution.packing}) / normalizer;
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

  void count_tokens(const LossTerm& term, const std::vector<std::int64_t>& examples, StepReport& report) {
    std::int64_t tokens = 0, longest = 0;
    for (const auto index : examples) {
      tokens += term.length(index);
      squared_lengths_ += static_cast<double>(term.length(index) * term.length(index));
      longest = std::max(longest, term.length(index));
    }
    report.tokens += tokens;
    if (!options_.execution.packing) report.padding += longest * static_cast<std::int64_t>(examples.size()) - tokens;
  }

  /// Losses and counts over all ranks, and whether any of them wants to stop: one small collective a step.
  void reduce(std::vector<double> shares, StepReport& report) {
    const auto terms = shares.size();
    for (const double count : {static_cast<double>(report.tokens), static_cast<double>(report.padding), squared_lengths_, stop_ ? 1.0 : 0.0})
      shares.push_back(count);
    if (group_.size() > 1) {
      auto shared = at::tensor(shares, at::kDouble).to(model_.device(), at::kFloat);
      group_.all_reduce(shared);
      const auto sums = shared.to(at::kCPU, at::kDouble);
      shares.assign(sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + sums.numel());
    }
    report.term_losses.assign(shares.begin(), shares.begin() + static_cast<std::ptrdiff_t>(terms));
    report.tokens = std::llround(shares[terms]);
    report.padding = std::llround(shares[terms + 1]);
    squared_lengths_ = shares[terms + 2];
    stop_ = shares[terms + 3] > 0;
    for (std::size_t k = 0; k < terms; ++k) report.loss += coefficients_[k] * report.term_losses[k];
    report.coefficients = coefficients_;
  }

  /// All ranks hold the same reduced numbers, so all of them throw together.
  void refuse_non_finite(const StepReport& report) {
    if (std::isfinite(report.loss) && std::isfinite(report.gradient_norm)) return;
    const auto tensor = weights_->first_non_finite_gradient();
    if (checkpoints_) checkpoints_->finish();
    weights_->restore(options_.keeper);  // all ranks are here
    throw TrainingDiverged(concat("step ", report.step, " is not finite: loss ", report.loss, ", gradient norm ", report.gradient_norm),
                         tensor.empty() ? "the loss itself overflowed" : concat("the gradient of ", tensor, " is not finite"),
                         "lower the learning rate or the number of epochs; the weights are those of the step before");
  }

  void measure(StepReport& report, double seconds) {
    report.seconds = seconds;
    report.peak_bytes = static_cast<std::int64_t>(peak_memory(weights_->gradients().device()));
    const double flops = training_flops(model_.config(), static_cast<double>(report.tokens), static_cast<double>(report.targets), squared_lengths_);
    if (options_.execution.peak_tflops > 0)
      report.mfu = flops / (seconds * group_.size() * options_.execution.peak_tflops * 1e12);
    step_seconds_ = seconds;
  }

  /// What decides the run's numbers.
  std::string fingerprint() const {
    const auto& o = options_;
    auto text = concat(o.identity, "|", total_steps_, "|", o.epochs, "|", o.batch_size, "|", o.learning_rate, "|", o.schedule, "|", o.warmup_steps,
                       "|", o.clip_norm, "|", o.adamw.beta1, "|", o.adamw.beta2, "|", o.adamw.epsilon, "|", o.adamw.weight_decay, "|",
                       o.seed, "|", o.shuffle, "|", o.execution.dtype, "|", o.execution.master_weights);
    for (const auto& weighted : terms_)
      text += concat("|", weighted.term->name(), " ", weighted.coefficient, " ", weighted.term->example_count(), " ",
                     static_cast<int>(weighted.sampling), " ", static_cast<bool>(weighted.rule));
    for (const auto& piece : weights_->sharded()->pieces()) text += concat("|", piece.unit, " ", piece.unit_size);
    return sha256_of_bytes(text);
  }

  TrainingState state(std::int64_t step) {
    return {weights_->values(), optimizer_.first_moment(), optimizer_.second_moment(), step, coefficients_, {}};
  }

  /// Continues from the newest checkpoint. @return the reports of the steps before it.
  std::vector<StepReport> resume() {
    if (options_.checkpoint_folder.empty() || weights_->sharded() == nullptr) return {};
    checkpoints_ = std::make_unique<TrainingCheckpoints>(options_.checkpoint_folder, fingerprint(), weights_->sharded()->pieces(), group_,
                                                         model_.device(), options_.execution.checkpoint_keep);
    auto found = state(0);
    if (!checkpoints_->load(found)) return {};
    auto reports = reports_from_json(found.history, options_.checkpoint_folder);
    UNPACT_VALIDATE(found.coefficients.size() == coefficients_.size() && static_cast<std::int64_t>(reports.size()) == found.step,
                    concat("the checkpoint of step ", found.step, " in ", options_.checkpoint_folder, " contradicts itself"),
                    "coefficients or history are not complete", "remove that folder to start anew");
    const c10::NoGradGuard guard;
    weights_->set_values(found.values);
    optimizer_.first_moment().copy_(found.first_moment);
    optimizer_.second_moment().copy_(found.second_moment);
    optimizer_.set_steps(found.step);
    coefficients_ = found.coefficients;
    if (group_.rank() == 0) log::info(concat("Continuing behind step ", found.step, " of ", total_steps_));
    return reports;
  }

  /// Checkpoints between two steps.
  void keep_safe(const std::vector<StepReport>& reports) {
    if (!checkpoints_) return;
    checkpoints_->poll();
    const auto done = static_cast<std::int64_t>(reports.size()), every = options_.execution.checkpoint_every;
    const bool due = every > 0 && done % every == 0;
    if ((!due && !stop_) || done == total_steps_) return;
    auto now = state(done);
    now.history = Json::array();
    for (const auto& report : reports) now.history.push_back(to_json(report));
    checkpoints_->start_save(now);
    if (!stop_) return;
    checkpoints_->finish();
    throw StoppedAtCheckpoint(concat("stopped behind step ", done, " of ", total_steps_), "the run was asked to, or its time is nearly over",
                              "start the same command again: it continues from there");
  }

  /// Time to keep for the last step and the last checkpoint, with room for a slow disk.
  double time_reserve() const {
    constexpr double kBytesPerSecond = 1e8;
    const double expected = 3.0 * static_cast<double>(weights_->values().nbytes()) / kBytesPerSecond;
    return 30 + 2 * step_seconds_ + 1.5 * std::max(checkpoints_->save_seconds(), expected);
  }

  const KeptMemory kept_memory_;  // steps allocate the same again and again
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
  std::unique_ptr<TrainingCheckpoints> checkpoints_;
  bool stop_ = false;
  double squared_lengths_ = 0, step_seconds_ = 0;  // of the step's examples; of the last step
};

}  // namespace

std::vector<StepReport> train(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
                              Collectives& group, const std::function<bool(const std::string&)>& selected,
                              const std::function<void(const StepReport&)>& on_step) {
  check_train_options(options);
  UNPACT_EXPECT(!terms.empty());
  for (const auto& weighted : terms)
    UNPACT_VALIDATE(weighted.term->example_count() > 0, concat("the term '", weighted.term->name(), "' has no examples"),
                    "its dataset is empty", "check the dataset's folder and files");
  Trainer trainer(model, terms, options, group, selected ? selected : [](const std::string&) { return true; });
  return trainer.run(on_step);
}

}  // namespace unpact
