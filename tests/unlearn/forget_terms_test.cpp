#include "unpact/unlearn/forget_terms.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::expect_close;
using testing_support::expect_parity;
using testing_support::Expected;
using testing_support::load_transformer;
using testing_support::message_of;
using testing_support::parity;
using testing_support::random_examples;
using testing_support::read_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

// float32 on both sides, sums in another order. Measured: values to 3e-7 of their size, gradients to 1e-6 of the
// largest one. A wrong normalizer, sign or mask is off by far more than 1e-3.
constexpr double kValueTolerance = 1e-5, kGradientTolerance = 1e-4;

class ForgetParity : public testing::Test {
 protected:
  void SetUp() override {
    UNPACT_NEED_PARITY("losses.safetensors");
    fixture_ = std::make_unique<Expected>("losses.safetensors");
    settings_ = read_json_file(parity("losses.json"));
    forget_ = read_examples(*fixture_, "forget");
    retain_ = read_examples(*fixture_, "retain");
    theta_ = std::make_unique<Transformer>(load_transformer(parity("losses_theta")));
    reference_ = std::make_unique<Transformer>(load_transformer(parity("losses_ref")));
  }
  void expect_loss(const std::vector<std::pair<const LossTerm*, double>>& terms, const std::string& loss) {
    expect_parity(differentiate(*theta_, terms), *fixture_, loss, kValueTolerance, kGradientTolerance);
  }
  at::Tensor target() const { return (*fixture_)["rmu.u"] * settings_["c"].get<double>(); }

  std::unique_ptr<Expected> fixture_;
  Json settings_;
  Examples forget_, retain_;
  std::unique_ptr<Transformer> theta_, reference_;
};

TEST_F(ForgetParity, GradientAscent) {
  const GradientAscentTerm term(forget_);
  expect_loss({{&term, 1.0}}, "ga");
}

TEST_F(ForgetParity, WeightedGradientAscent) {
  const auto weight_BT = (*fixture_)["forget.weight"];
  TokenWeights weights;
  for (std::size_t b = 0; b < forget_->size(); ++b) {
    const auto* row = weight_BT.const_data_ptr<float>() + static_cast<std::int64_t>(b) * weight_BT.size(1);
    weights.emplace_back(row, row + (*forget_)[b].ids.size());
  }
  const GradientAscentTerm term(forget_, weights);
  expect_loss({{&term, 1.0}}, "ga_weighted");
}

TEST_F(ForgetParity, NegativePreference) {
  const NpoTerm sums(forget_, *reference_, settings_["beta"], false),
      means(forget_, *reference_, settings_["beta"], true);
  expect_loss({{&sums, 1.0}}, "npo");
  expect_loss({{&means, 1.0}}, "npo_length_norm");
}

TEST_F(ForgetParity, RepresentationMisdirection) {
  const std::int64_t layer = settings_["layer"];
  const RepresentationTerm forget(forget_, layer, target()), retain(retain_, layer, *reference_);
  expect_loss({{&forget, 1.0}}, "rmu_forget");
  expect_loss({{&retain, 1.0}}, "rmu_retain");
  expect_loss({{&forget, 1.0}, {&retain, settings_["alpha"].get<double>()}}, "rmu");
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
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, ones), model), value_of(GradientAscentTerm(examples), model), 1e-6);
  const auto first = std::make_shared<const std::vector<Example>>(1, examples->front());
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, first_only), model), value_of(GradientAscentTerm(first), model),
              1e-6);
}

TEST(GradientAscentTerm, NeedsAWeightForEveryToken) {
  const auto examples = random_examples(2, 1);
  EXPECT_THROW(GradientAscentTerm(examples, {{1.0F}}), ContractViolation);
  EXPECT_THROW(GradientAscentTerm(examples, {{1.0F}, {1.0F}}), ContractViolation);
}

/// -log p of an example's targets, by one plain pass.
std::pair<double, double> nll_and_targets(const Transformer& model, const Example& example) {
  const auto log_p_SV = testing_support::log_probabilities(model, example.ids);
  double nll = 0, count = 0;
  for (std::size_t t = 1; t < example.ids.size(); ++t) {
    if (!example.has_loss[t]) continue;
    nll -= log_p_SV[static_cast<std::int64_t>(t) - 1][example.ids[t]].item<double>();
    ++count;
  }
  return {nll, count};
}

class NpoReference : public testing::TestWithParam<bool> {};  // length normalized or not

TEST_P(NpoReference, IsWhatTheReferenceSaysOfEachExample) {
  const auto examples = random_examples(37, 4);  // more than the reference takes at once
  const auto theta = tiny_transformer(1), reference = tiny_transformer(2);
  constexpr double kBeta = 0.3;
  const NpoTerm term(examples, reference, kBeta, GetParam());
  const std::vector<std::int64_t> chosen = {36, 0, 17, 16, 15, 0};
  double expected = 0;
  for (const auto index : chosen) {
    const auto& example = (*examples)[static_cast<std::size_t>(index)];
    const auto [nll, count] = nll_and_targets(theta, example);
    const double ratio = (nll - nll_and_targets(reference, example).first) / (GetParam() ? count : 1);
    expected += 2 / kBeta * std::log1p(std::exp(-kBeta * ratio));
  }
  EXPECT_NEAR(term.sum(theta, chosen).item<double>(), expected, 1e-4);
  EXPECT_EQ(term.normalizer(chosen), 6);
}

INSTANTIATE_TEST_SUITE_P(Length, NpoReference, testing::Bool(),
                         [](const auto& test) { return test.param ? "normalized" : "sum"; });

TEST(NpoTerm, BeginsAtTwoLogTwoOverBeta) {
  const auto model = tiny_transformer(1);
  EXPECT_NEAR(value_of(NpoTerm(random_examples(20, 1), model, 0.1, false), model), 20 * std::log(2.0), 1e-4);
}

TEST(NpoTerm, IsFiniteFarFromTheReference) {
  auto theta = tiny_transformer(1);
  theta.weights().head_VD.mul_(200);
  const NpoTerm term(random_examples(8, 1), tiny_transformer(1), 5.0, false);
  const auto result = differentiate(theta, {{&term, 1.0}});
  EXPECT_TRUE(std::isfinite(result.value));
  for (const auto& [name, gradient] : result.gradients) EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << name;
}

TEST(NpoTerm, RefusesABetaThatIsNotPositive) {
  const auto model = tiny_transformer(1);
  for (const double beta : {0.0, -0.1, std::nan("")})
    EXPECT_THAT(message_of<UserError>([&] { NpoTerm(random_examples(1, 1), model, beta, false); }),
                HasSubstr("method.beta"));
}

TEST(RepresentationTerm, FrozenStatesAreThoseOfEveryExampleAlone) {
  const auto examples = random_examples(20, 5);
  const auto theta = tiny_transformer(1), frozen = tiny_transformer(2);
  const RepresentationTerm term(examples, 1, frozen);
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
  EXPECT_NEAR(value_of(RepresentationTerm(examples, 2, target_D), model), total / elements, 1e-4);
}

TEST(RepresentationTerm, NeedsNoLabels) {
  const auto examples = std::make_shared<const std::vector<Example>>(1, Example{{1, 2, 3}, {0, 0, 0}});
  const RepresentationTerm term(examples, 0, at::zeros({24}));
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
