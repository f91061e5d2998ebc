#include "unpact/unlearn/forget_terms.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

constexpr std::int64_t kReferenceBatch = 16;  // examples a pass when a frozen model's numbers are computed once

/// Calls visit(first, indices) for consecutive batches of all examples, without gradients.
template <class Visit>
void for_each_batch(std::int64_t count, const Visit& visit) {
  const c10::NoGradGuard guard;
  for (std::int64_t first = 0; first < count; first += kReferenceBatch) {
    std::vector<std::int64_t> indices;
    for (auto i = first; i < std::min(count, first + kReferenceBatch); ++i) indices.push_back(i);
    visit(indices);
  }
}

const Example& example_at(const Examples& examples, std::int64_t index) { return (*examples)[static_cast<std::size_t>(index)]; }

}  // namespace

GradientAscentTerm::GradientAscentTerm(Examples examples, TokenWeights weights)
    : examples_(std::move(examples)), weights_(std::move(weights)) {
  if (weights_.empty()) return;
  UNPACT_EXPECT(weights_.size() == examples_->size());
  for (std::size_t i = 0; i < weights_.size(); ++i) UNPACT_EXPECT(weights_[i].size() == (*examples_)[i].ids.size());
}

std::vector<float> GradientAscentTerm::target_weights(ExampleIndices indices) const {
  std::vector<float> values;
  for (const auto index : indices) {
    const auto& example = example_at(examples_, index);
    for (std::size_t t = 1; t < example.ids.size(); ++t)
      if (example.has_loss[t]) values.push_back(weights_.empty() ? 1.0F : weights_[static_cast<std::size_t>(index)][t]);
  }
  return values;
}

at::Tensor GradientAscentTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto log_p_R = target_log_probabilities(model, make_batch(*examples_, indices, model.device()));
  if (weights_.empty()) return log_p_R.sum();
  return (at::tensor(target_weights(indices)).to(model.device()) * log_p_R).sum();
}

double GradientAscentTerm::normalizer(ExampleIndices indices) const {
  double total = 0;
  for (const float weight : target_weights(indices)) total += weight;
  return total;
}

NpoTerm::NpoTerm(Examples examples, const Transformer& reference, double beta, bool length_normalized)
    : examples_(std::move(examples)), beta_(beta), length_normalized_(length_normalized) {
  UNPACT_VALIDATE(beta > 0, concat("option 'method.beta' is ", beta), "NPO's inverse temperature must be positive", "use 0.1");
  std::vector<at::Tensor> parts;
  for_each_batch(example_count(), [&](ExampleIndices indices) { parts.push_back(sequence_nll(reference, indices)); });
  reference_nll_ = parts.empty() ? at::zeros({0}) : at::cat(parts);  // train() refuses terms without examples
}

at::Tensor NpoTerm::sequence_nll(const Transformer& model, ExampleIndices indices) const {
  const auto batch = make_batch(*examples_, indices, model.device());
  const auto nll_R = -target_log_probabilities(model, batch);
  const auto nll_B = at::zeros({batch.size}, nll_R.options()).index_add(0, batch.example_R, nll_R);
  if (!length_normalized_) return nll_B;
  return nll_B / at::zeros_like(nll_B).index_add(0, batch.example_R, at::ones_like(nll_R));
}

at::Tensor NpoTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto chosen = at::tensor(std::vector<std::int64_t>(indices.begin(), indices.end())).to(model.device());
  const auto log_ratio_B = sequence_nll(model, indices) - reference_nll_.index_select(0, chosen);
  return (-2.0 / beta_) * at::log_sigmoid(beta_ * log_ratio_B).sum();
}

RepresentationTerm::RepresentationTerm(Examples examples, std::int64_t layer, at::Tensor target_D)
    : examples_(std::move(examples)), layer_(layer), target_D_(std::move(target_D)) {}

RepresentationTerm::RepresentationTerm(Examples examples, std::int64_t layer, const Transformer& frozen)
    : examples_(std::move(examples)), layer_(layer) {
  for_each_batch(example_count(), [&](ExampleIndices indices) {
    const auto states_BSD = frozen.block_output(make_batch(*examples_, indices, frozen.device()).tokens_BS, layer_).to(at::kCPU);
    for (std::size_t b = 0; b < indices.size(); ++b)
      frozen_SD_.push_back(states_BSD[static_cast<std::int64_t>(b)]
                               .narrow(0, 0, static_cast<std::int64_t>(example_at(examples_, indices[b]).ids.size()))
                               .clone());
  });
}

at::Tensor RepresentationTerm::sum(const Transformer& model, ExampleIndices indices) const {
  const auto states_BSD = model.block_output(make_batch(*examples_, indices, model.device()).tokens_BS, layer_);
  auto total = at::zeros({}, states_BSD.options());
  for (std::size_t b = 0; b < indices.size(); ++b) {
    const auto length = static_cast<std::int64_t>(example_at(examples_, indices[b]).ids.size());
    const auto states_SD = states_BSD[static_cast<std::int64_t>(b)].narrow(0, 0, length);
    const auto target = target_D_.defined() ? target_D_ : frozen_SD_[static_cast<std::size_t>(indices[b])];
    total = total + (states_SD - target.to(states_SD.device())).square().mean(1).sum();
  }
  return total;
}

std::int64_t RepresentationTerm::targets(ExampleIndices indices) const {
  std::int64_t tokens = 0;
  for (const auto index : indices) tokens += static_cast<std::int64_t>(example_at(examples_, index).ids.size());
  return tokens;
}

at::Tensor steering_vector(std::int64_t hidden_size, double coefficient, std::uint64_t seed) {
  std::vector<double> u(static_cast<std::size_t>(hidden_size));
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = random_uniform(seed, stream_of("rmu"), i);
  const auto direction = at::tensor(u, at::kDouble);
  return (direction * (coefficient / direction.norm().item<double>())).to(at::kFloat);
}

}  // namespace unpact
