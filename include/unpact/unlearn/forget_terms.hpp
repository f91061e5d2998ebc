#pragma once
/// What an unlearning method does with the forget set. Formulas: design 2.6; sources and differences of published code:
/// docs/methods.md.
#include <memory>
#include <vector>

#include "unpact/train/loss_term.hpp"

namespace unpact {

using Examples = std::shared_ptr<const std::vector<Example>>;

/// A weight w_t >= 0 for every token of every example (those of tokens without loss are not used). Any source may fill
/// it: ones, confidence, KeyTokens.
using TokenWeights = std::vector<std::vector<float>>;

/// ga: -sum_t w_t (-log p_t) / sum_t w_t. Descending it raises the loss on the forget set
/// (Jang et al., arXiv 2210.01504).
class GradientAscentTerm : public LossTerm {
 public:
  /// @param weights empty: every target counts 1.
  explicit GradientAscentTerm(Examples examples, TokenWeights weights = {});
  std::string name() const override { return "ga"; }
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override;
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*examples_, indices); }
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 private:
  std::vector<float> target_weights(ExampleIndices indices) const;
  Examples examples_;
  TokenWeights weights_;
};

/// npo: -(2/beta) mean_i log sigmoid(beta (NLL_theta,i - NLL_ref,i)), NLL the sequence sum
/// (Zhang et al., arXiv 2404.05868); with length normalization NLL is the sequence mean.
class NpoTerm : public LossTerm {
 public:
  /// The reference's NLLs are computed here, once: they never change.
  NpoTerm(Examples examples, const Transformer& reference, double beta, bool length_normalized);
  std::string name() const override { return "npo"; }
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*examples_, indices); }
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 private:
  at::Tensor sequence_nll(const Transformer& model, ExampleIndices indices) const;
  Examples examples_;
  double beta_;
  bool length_normalized_;
  at::Tensor reference_nll_;  ///< one an example
};

/// rmu, forget side: mean over tokens and channels of (h - target_D)^2, h the residual stream behind `layer`
/// (Li et al., arXiv 2403.03218). Only the layers up to `layer` run. The same class with the frozen model's own states
/// as targets is its retain side.
class RepresentationTerm : public LossTerm {
 public:
  /// Steers towards one vector: target_D = c * u / |u|.
  RepresentationTerm(Examples examples, std::int64_t layer, at::Tensor target_D);
  /// Holds to the frozen model's states, computed here, once.
  RepresentationTerm(Examples examples, std::int64_t layer, const Transformer& frozen);
  std::string name() const override { return "rmu"; }
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }
  std::int64_t targets(ExampleIndices indices) const override;  ///< all tokens: this term needs no labels
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 private:
  Examples examples_;
  std::int64_t layer_;
  at::Tensor target_D_;
  std::vector<at::Tensor> frozen_SD_;  ///< one an example, on the CPU
};

/// RMU's steering vector: c * u / |u| with u uniform in [0, 1)^D, from the seed.
at::Tensor steering_vector(std::int64_t hidden_size, double coefficient, std::uint64_t seed);

}  // namespace unpact
