#include "unpact/unlearn/token_weighting.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {

TokenWeighting TokenWeighting::wga(double beta) { return satimp(beta, 0.0); }

TokenWeighting TokenWeighting::satimp(double beta1, double beta2) {
  TokenWeighting weighting;
  weighting.kind_ = Kind::confidence;
  weighting.power_ = beta1;
  weighting.complement_power_ = beta2;
  return weighting;
}

TokenWeighting TokenWeighting::given(const Examples& examples, TokenWeights weights) {
  UNPACT_EXPECT(weights.size() == examples->size());
  for (std::size_t i = 0; i < weights.size(); ++i) UNPACT_EXPECT(weights[i].size() == (*examples)[i].ids.size());
  TokenWeighting weighting;
  weighting.kind_ = Kind::given;
  weighting.weights_ = std::move(weights);
  return weighting;
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

at::Tensor TokenWeighting::of(const std::vector<Example>& examples, ExampleIndices indices,
                              const at::Tensor& log_p_R) const {
  UNPACT_EXPECT(!is_none());
  if (kind_ == Kind::given) return at::tensor(given_weights(examples, indices), at::kFloat).to(log_p_R.device());
  const auto p_R = log_p_R.detach().exp();
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
                                                const at::Tensor& log_p_R, const ExampleBatch& batch) const {
  const bool balances = kind_ == Kind::given || balances_all_;
  return balances ? balanced(examples, indices, log_p_R, batch) : of(examples, indices, log_p_R);
}

at::Tensor TokenWeighting::balanced(const std::vector<Example>& examples, ExampleIndices indices, const at::Tensor& log_p_R,
                                    const ExampleBatch& batch) const {
  const auto weights_R = of(examples, indices, log_p_R);
  const auto sum_B = sum_by_example(weights_R, batch), count_B = sum_by_example(at::ones_like(weights_R), batch);
  // A sequence whose weights are all 0 stays without weight.
  const auto scale_B = at::where(sum_B > 0, count_B / sum_B, at::zeros_like(sum_B));
  return weights_R * scale_B.index_select(0, batch.example_R);
}

}  // namespace unpact
