#pragma once
/// One step of a training: forward and backward passes, what ranks add up, the update; private to this layer.
#include <cstdint>
#include <vector>

#include "trained_weights.hpp"
#include "unpact/train/step_examples.hpp"

namespace unpact {

/// What a step did, and what only the trainer wants to know of it.
struct StepOutcome {
  StepReport report;           ///< all but time and memory
  double squared_lengths = 0;  ///< sum over all examples of all ranks
  bool stop = false;           ///< whether any rank wanted to stop
  bool save = false;           ///< whether any rank wanted a checkpoint
};

/// What a rank wants after a step.
struct StepWishes {
  bool stop = false, save = false;
};

class TrainingStep {
 public:
  /// All must outlive it.
  TrainingStep(const Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
               Collectives& group, TrainedWeights& weights, AdamW& optimizer);

  const StepExamples& examples() const { return examples_; }
  /// The terms' coefficients in the next step; a rule may change them.
  std::vector<double>& coefficients() { return coefficients_; }

  /// Runs a step (0-based). Collective. @param wishes of this rank; all get what any of them wants.
  /// @throws TrainingDiverged on every rank, before any weight changes.
  StepOutcome run(std::int64_t index, StepWishes wishes);

 private:
  double accumulate(const LossTerm& term, double coefficient, const std::vector<std::int64_t>& drawn, StepOutcome& outcome);
  bool clips_terms() const { return options_.clip == ClipRule::terms; }
  void clip_term(std::size_t k, StepReport& report);
  void count_tokens(const LossTerm& term, const std::vector<std::int64_t>& drawn, StepOutcome& outcome) const;
  void add_up(std::vector<double> shares, StepOutcome& outcome);
  void refuse_non_finite(const StepReport& report);
  void follow_rules(const StepReport& report);

  const Transformer& model_;
  const std::vector<WeightedTerm>& terms_;
  const TrainOptions& options_;
  Collectives& group_;
  TrainedWeights& weights_;
  AdamW& optimizer_;
  StepExamples examples_;
  std::vector<double> coefficients_;
  at::Tensor clipped_;  // of the terms so far: coefficient * clipped gradient; where terms are clipped alone
};

}  // namespace unpact
