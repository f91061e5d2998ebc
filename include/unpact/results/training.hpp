#pragma once
/// What the steps of an unlearning did.
#include <cstdint>

namespace unpact {

/// One optimizer step.
struct TrainingStep {
  std::int64_t step = 0;
  double loss = 0, forget_loss = 0, retain_loss = 0, gradient_norm = 0, learning_rate = 0;
  std::int64_t tokens = 0;  ///< targets in the step, over all ranks
};

}  // namespace unpact
