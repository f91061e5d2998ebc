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

/// jsd: mean over targets of JSD(p_ref, p) = KL(p_ref || m) / 2 + KL(p || m) / 2, m the mean of both: the retain side of JensUn
/// (arXiv 2509.02820). Between 0 and log 2.
class JsdTerm : public ExampleTerm {
 public:
  JsdTerm(Examples examples, const Frozen& reference);
  std::string name() const override { return "jsd"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }

 private:
  const Transformer& reference_;
  FrozenRows reference_hidden_;
};

}  // namespace unpact
