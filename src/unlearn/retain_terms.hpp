#pragma once
/// What an unlearning method does with the retain set besides plain cross-entropy (`gd`, CrossEntropyTerm).
#include "logit_terms.hpp"
#include "unpact/unlearn/variants.hpp"

namespace unpact {

/// kl: holds the model's distribution to the frozen one's. Of the frozen model only the last hidden states and the output
/// head are needed.
class KlTerm : public ExampleTerm {
 public:
  /// The reference's model must outlive the term (its head is used).
  KlTerm(Examples examples, const Frozen& reference, KlVariant variant = KlVariant::token);
  std::string name() const override { return "kl"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override;

 private:
  Positions positions() const { return variant_ == KlVariant::token ? Positions::targets : Positions::all; }
  KlVariant variant_;
  const Transformer& reference_;
  FrozenRows reference_hidden_;
};

}  // namespace unpact
