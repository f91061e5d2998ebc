#include "unpact/unlearn/token_weighting.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {

namespace {

/// Scaled so that those of each sequence sum to its number of targets.
at::Tensor sum_to_targets(const at::Tensor& weights_R, const ExampleBatch& batch) {
  const auto sum_B = sum_by_example(weights_R, batch), count_B = sum_by_example(at::ones_like(weights_R), batch);
  // A sequence whose weights are all 0 stays without weight.
  const auto scale_B = at::where(sum_B > 0, count_B / sum_B, at::zeros_like(sum_B));
  return weights_R * scale_B.index_select(0, batch.example_R);
}

}  // namespace

TokenWeighting TokenWeighting::wga(double beta) { return satimp(beta, 0.0); }

TokenWeighting TokenWeighting::satimp(double beta1, double beta2) {
  TokenWeighting weighting;
  weighting.kind_ = Kind::confidence;
  weighting.power_ = beta1;
  weighting.complement_power_ = beta2;
  return weighting;
}

TokenWeighting TokenWeighting::entropy() {
  TokenWeighting weighting;
  weighting.kind_ = Kind::entropy;
  return weighting;
}

TokenWeighting TokenWeighting::given(const Examples& examples, TokenWeights weights, double power) {
  UNPACT_EXPECT(weights.size() == examples->size());
  for (std::size_t i = 0; i < weights.size(); ++i) UNPACT_EXPECT(weights[i].size() == (*examples)[i].ids.size());
  TokenWeighting weighting;
  weighting.kind_ = Kind::given;
  weighting.weights_ = std::move(weights);
  weighting.power_ = power;
  return weighting;
}

namespace {

/// -sum p log p of every row, float32; logits exist for some rows at a time.
at::Tensor entropies(const Transformer& model, const at::Tensor& hidden_RD) {
  const c10::NoGradGuard guard;
  constexpr std::int64_t kLogits = std::int64_t{1} << 24;
  const auto rows = hidden_RD.size(0), chunk = std::max<std::int64_t>(1, kLogits / model.config().vocabulary_size);
  const auto entropy_R = at::zeros({rows}, hidden_RD.options().dtype(at::kFloat));
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const auto count = std::min(chunk, rows - first);
    const auto log_p_CV = model.logits(hidden_RD.narrow(0, first, count)).log_softmax(1);
    entropy_R.narrow(0, first, count).copy_(-(log_p_CV.exp() * log_p_CV).nan_to_num(0).sum(1));
  }
  return entropy_R;
}

}  // namespace

TargetScores TokenWeighting::score(const Transformer& model, const ExampleBatch& batch) const {
  if (!needs_entropy()) return {example_log_probabilities(model, batch)};
  const auto hidden_RD = target_hidden(model, batch);
  return {log_probabilities_of(model, hidden_RD, batch), entropies(model, hidden_RD.detach())};
}

std::vector<float> TokenWeighting::given_weights(const std::vector<Example>& examples, ExampleIndices indices) const {
  std::vector<float> values;
  for (const auto index : indices) {
    const auto& example = examples[static_cast<std::size_t>(index)];
    for (std::size_t t = 1; t < example.ids.size(); ++t)
      if (example.has_loss[t]) values.push_back(weights_[static_cast<std::size_t>(index)][t]);
  }
  return values;
}

at::Tensor TokenWeighting::of(const std::vector<Example>& examples, ExampleIndices indices, const TargetScores& scores,
                              const ExampleBatch& batch) const {
  UNPACT_EXPECT(!is_none());
  if (kind_ == Kind::entropy) return sum_to_targets(scores.entropy_R, batch);
  const auto p_R = scores.log_p_R.detach().exp();
  if (kind_ == Kind::given) {
    const auto given_R = at::tensor(given_weights(examples, indices), at::kFloat).to(p_R.device());
    return power_ == 0 ? given_R : given_R * p_R.pow(power_);
  }
  const auto weights_R = p_R.pow(power_);
  return complement_power_ == 0 ? weights_R : weights_R * (1 - p_R).clamp_min(0).pow(complement_power_);
}

double TokenWeighting::total(const std::vector<Example>& examples, ExampleIndices indices) const {
  if (kind_ != Kind::given) return static_cast<double>(count_targets(examples, indices));
  double total = 0;
  for (const float weight : given_weights(examples, indices)) total += weight;
  return total;
}

TokenWeighting TokenWeighting::balancing_all() const {
  auto weighting = *this;
  weighting.balances_all_ = true;
  return weighting;
}

at::Tensor TokenWeighting::weights_in_sequences(const std::vector<Example>& examples, ExampleIndices indices,
                                                const TargetScores& scores, const ExampleBatch& batch) const {
  const bool balances = (kind_ == Kind::given && power_ == 0) || balances_all_;
  return balances ? balanced(examples, indices, scores, batch) : of(examples, indices, scores, batch);
}

at::Tensor TokenWeighting::balanced(const std::vector<Example>& examples, ExampleIndices indices, const TargetScores& scores,
                                    const ExampleBatch& batch) const {
  return sum_to_targets(of(examples, indices, scores, batch), batch);
}

}  // namespace unpact
