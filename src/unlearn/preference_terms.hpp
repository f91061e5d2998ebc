#pragma once
/// Losses of the form -(2/beta) mean log sigmoid(beta * margin): NPO, SimNPO, DPO. They differ in what the margin compares.
/// NLL is the sum of -log p over a sequence's targets.
#include "unpact/unlearn/frozen_rows.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

/// npo: margin_i = NLL_theta,i - NLL_ref,i (Zhang et al., arXiv 2404.05868). With length normalization NLL is the sequence
/// mean. With token weights it is sum_t w_t (nll_theta,t - nll_ref,t), the weights of a sequence summing to its number of
/// targets, so that equal weights change nothing.
class NpoTerm : public ExampleTerm {
 public:
  NpoTerm(Examples examples, const Frozen& reference, double beta, bool length_normalized,
          TokenWeighting weighting = TokenWeighting());
  std::string name() const override { return "npo"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }

 private:
  double beta_;
  bool length_normalized_;
  TokenWeighting weighting_;
  FrozenRows reference_log_p_;  ///< a row a target
};

/// npo with a margin a target: -(2/beta) mean over targets of w_t log sigmoid(beta (log p_ref,t - log p_t)); its gradient weighs the
/// target's log p by 2 p^beta / (p^beta + p_ref^beta) (TNPO and WTNPO, Wang et al., arXiv 2502.19301). Weights as in ga.
class NpoTokenTerm : public ExampleTerm {
 public:
  NpoTokenTerm(Examples examples, const Frozen& reference, double beta, TokenWeighting weighting = TokenWeighting());
  std::string name() const override { return "npo_token"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return weighting_.total(*examples_, indices); }

 private:
  double beta_;
  TokenWeighting weighting_;
  FrozenRows reference_log_p_;
};

/// npo as SimNPO's published WMDP code has it: the margin is the difference of the token means of the whole batch,
/// one number for all its sequences. The batch is the micro-batch: this rule depends on how a step is cut, here as there.
class NpoTokenMeanTerm : public ExampleTerm {
 public:
  NpoTokenMeanTerm(Examples examples, const Frozen& reference, double beta);
  std::string name() const override { return "npo_token_mean"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }

 private:
  double beta_;
  FrozenRows reference_log_p_;
};

/// simnpo: margin_i = NLL_i / n_i - delta, no reference (Fan et al., arXiv 2410.07163).
class SimNpoTerm : public ExampleTerm {
 public:
  SimNpoTerm(Examples examples, double beta, double delta, TokenWeighting weighting = TokenWeighting());
  std::string name() const override { return "simnpo"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }

 private:
  double beta_, delta_;
  TokenWeighting weighting_;
};

/// dpo: margin_i = (NLL_theta - NLL_ref)(original answer) - (NLL_theta - NLL_ref)(alternate answer): prefers the alternate,
/// "I don't know" or another story (Rafailov et al., arXiv 2305.18290; Maini et al., arXiv 2401.06121).
class DpoTerm : public ExampleTerm {
 public:
  /// @param alternates one an example: the same prompt with the answer to be preferred.
  DpoTerm(Examples examples, Examples alternates, const Frozen& reference, double beta);
  std::string name() const override { return "dpo"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }
  std::int64_t targets(ExampleIndices indices) const override {
    return count_targets(*examples_, indices) + count_targets(*alternates_, indices);
  }

 private:
  double beta_;
  Examples alternates_;
  FrozenRows reference_log_p_, reference_alternate_log_p_;
};

/// The frozen model's log p of every target, a row of width 1 each.
FrozenRows frozen_log_probabilities(const Examples& examples, const Frozen& reference);

}  // namespace unpact
