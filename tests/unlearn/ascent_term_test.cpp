#include "../../src/unlearn/ascent_term.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/loss_parity.hpp"

namespace unpact {
namespace {

using testing_support::LossParity;
using testing_support::random_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

class AscentParity : public LossParity {};

TEST_F(AscentParity, Plain) { expect_loss(GradientAscentTerm(forget_), "ga"); }

TEST_F(AscentParity, GivenWeights) {
  expect_loss(GradientAscentTerm(forget_, TokenWeighting::given(forget_, given_weights())), "ga_weighted");
}

TEST_F(AscentParity, WeightsByConfidence) {
  expect_loss(GradientAscentTerm(forget_, wga()), "wga");
  expect_loss(GradientAscentTerm(forget_, satimp()), "satimp");
}

TEST(GradientAscentTerm, IsTheNegativeOfCrossEntropy) {
  const auto examples = random_examples(6, 1);
  const auto model = tiny_transformer(1);
  EXPECT_NEAR(value_of(GradientAscentTerm(examples), model), -value_of(CrossEntropyTerm(examples), model), 1e-6);
}

TEST(GradientAscentTerm, WeightsOfOneChangeNothingAndZeroLeavesOut) {
  const auto examples = random_examples(2, 1);
  const auto model = tiny_transformer(1);
  TokenWeights ones, first_only;
  for (const auto& example : *examples) {
    ones.emplace_back(example.ids.size(), 1.0F);
    first_only.emplace_back(example.ids.size(), first_only.empty() ? 2.5F : 0.0F);
  }
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, TokenWeighting::given(examples, ones)), model),
              value_of(GradientAscentTerm(examples), model), 1e-6);
  const auto first = std::make_shared<const std::vector<Example>>(1, examples->front());
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, TokenWeighting::given(examples, first_only)), model),
              value_of(GradientAscentTerm(first), model), 1e-6);
}

}  // namespace
}  // namespace unpact
