#pragma once
/// Which examples a step draws. All follows from seed and position alone, so that the number of ranks does not change what a
/// step sees, and a plan knows it before anything runs.
#include <cstdint>
#include <vector>

#include "unpact/train/trainer.hpp"

namespace unpact {

/// What a term draws from, and how.
struct DrawnSet {
  std::int64_t examples = 0;
  Sampling sampling = Sampling::epoch;
};

class StepExamples {
 public:
  /// @param sets one a term, in order, none empty; the first decides the number of steps. The options must outlive it.
  StepExamples(std::vector<DrawnSet> sets, const TrainOptions& options);

  std::int64_t total_steps() const { return total_steps_; }
  /// The examples of one term in one step (0-based), over all ranks.
  std::vector<std::int64_t> of(std::size_t term, std::int64_t step) const;

 private:
  std::int64_t at(std::size_t term, std::int64_t position) const;

  std::vector<DrawnSet> sets_;
  const TrainOptions& options_;
  std::vector<EpochSampler> samplers_;
  std::int64_t first_examples_, total_steps_;  // examples of the first term
};

}  // namespace unpact
