#pragma once
/// jensun: every target is pulled towards a token of a refusal.
#include <vector>

#include "unpact/text/tokenizer.hpp"
#include "unpact/unlearn/example_term.hpp"

namespace unpact {

/// Mean over targets of JSD(onehot(a_k), p), where target k of a sequence gets the refusal's token a_k, cyclically (Singh et al.,
/// JensUn, arXiv 2509.02820). With p_a the probability of that token, JSD = (2 log 2 + p_a log p_a - (1 + p_a) log(1 + p_a)) / 2,
/// so that no other logit is needed; it lies between 0 and log 2.
class RefusalTerm : public ExampleTerm {
 public:
  /// @param refusal not empty.
  RefusalTerm(Examples examples, std::vector<TokenId> refusal);
  std::string name() const override { return "jensun"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }

 private:
  std::vector<TokenId> refusal_;
};

}  // namespace unpact
