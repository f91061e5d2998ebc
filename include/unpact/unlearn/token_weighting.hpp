#pragma once
/// How much each target of the forget set counts: a piece of its own that ga, npo and simnpo take.
///   none     every target 1
///   wga      p_t^beta                       (Wang et al., arXiv 2502.19301)
///   satimp   p_t^beta1 (1 - p_t)^beta2      (Yang et al., arXiv 2505.11953)
///   entropy  n_i H_t / sum of H over the sequence's n_i targets (ETW, arXiv 2604.17785, at temperature 1)
///   given    any numbers >= 0 from elsewhere (KeyTokens, say), times p_t^power
/// p_t is the trained model's probability of the target and H_t the entropy of its whole distribution there, in nats, both
/// taken as constants.
///
/// Legend of shapes: R targets, B sequences.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "unpact/unlearn/example_term.hpp"

namespace unpact {

/// A weight w_t >= 0 for every token of every example (those of tokens without loss are not used).
using TokenWeights = std::vector<std::vector<float>>;

/// What the trained model says at the targets.
struct TargetScores {
  at::Tensor log_p_R;      ///< differentiable
  at::Tensor entropy_R{};  ///< a constant; undefined where no weighting asks for it
};

class TokenWeighting {
 public:
  TokenWeighting() = default;  ///< none
  static TokenWeighting wga(double beta);
  static TokenWeighting satimp(double beta1, double beta2);
  static TokenWeighting entropy();
  /// @param power 0: the weights alone, to the last bit. @throws ContractViolation when an example lacks a weight.
  static TokenWeighting given(const Examples& examples, TokenWeights weights, double power = 0);

  /// The same weights, which weights_in_sequences() then balances whatever their kind.
  TokenWeighting balancing_all() const;

  bool is_none() const { return kind_ == Kind::none; }
  bool needs_entropy() const { return kind_ == Kind::entropy; }
  /// What the weights and the term itself need, from one pass of the model.
  TargetScores score(const Transformer& model, const ExampleBatch& batch) const;
  /// The weights of these examples' targets, (R) float32. Not for none.
  at::Tensor of(const std::vector<Example>& examples, ExampleIndices indices, const TargetScores& scores,
                const ExampleBatch& batch) const;
  /// What a weighted sum over targets is divided by: the sum of given weights; else, as published, the number of targets.
  double total(const std::vector<Example>& examples, ExampleIndices indices) const;
  /// The weights of terms that sum over each sequence (npo, simnpo): given ones balanced; those that follow the
  /// probabilities as they are, so that they fade where a sequence is forgotten.
  at::Tensor weights_in_sequences(const std::vector<Example>& examples, ExampleIndices indices, const TargetScores& scores,
                                  const ExampleBatch& batch) const;
  /// The weights scaled so that those of each sequence sum to its number of targets: equal weights are then all 1.
  at::Tensor balanced(const std::vector<Example>& examples, ExampleIndices indices, const TargetScores& scores,
                      const ExampleBatch& batch) const;

 private:
  enum class Kind { none, confidence, entropy, given };
  std::vector<float> given_weights(const std::vector<Example>& examples, ExampleIndices indices) const;
  Kind kind_ = Kind::none;
  bool balances_all_ = false;
  double power_ = 0, complement_power_ = 0;
  TokenWeights weights_;
};

}  // namespace unpact
