#pragma once
/// What an unlearning method does with the retain set besides plain cross-entropy (`gd`, CrossEntropyTerm).
#include "unpact/unlearn/forget_terms.hpp"

namespace unpact {

/// kl: KL(p_ref || p_theta), the mean over the retain set's targets. The reference's last hidden states are computed
/// here, once; its output head turns them into probabilities when they are needed.
class KlTerm : public LossTerm {
 public:
  /// @param reference must outlive the term (its head is used).
  KlTerm(Examples examples, const Transformer& reference);
  std::string name() const override { return "kl"; }
  std::int64_t example_count() const override { return static_cast<std::int64_t>(examples_->size()); }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*examples_, indices); }
  std::int64_t length(std::int64_t index) const override { return example_length(*examples_, index); }

 private:
  Examples examples_;
  const Transformer& reference_;
  std::vector<at::Tensor> reference_hidden_RD_;  ///< one an example, on the CPU
};

}  // namespace unpact
