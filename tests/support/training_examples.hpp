#pragma once
/// For tests: training examples, and losses with all their gradients.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "unpact/train/loss_term.hpp"
#include "unpact/train/parameters.hpp"

namespace unpact::testing_support {

using SharedExamples = std::shared_ptr<const std::vector<Example>>;

/// The examples "<set>.ids", "<set>.lengths" and "<set>.has_loss" of a fixture.
inline SharedExamples read_examples(const Expected& fixture, const std::string& set) {
  const auto ids = fixture[set + ".ids"], has_loss = fixture[set + ".has_loss"];
  const auto lengths = fixture.integers(set + ".lengths");
  auto examples = std::make_shared<std::vector<Example>>();
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto at = static_cast<std::int64_t>(b) * ids.size(1);
    const auto* id = ids.const_data_ptr<std::int64_t>() + at;
    const auto* flag = has_loss.const_data_ptr<std::uint8_t>() + at;
    examples->push_back({{id, id + lengths[b]}, {flag, flag + lengths[b]}});
  }
  return examples;
}

/// Examples of 2..13 tokens for tiny_transformer; about a third of the tokens carry no loss, the last one always does.
inline SharedExamples random_examples(std::size_t count, std::uint64_t seed) {
  auto examples = std::make_shared<std::vector<Example>>();
  for (std::size_t i = 0; i < count; ++i) {
    Example example{random_ids(2 + random_below(12, seed, 1, i), seed * 1000 + i), {}};
    for (std::size_t t = 0; t < example.ids.size(); ++t)
      example.has_loss.push_back(t > 0 && random_below(3, seed, 2 + i, t) > 0);
    example.has_loss.back() = 1;
    examples->push_back(std::move(example));
  }
  return examples;
}

inline std::vector<std::int64_t> all_indices(const LossTerm& term) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(term.example_count()));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// sum / normalizer over all examples.
inline double value_of(const LossTerm& term, const Transformer& model) {
  const auto indices = all_indices(term);
  return term.sum(model, indices).item<double>() / term.normalizer(indices);
}

struct LossAndGradients {
  double value = 0;
  std::map<std::string, at::Tensor> gradients;
};

/// sum of coefficient * term over all examples, and its gradient by every weight.
inline LossAndGradients differentiate(Transformer& model, const std::vector<std::pair<const LossTerm*, double>>& terms) {
  LossAndGradients result;
  ParameterBuffer parameters(model, [](const std::string&) { return true; });
  for (const auto& [term, coefficient] : terms) {
    const auto indices = all_indices(*term);
    const auto loss = term->sum(model, indices) * (coefficient / term->normalizer(indices));
    result.value += loss.item<double>();
    loss.backward();
  }
  for (const auto& [name, tensor] : named_tensors(model.weights())) result.gradients[name] = tensor.grad().clone();
  return result;
}

/// Compares with "<loss>.value" and every "<loss>.grad.*" of the fixture, gradients relative to the largest one.
inline void expect_parity(const LossAndGradients& actual, const Expected& fixture, const std::string& loss,
                          double value_tolerance, double gradient_tolerance) {
  const double value = fixture.scalar(loss + ".value");
  EXPECT_NEAR(actual.value, value, value_tolerance * std::max(1.0, std::abs(value))) << loss;
  testing::Test::RecordProperty(loss + ".value", concat(std::abs(actual.value - value) / std::max(1.0, std::abs(value))));
  double largest = 0;
  for (const auto& [name, gradient] : actual.gradients)
    largest = std::max(largest, fixture[concat(loss, ".grad.", name)].abs().max().item<double>());
  ASSERT_GT(largest, 0) << loss;
  for (const auto& [name, gradient] : actual.gradients)
    expect_close(gradient / largest, fixture[concat(loss, ".grad.", name)] / largest, gradient_tolerance,
                 concat(loss, ".grad.", name));
}

}  // namespace unpact::testing_support
