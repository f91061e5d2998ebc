#pragma once
/// RMU: steers the residual stream behind a block (Li et al., arXiv 2403.03218).
///
/// Legend of shapes: S tokens, D hidden size, P tokens of all asked examples.
#include <set>

#include "unpact/unlearn/frozen_rows.hpp"

namespace unpact {

struct RepresentationOptions {
  std::int64_t layer = 7;  ///< h is the residual stream behind this block (0-based)
  RmuMean mean = RmuMean::tokens;
  /// The first block with a trained weight: what runs before it is frozen, so its output is computed once an example and
  /// autograd begins there. 0: every block runs.
  std::int64_t first_trained = 0;
  /// Blocks behind `layer` do not run: no loss needs them. Off: they run and nobody looks at what they give, as with a hook in
  /// a whole forward pass.
  bool early_stop = true;
};

/// mean of (h - target)^2. Only the blocks from `first_trained` up to `layer` run.
class RepresentationTerm : public ExampleTerm {
 public:
  /// Steers towards one vector: target_D = c * u / |u|. @param frozen the model before training; used for first_trained > 0.
  RepresentationTerm(Examples examples, const RepresentationOptions& options, at::Tensor target_D, const Frozen& frozen);
  /// Holds to the frozen model's own states.
  RepresentationTerm(Examples examples, const RepresentationOptions& options, const Frozen& frozen);
  std::string name() const override { return "rmu"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override;
  std::int64_t targets(ExampleIndices indices) const override;  ///< tokens that count

 private:
  void keep_inputs(const Frozen& frozen);
  at::Tensor states(const Transformer& model, ExampleIndices indices) const;
  std::vector<float> token_weights(ExampleIndices indices) const;
  RepresentationOptions options_;
  at::Tensor target_D_;  ///< undefined: frozen_states_ are the targets
  FrozenRows frozen_states_, inputs_;
};

/// RMU's steering vector: c * u / |u| with u uniform in [0, 1)^D, from the seed.
at::Tensor steering_vector(std::int64_t hidden_size, double coefficient, std::uint64_t seed);

}  // namespace unpact
