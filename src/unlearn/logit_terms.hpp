#pragma once
/// Forget terms that look at all logits z of a position. None of them holds the logits of a whole batch
/// (sum_over_logits). y is the target of a position, V the vocabulary, sg(.) a constant.
#include "unpact/unlearn/frozen_rows.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

/// Which positions of an example a term looks at.
enum class Positions {
  targets,  ///< those that predict a target
  all,      ///< every token's, prompt and last token included; padding never
};

/// Rows of a batch's flattened hidden states at these positions, and how many an example has.
at::Tensor rows_at(Positions positions, const std::vector<Example>& examples, ExampleIndices indices,
                   const ExampleBatch& batch);
std::int64_t count_at(Positions positions, const std::vector<Example>& examples, ExampleIndices indices);

/// The model's last hidden states there, (R, D).
at::Tensor hidden_at(Positions positions, const Transformer& model, const std::vector<Example>& examples,
                     ExampleIndices indices);

/// The frozen model's last hidden states there: with its output head they give its logits.
FrozenRows frozen_hidden(Positions positions, const Examples& examples, const Frozen& reference);

/// npo as muse_bench has it: -(2/beta) mean over positions and v of log sigmoid(beta (z_ref - z_theta)) on raw logits.
/// Labels play no part: every logit is pushed below the reference's.
class NpoLogitTerm : public ExampleTerm {
 public:
  NpoLogitTerm(Examples examples, const Frozen& reference, double beta);
  std::string name() const override { return "npo_muse_logit"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override;

 private:
  double beta_;
  const Transformer& reference_;
  FrozenRows reference_hidden_;
};

/// undial: mean over targets of the cross-entropy of p_theta with softmax(z_ref - beta * onehot(y)): self-distillation with
/// the target's logit lowered (Dong et al., arXiv 2402.10052).
class UndialTerm : public ExampleTerm {
 public:
  UndialTerm(Examples examples, const Frozen& reference, double beta);
  std::string name() const override { return "undial"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }

 private:
  double beta_;
  const Transformer& reference_;
  FrozenRows reference_hidden_;
};

/// ceu: mean over targets of the cross-entropy of p_theta with sg(softmax(z with z_y = -infinity)): the model's own
/// distribution without the target (Yang, arXiv 2503.01224). The first `skipped` targets of each example are left out.
class CeuTerm : public ExampleTerm {
 public:
  CeuTerm(Examples examples, std::int64_t skipped);
  std::string name() const override { return "ceu"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }
  std::int64_t targets(ExampleIndices indices) const override { return count_targets(*scored_, indices); }

 private:
  Examples scored_;  ///< the same examples with fewer targets
};

/// pdu, forget side: mean over targets of (max_v z - mean_v z)^2: flat logits (Entesari et al., arXiv 2506.05314). Its
/// retain weight is a dual variable: dual_ascent().
class FlatnessTerm : public ExampleTerm {
 public:
  explicit FlatnessTerm(Examples examples) : ExampleTerm(std::move(examples)) {}
  std::string name() const override { return "pdu"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(targets(indices)); }
};

/// palu: mean over targets of w_t (1/K) sum over the reference's K largest logits i of (z_i - c)^2, c: the mean of these
/// z_i. Equal logits say nothing of the answer, and only what the reference would say is touched (arXiv 2601.03190, at the
/// onset of sensitive spans: weighting = spans with span_tokens).
class FlatTopTerm : public ExampleTerm {
 public:
  /// @param weighting none, or one that stands before the training.
  FlatTopTerm(Examples examples, const Frozen& reference, std::int64_t flattened, TokenWeighting weighting = {});
  std::string name() const override { return "palu"; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override;
  double normalizer(ExampleIndices indices) const override { return weighting_.total(*examples_, indices); }

 private:
  std::int64_t flattened_;
  TokenWeighting weighting_;
  const Transformer& reference_;
  FrozenRows reference_hidden_;
};

}  // namespace unpact
