#pragma once
/// Where a training run leaves off and continues: resuming, saving between steps, time to keep in reserve; private to this
/// layer.
#include <memory>
#include <vector>

#include "trained_weights.hpp"
#include "training_step.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {

class RunCheckpoints {
 public:
  /// What continues a run; all must outlive this object.
  struct Run {
    const TrainOptions& options;
    const std::vector<WeightedTerm>& terms;
    std::int64_t total_steps;
    TrainedWeights& weights;
    AdamW& optimizer;
    std::vector<double>& coefficients;
    Collectives& group;
  };
  /// Without a checkpoint folder, or where the weights are not kept, nothing is read or written.
  explicit RunCheckpoints(const Run& run);

  /// Continues from the newest checkpoint. Collective. @return the reports of the steps before it.
  std::vector<StepReport> resume();
  /// Whether this rank has to stop after a step that takes as long as the last one did.
  bool stop_wanted(double step_seconds) const;
  /// Whether a checkpoint is due by the clock: rank 0's alone, as clocks of ranks differ.
  bool save_wanted() const;
  /// Between two steps: completes and starts saves. Collective. @param wishes the same on every rank.
  /// @throws StoppedAtCheckpoint with the state saved, when the run is to stop.
  void keep_safe(const std::vector<StepReport>& reports, StepWishes wishes);
  /// Waits until nothing is being saved. Collective.
  void finish();

 private:
  std::string fingerprint() const;
  TrainingState state(std::int64_t step) const;

  Run run_;
  std::unique_ptr<TrainingCheckpoints> checkpoints_;  // null: nothing is kept
  Stopwatch since_save_;
};

}  // namespace unpact
