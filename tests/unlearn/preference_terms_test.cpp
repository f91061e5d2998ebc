#include "../../src/unlearn/preference_terms.hpp"
#include "../../src/unlearn/refusal_term.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/loss_parity.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::LossParity;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

class PreferenceParity : public LossParity {};

TEST_F(PreferenceParity, Npo) {
  expect_loss(NpoTerm(forget_, *reference_, beta(), false), "npo");
  expect_loss(NpoTerm(forget_, *reference_, beta(), true), "npo_length_norm");
  expect_loss(NpoTokenMeanTerm(forget_, *reference_, beta()), "npo_token_mean");
  expect_loss(NpoTokenTerm(forget_, *reference_, beta()), "npo_token");
}

TEST_F(PreferenceParity, NpoWithTokenWeights) {
  expect_loss(NpoTerm(forget_, *reference_, beta(), false, TokenWeighting::given(forget_, given_weights())), "npo_weighted");
  expect_loss(NpoTerm(forget_, *reference_, beta(), false, wga()), "npo_wga");
  expect_loss(NpoTerm(forget_, *reference_, beta(), false, wga().balancing_all()), "npo_wga_balanced");
}

TEST_F(PreferenceParity, SimNpo) {
  expect_loss(SimNpoTerm(forget_, more_["simnpo"], more_["delta"]), "simnpo");
  expect_loss(SimNpoTerm(forget_, more_["simnpo"], more_["delta"], satimp()), "simnpo_satimp");
  expect_loss(SimNpoTerm(forget_, more_["simnpo"], more_["delta"], satimp().balancing_all()), "simnpo_satimp_balanced");
}

TEST_F(PreferenceParity, Jensun) {
  expect_loss(RefusalTerm(forget_, more_["refusal"].get<std::vector<TokenId>>()), "jensun");
}

TEST_F(PreferenceParity, Dpo) { expect_loss(DpoTerm(forget_, alternate_, *reference_, beta()), "dpo"); }

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
  const auto reference = tiny_transformer(1);
  const NpoTerm term(random_examples(8, 1), reference, 5.0, false);
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

TEST(NpoTerm, EqualWeightsChangeNoBit) {
  const auto examples = random_examples(9, 3);
  TokenWeights ones;
  for (const auto& example : *examples) ones.emplace_back(example.ids.size(), 1.0F);
  const auto theta = tiny_transformer(1), reference = tiny_transformer(2);
  const NpoTerm plain(examples, reference, 0.1, false),
      weighted(examples, reference, 0.1, false, TokenWeighting::given(examples, ones));
  EXPECT_EQ(value_of(plain, theta), value_of(weighted, theta));
}

TEST(NpoTokenMeanTerm, DependsOnTheMicroBatch) {
  // The published rule has one margin for a whole micro-batch; cut in two it is another loss.
  const auto theta = tiny_transformer(1), reference = tiny_transformer(2);
  const NpoTokenMeanTerm term(random_examples(6, 3), reference, 2.0);
  const std::vector<std::int64_t> all = {0, 1, 2, 3, 4, 5}, first = {0, 1, 2}, second = {3, 4, 5};
  const double whole = term.sum(theta, all).item<double>();
  EXPECT_GT(std::abs(whole - (term.sum(theta, first) + term.sum(theta, second)).item<double>()), 1e-3 * std::abs(whole));
}

TEST(DpoTerm, CountsTheTargetsOfBothAnswers) {
  const auto examples = random_examples(4, 1), alternates = random_examples(4, 2);
  const auto reference = tiny_transformer(1);
  const DpoTerm term(examples, alternates, reference, 0.1);
  const std::vector<std::int64_t> all = {0, 1, 2, 3};
  EXPECT_EQ(term.targets(all), count_targets(*examples, all) + count_targets(*alternates, all));
  EXPECT_THROW(DpoTerm(examples, random_examples(3, 2), reference, 0.1), ContractViolation);
}

}  // namespace
}  // namespace unpact
