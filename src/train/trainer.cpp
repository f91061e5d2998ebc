#include "unpact/train/trainer.hpp"

#include <algorithm>

#include "adapter_scope.hpp"
#include "run_checkpoints.hpp"
#include "step_log.hpp"
#include "trained_weights.hpp"
#include "training_step.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/kept_memory.hpp"
#include "unpact/core/log.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/model/encoder_decoder.hpp"

namespace unpact {
namespace {

/// Inside a catch block: throws the exception again, now with the step and the rank. Errors of the user's input and
/// TrainingDiverged, which names its step, stay as they are.
[[noreturn]] void rethrow_from_step(std::int64_t step) {
  const auto problem = concat("step ", step, " failed on rank ", log::rank());
  try {
    throw;
  } catch (const UserError&) {
    throw;
  } catch (const TrainingDiverged&) {
    throw;
  } catch (const Error& error) {
    throw RuntimeFailure(concat(problem, ": ", error.problem()), error.reason(), error.hint());
  } catch (const std::exception& error) {
    throw RuntimeFailure(problem, one_line(error), "look for an earlier message of this rank; check its memory and device");
  }
}

/// The steps of a training, one after the other; one object a training.
class Trainer {
 public:
  Trainer(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options, Collectives& group,
          const Selection& selected)
      : model_(model), options_(options), group_(group), config_(model.config()),
        weights_(make_trained_weights(model, selected, group, options)), optimizer_(weights_->values(), options.adamw),
        step_(model, terms, options, group, *weights_, optimizer_),
        checkpoints_({options, terms, step_.examples().total_steps(), *weights_, optimizer_, step_.coefficients(), group}) {
    const auto tensor = weights_->first_non_finite_weight();
    UNPACT_VALIDATE(tensor.empty(), concat("tensor '", tensor, "' of the model to train holds NaN or infinity"),
                    "every answer of this model would be meaningless", "use an intact checkpoint");
  }

  std::vector<StepReport> run(const std::function<void(const StepReport&)>& on_step) {
    auto reports = checkpoints_.resume();
    if (on_step)
      for (const auto& report : reports) on_step(report);
    StepLog log(group_.rank() == 0 ? options_.step_log : "", reports);
    for (auto index = static_cast<std::int64_t>(reports.size()); index < step_.examples().total_steps(); ++index) {
      auto outcome = run_step(index);
      reports.push_back(std::move(outcome.report));
      if (on_step) on_step(reports.back());
      log.write(reports.back());
      visit_point(index + 1);
      checkpoints_.keep_safe(reports, {outcome.stop, outcome.save});
    }
    hand_over();
    return reports;
  }

 private:
  StepOutcome run_step(std::int64_t index) {
    try {
      const Stopwatch watch;
      auto outcome = step_.run(index, {checkpoints_.stop_wanted(step_seconds_), checkpoints_.save_wanted()});
      step_seconds_ = watch.seconds();
      measure_step(outcome.report, {step_seconds_, training_flops(config_, outcome.report, outcome.squared_lengths),
                                    options_.execution.peak_tflops * 1e12 * group_.size(), weights_->gradients().device()});
      return outcome;
    } catch (const TrainingDiverged&) {
      hand_over();  // all ranks are here
      throw;
    } catch (...) {
      rethrow_from_step(index + 1);
    }
  }

  /// Before the checkpoint of this step: whoever continues from there need not look again.
  void visit_point(std::int64_t step) {
    const auto& points = options_.points;
    if (!points.visit || !std::ranges::binary_search(points.steps, step)) return;
    points.visit(step, [this](const ResultOptions& wanted) {
      auto result = wanted;
      result.change = options_.result.change;
      return weights_->give(result);
    });
  }

  /// Whole weights into the model. What only steps need goes first.
  void hand_over() {
    checkpoints_.finish();
    const auto& result = options_.result;
    optimizer_.drop_moments();
    weights_->drop_gradients();
    if (result.before) result.before();
    if (result.exact != nullptr) {
      weights_->restore({.keeper = 0, .change = result.change});
      *result.exact = model_.weights();
    }
    weights_->restore(result);
  }

  const KeptMemory kept_memory_;  // steps allocate the same again and again
  Transformer& model_;
  const TrainOptions& options_;
  Collectives& group_;
  const ModelConfig& config_;
  std::unique_ptr<TrainedWeights> weights_;
  AdamW optimizer_;
  TrainingStep step_;
  RunCheckpoints checkpoints_;
  double step_seconds_ = 0;  // of the last step
};

}  // namespace

std::vector<StepReport> train(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
                              Collectives& group, const std::function<bool(const std::string&)>& selected,
                              const std::function<void(const StepReport&)>& on_step) {
  check_train_options(options);
  refuse_encoder_decoder(model.config(), "trained");
  UNPACT_EXPECT(!terms.empty());
  for (const auto& weighted : terms)
    UNPACT_VALIDATE(weighted.term->example_count() > 0, concat("the term '", weighted.term->name(), "' has no examples"),
                    "its dataset is empty", "check the dataset's folder and files");
  auto effective = options;
  effective.execution.dtype = effective_dtype(options.execution, options.device.value_or(model.device()));
  const kernels::Tf32Products exact(false);
  const Selection all = [](const std::string&) { return true; };
  const AdapterScope adapters(model, effective);
  Trainer trainer(model, terms, effective, group, adapters.trained(selected ? selected : all));
  return trainer.run(on_step);
}

}  // namespace unpact
