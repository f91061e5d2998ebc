#pragma once
/// What an unlearning method does with the retain set besides plain cross-entropy (`gd`, CrossEntropyTerm).
#include "unpact/unlearn/logit_terms.hpp"

namespace unpact {

enum class KlVariant {
  token,          ///< KL(p_ref || p_theta), the mean over the retain set's targets
  all_positions,  ///< the mean over every position, prompt included: open-unlearning's, but for its padding
  muse_logit,     ///< muse_bench's: sum over positions and v of exp(z_ref) (z_ref - z_theta) / B on raw logits. No divergence:
                  ///< it has no lower bound
};

/// @throws UserError naming the known ones.
KlVariant parse_kl_variant(const std::string& name);

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
