#pragma once
/// What the steps of a training did: filled by the trainer, stored by the results file.
#include <cstdint>
#include <vector>

namespace unpact {

/// What a step did. Losses are those before the update.
struct StepReport {
  std::int64_t step = 0, total_steps = 0;
  double loss = 0;                   ///< sum of coefficient * term
  std::vector<double> term_losses;   ///< each term's own value, without its coefficient; an unlearning's forget term first
  std::vector<double> coefficients;  ///< those of this step
  double gradient_norm = 0;          ///< before clipping; with terms clipped alone, of their sum
  std::vector<double> term_norms;  ///< of each term's gradient, without coefficient, before it is clipped alone; else empty
  double learning_rate = 0;
  std::int64_t targets = 0;              ///< tokens with loss, over all ranks and terms
  std::int64_t tokens = 0, padding = 0;  ///< that ran, over all ranks; of terms that know their lengths (packed: no padding)
  double seconds = 0;                    ///< of this rank
  double mfu = 0;                        ///< training_flops (docs/training.md) / seconds / ranks / peak; 0: peak unknown
  std::int64_t peak_bytes = 0;           ///< so far: resident in this process (CPU), allocated on the device (CUDA)
};

}  // namespace unpact
