#include "preference_terms.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

void require_beta(double beta) {
  UNPACT_VALIDATE(beta > 0, concat("option 'method.beta' is ", beta), "the inverse temperature must be positive", "use 0.1");
}

at::Tensor preference_loss(const at::Tensor& margin, double beta) {
  return (-2.0 / beta) * at::log_sigmoid(beta * margin).sum();
}

/// NLL_theta,i - NLL_ref,i, (B).
at::Tensor rise_of_nll(const Transformer& model, const ExampleBatch& batch, const at::Tensor& reference_log_p_R1) {
  return sum_by_example(reference_log_p_R1.squeeze(1) - example_log_probabilities(model, batch), batch);
}

at::Tensor targets_by_example(const ExampleBatch& batch) {
  return sum_by_example(at::ones_like(batch.example_R, at::TensorOptions().dtype(at::kFloat)), batch).clamp_min(1);
}

}  // namespace

FrozenRows frozen_log_probabilities(const Examples& examples, const Frozen& reference) {
  FrozenRows::Shape shape{"log-probabilities", {}, 1};
  for (const auto& example : *examples) shape.rows.push_back(example.targets());
  return {examples, shape, reference, [examples](const Transformer& model, ExampleIndices indices) {
            return example_log_probabilities(model, make_batch(*examples, indices, model.device())).unsqueeze(1);
          }};
}

NpoTerm::NpoTerm(Examples examples, const Frozen& reference, double beta, bool length_normalized, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), beta_(beta), length_normalized_(length_normalized),
      weighting_(std::move(weighting)) {
  require_beta(beta);
  reference_log_p_ = frozen_log_probabilities(examples_, reference);
}

at::Tensor NpoTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto scores = weighting_.score(model, rows);
  auto rise_R = reference_log_p_.of(indices).squeeze(1) - scores.log_p_R;
  if (!weighting_.is_none()) rise_R = weighting_.weights_in_sequences(*examples_, indices, scores, rows) * rise_R;
  auto rise_B = sum_by_example(rise_R, rows);
  if (length_normalized_) rise_B = rise_B / targets_by_example(rows);
  return preference_loss(rise_B, beta_);
}

NpoTokenTerm::NpoTokenTerm(Examples examples, const Frozen& reference, double beta, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), beta_(beta), weighting_(std::move(weighting)) {
  require_beta(beta);
  reference_log_p_ = frozen_log_probabilities(examples_, reference);
}

at::Tensor NpoTokenTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto scores = weighting_.score(model, rows);
  const auto margin_R = reference_log_p_.of(indices).squeeze(1) - scores.log_p_R;
  const auto loss_R = (-2.0 / beta_) * at::log_sigmoid(beta_ * margin_R);
  return weighting_.is_none() ? loss_R.sum() : (weighting_.of(*examples_, indices, scores, rows) * loss_R).sum();
}

NpoTokenMeanTerm::NpoTokenMeanTerm(Examples examples, const Frozen& reference, double beta)
    : ExampleTerm(std::move(examples)), beta_(beta) {
  require_beta(beta);
  reference_log_p_ = frozen_log_probabilities(examples_, reference);
}

at::Tensor NpoTokenMeanTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto log_p_R = example_log_probabilities(model, batch(indices, model));
  const auto margin = (reference_log_p_.of(indices).squeeze(1) - log_p_R).mean();
  return static_cast<double>(indices.size()) * preference_loss(margin, beta_);
}

SimNpoTerm::SimNpoTerm(Examples examples, double beta, double delta, TokenWeighting weighting)
    : ExampleTerm(std::move(examples)), beta_(beta), delta_(delta), weighting_(std::move(weighting)) {
  require_beta(beta);
}

at::Tensor SimNpoTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto rows = batch(indices, model);
  const auto scores = weighting_.score(model, rows);
  const auto nll_R = weighting_.is_none()
                         ? -scores.log_p_R
                         : -weighting_.weights_in_sequences(*examples_, indices, scores, rows) * scores.log_p_R;
  return preference_loss(sum_by_example(nll_R, rows) / targets_by_example(rows) - delta_, beta_);
}

DpoTerm::DpoTerm(Examples examples, Examples alternates, const Frozen& reference, double beta)
    : ExampleTerm(std::move(examples)), beta_(beta), alternates_(std::move(alternates)) {
  require_beta(beta);
  UNPACT_EXPECT(alternates_->size() == examples_->size());
  reference_log_p_ = frozen_log_probabilities(examples_, reference);
  reference_alternate_log_p_ = frozen_log_probabilities(alternates_, reference);
}

at::Tensor DpoTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto original_B = rise_of_nll(model, batch(indices, model), reference_log_p_.of(indices));
  const auto alternate_B =
      rise_of_nll(model, make_batch(*alternates_, indices, model.device()), reference_alternate_log_p_.of(indices));
  return preference_loss(original_B - alternate_B, beta_);
}

}  // namespace unpact
