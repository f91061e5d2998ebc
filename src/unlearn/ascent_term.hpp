#pragma once
/// Gradient ascent.
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

/// ga: -sum_t w_t (-log p_t) / total, total the sum of given weights, else the number of targets. Descending it raises the
/// loss on the forget set (Jang et al., arXiv 2210.01504). With wga and satimp weights it is those methods.
class GradientAscentTerm : public ExampleTerm {
 public:
  explicit GradientAscentTerm(Examples examples, TokenWeighting weighting = TokenWeighting());
  std::string name() const override { return "ga"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return weighting_.total(*examples_, indices); }

 private:
  TokenWeighting weighting_;
};

}  // namespace unpact
