#pragma once
/// Which examples a step draws, and how a rank cuts its share into micro-batches; private to this layer. All follows from
/// seed and position alone, so that the number of ranks does not change what a step sees.
#include <cstdint>
#include <vector>

#include "unpact/train/trainer.hpp"

namespace unpact {

class StepExamples {
 public:
  /// The terms and options must outlive it.
  StepExamples(const std::vector<WeightedTerm>& terms, const TrainOptions& options);

  std::int64_t total_steps() const { return total_steps_; }
  /// The examples of one term in one step (0-based), over all ranks.
  std::vector<std::int64_t> of(std::size_t term, std::int64_t step) const;

 private:
  std::int64_t at(std::size_t term, std::int64_t position) const;

  const std::vector<WeightedTerm>& terms_;
  const TrainOptions& options_;
  std::vector<EpochSampler> samplers_;
  std::int64_t first_examples_, total_steps_;  // examples of the first term
};

struct MicroBatch {
  std::vector<std::int64_t> examples;
  bool counts = true;  ///< false: runs along for nothing, because every rank must take part in each pass's collectives
};

/// Who cuts, and how.
struct MicroBatchCut {
  int rank = 0, ranks = 1;
  std::int64_t size = 1;      ///< examples that run at once
  bool equally_many = false;  ///< on every rank
};

/// This rank's share of a step's examples, similar lengths together.
std::vector<MicroBatch> cut_into_micro_batches(const LossTerm& term, const std::vector<std::int64_t>& examples,
                                               const MicroBatchCut& cut);

}  // namespace unpact
