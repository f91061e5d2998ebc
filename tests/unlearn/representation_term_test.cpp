#include "../../src/unlearn/representation_term.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/loss_parity.hpp"

namespace unpact {
namespace {

using testing_support::differentiate;
using testing_support::LossParity;
using testing_support::random_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

RepresentationOptions behind(std::int64_t layer, RmuMean mean = RmuMean::tokens, std::int64_t first_trained = 0) {
  return {layer, mean, first_trained};
}

class RepresentationParity : public LossParity {};

TEST_F(RepresentationParity, MeanOverTokens) {
  const RepresentationTerm forget(forget_, behind(layer()), steering(), *theta_),
      retain(retain_, behind(layer()), *reference_);
  expect_loss(forget, "rmu_forget");
  expect_loss(retain, "rmu_retain");
  expect_loss({{&forget, 1.0}, {&retain, settings_["alpha"].get<double>()}}, "rmu");
}

TEST_F(RepresentationParity, MeanOverSequences) {
  const auto options = behind(layer(), RmuMean::sequences);
  expect_loss(RepresentationTerm(forget_, options, steering(), *theta_), "rmu_forget_sequences");
  expect_loss(RepresentationTerm(retain_, options, *reference_), "rmu_retain_sequences");
}

TEST(RepresentationTerm, BeginningAtTheFirstTrainedBlockChangesNeitherValueNorGradients) {
  const auto examples = random_examples(7, 3);
  auto model = tiny_transformer(1);
  const auto frozen = tiny_transformer(1), other = tiny_transformer(2);
  const auto target_D = at::arange(24, at::kFloat) / 10;
  const RepresentationTerm whole(examples, behind(2), target_D, frozen),
      late(examples, behind(2, RmuMean::tokens, 1), target_D, frozen);
  EXPECT_NEAR(value_of(whole, model), value_of(late, model), 1e-5 * value_of(whole, model));
  const auto full = differentiate(model, {{&whole, 1.0}}), part = differentiate(model, {{&late, 1.0}});
  for (const auto& [name, gradient] : full.gradients) {
    const bool frozen_part = name.rfind("model.layers.0.", 0) == 0 || name == "model.embed_tokens.weight";
    if (frozen_part) EXPECT_EQ(part.gradients.at(name).abs().max().item<double>(), 0) << name;
    else EXPECT_TRUE(at::allclose(gradient, part.gradients.at(name), 1e-4, 1e-6)) << name;  // rounding of padded batches
  }
}

TEST(RepresentationTerm, FrozenStatesAreThoseOfEveryExampleAlone) {
  const auto examples = random_examples(20, 5);
  const auto theta = tiny_transformer(1), frozen = tiny_transformer(2);
  const RepresentationTerm term(examples, behind(1), frozen);
  const std::vector<std::int64_t> chosen = {19, 3, 16, 3};
  double expected = 0, tokens = 0;
  for (const auto index : chosen) {
    const auto row = testing_support::row_of((*examples)[static_cast<std::size_t>(index)].ids);
    expected += (theta.block_output(row, 1) - frozen.block_output(row, 1)).square().mean(2).sum().item<double>();
    tokens += static_cast<double>(row.size(1));
  }
  EXPECT_NEAR(term.sum(theta, chosen).item<double>(), expected, 1e-4 * expected);
  EXPECT_EQ(term.normalizer(chosen), tokens);
  EXPECT_LT(value_of(term, frozen), 1e-10);
}

TEST(RepresentationTerm, TakesTheMeanOverTokensAndChannels) {
  const auto examples = random_examples(4, 6);
  const auto model = tiny_transformer(1);
  const auto target_D = at::arange(24, at::kFloat) / 10;
  double total = 0, elements = 0;
  for (const auto& example : *examples) {
    const auto states = model.block_output(testing_support::row_of(example.ids), 2);
    total += (states - target_D).square().sum().item<double>();
    elements += static_cast<double>(states.numel());
  }
  EXPECT_NEAR(value_of(RepresentationTerm(examples, behind(2), target_D, model), model), total / elements, 1e-4);
}

TEST(RepresentationTerm, NeedsNoLabels) {
  const auto examples = std::make_shared<const std::vector<Example>>(1, Example{{1, 2, 3}, {0, 0, 0}});
  const auto model = tiny_transformer(1);
  const RepresentationTerm term(examples, behind(0), at::zeros({24}), model);
  const std::int64_t index = 0;
  EXPECT_EQ(term.targets({&index, 1}), 3);
}

TEST(SteeringVector, HasTheWantedLengthAndNoNegativeEntry) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    const auto vector_D = steering_vector(1000, 6.5, seed);
    EXPECT_NEAR(vector_D.norm().item<double>(), 6.5, 1e-5);
    EXPECT_TRUE((vector_D >= 0).all().item<bool>());
    // uniform in [0, 1): after scaling by c / |u|, |u| about sqrt(1000 / 3)
    EXPECT_NEAR(vector_D.mean().item<double>() / vector_D.max().item<double>(), 0.5, 0.05);
    EXPECT_TRUE(at::equal(vector_D, steering_vector(1000, 6.5, seed)));
    EXPECT_FALSE(at::equal(vector_D, steering_vector(1000, 6.5, seed + 1)));
  }
}

}  // namespace
}  // namespace unpact
