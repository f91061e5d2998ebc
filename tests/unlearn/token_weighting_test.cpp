#include "unpact/unlearn/token_weighting.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tiny_models.hpp"
#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing_support::random_examples;

const std::vector<std::int64_t> kAll = {0, 1, 2, 3};

at::Tensor some_log_p(const std::vector<Example>& examples) {
  return at::linspace(-3, -0.01, count_targets(examples, kAll));
}

TEST(TokenWeighting, NoneIsTheDefaultAndDividesByTheTargets) {
  const auto examples = random_examples(4, 1);
  const TokenWeighting none;
  EXPECT_TRUE(none.is_none());
  EXPECT_EQ(none.total(*examples, kAll), static_cast<double>(count_targets(*examples, kAll)));
  EXPECT_THROW(none.of(*examples, kAll, {some_log_p(*examples)}, make_batch(*examples, kAll, at::kCPU)), ContractViolation);
}

TEST(TokenWeighting, ConfidenceIsAConstant) {
  const auto examples = random_examples(4, 1);
  const auto log_p_R = some_log_p(*examples).requires_grad_();
  const auto p_R = log_p_R.detach().exp();
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto wga_R = TokenWeighting::wga(0.5).of(*examples, kAll, {log_p_R}, batch),
             satimp_R = TokenWeighting::satimp(5, 1).of(*examples, kAll, {log_p_R}, batch);
  EXPECT_FALSE(wga_R.requires_grad());
  EXPECT_TRUE(at::allclose(wga_R, p_R.sqrt()));
  EXPECT_TRUE(at::allclose(satimp_R, p_R.pow(5) * (1 - p_R)));
  EXPECT_EQ(TokenWeighting::satimp(5, 1).total(*examples, kAll), static_cast<double>(count_targets(*examples, kAll)));
}

TEST(TokenWeighting, OfACertainTokenSatimpIsZeroAndNotNegative) {
  const auto example = std::make_shared<const std::vector<Example>>(1, Example{{1, 2}, {0, 1}});
  const std::vector<std::int64_t> one = {0};
  const auto batch = make_batch(*example, one, at::kCPU);
  EXPECT_EQ(TokenWeighting::satimp(1, 0.5).of(*example, one, {at::full({1}, 1e-7)}, batch).item<double>(),
            0);  // rounding may give p > 1
}

TEST(TokenWeighting, EntropyIsThatOfTheWholeDistributionAndSumsToTheTargets) {
  const auto examples = random_examples(4, 1);
  auto config = testing_support::tiny_config();
  config.block.logit_cap = 2;  // as Gemma 2's: of what is left
  const auto model = testing_support::tiny_transformer(1, config);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto weighting = TokenWeighting::entropy();
  const auto scores = weighting.score(model, batch);
  EXPECT_TRUE(at::equal(scores.log_p_R, example_log_probabilities(model, batch)));
  EXPECT_FALSE(scores.entropy_R.requires_grad());
  const auto log_p_RV = model.logits(target_hidden(model, batch)).log_softmax(1);
  const auto entropy_R = -(log_p_RV.exp() * log_p_RV).sum(1);
  EXPECT_TRUE(at::allclose(scores.entropy_R, entropy_R, 1e-5, 1e-6));  // sums of float32 in another order
  const auto weights_R = weighting.of(*examples, kAll, scores, batch);
  EXPECT_TRUE(at::allclose(sum_by_example(weights_R, batch), sum_by_example(at::ones_like(weights_R), batch)));
}

/// test_vectors' `mink`: ETW's weights of six targets.
TEST(TokenWeighting, EntropyWeightsAreThoseOfThePaper) {
  const auto example =
      std::make_shared<const std::vector<Example>>(1, Example{{0, 1, 0, 1, 4, 2, 1}, {0, 1, 1, 1, 1, 1, 1}});
  const std::vector<std::int64_t> one = {0};
  const auto entropy_R = at::tensor({1.3548119648752808, 1.3023344006742743, 1.1727298059870068, 1.4842539770857586,
                                     1.0274382243358726, 0.8459947655521243});
  const auto expected_R = at::tensor({1.130963531394656, 1.087156558274793, 0.9789658470228604, 1.2390185228147153,
                                      0.8576800269044881, 0.7062155135884877});
  const auto batch = make_batch(*example, one, at::kCPU);
  EXPECT_TRUE(at::allclose(TokenWeighting::entropy().of(*example, one, {at::zeros({6}), entropy_R}, batch), expected_R));
}

TEST(TokenWeighting, GivenWeightsMayBeMultipliedByConfidence) {
  const auto examples = random_examples(4, 1);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  TokenWeights weights;
  for (const auto& example : *examples) weights.emplace_back(example.ids.size(), 3.0F);
  const TargetScores scores{some_log_p(*examples)};
  const auto both = TokenWeighting::given(examples, weights, 2);
  EXPECT_TRUE(at::equal(both.of(*examples, kAll, scores, batch), 3 * scores.log_p_R.exp().pow(2)));
  EXPECT_TRUE(at::equal(both.weights_in_sequences(*examples, kAll, scores, batch), both.of(*examples, kAll, scores, batch)))
      << "like wga they fade where a sequence is forgotten";
}

TEST(TokenWeighting, BalancedWeightsOfASequenceSumToItsTargets) {
  const auto examples = random_examples(4, 1);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto balanced_R = TokenWeighting::wga(2).balanced(*examples, kAll, {some_log_p(*examples)}, batch);
  const auto sums_B = sum_by_example(balanced_R, batch);
  for (const auto index : kAll)
    EXPECT_NEAR(sums_B[index].item<double>(), static_cast<double>((*examples)[static_cast<std::size_t>(index)].targets()),
                1e-5);
}

TEST(TokenWeighting, InSequencesOnlyGivenWeightsAreBalanced) {
  const auto examples = random_examples(4, 1);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto known_R = some_log_p(*examples), forgotten_R = known_R - 5;
  for (const auto& weighting : {TokenWeighting::wga(2), TokenWeighting::satimp(5, 1)}) {
    const auto before_R = weighting.weights_in_sequences(*examples, kAll, {known_R}, batch);
    const auto after_R = weighting.weights_in_sequences(*examples, kAll, {forgotten_R}, batch);
    EXPECT_TRUE(at::equal(before_R, weighting.of(*examples, kAll, {known_R}, batch)));
    EXPECT_LT(after_R.sum().item<double>(), 1e-3 * before_R.sum().item<double>()) << "what is forgotten fades";
    const auto balanced_R = weighting.balancing_all().weights_in_sequences(*examples, kAll, {forgotten_R}, batch);
    EXPECT_NEAR(balanced_R.sum().item<double>(), static_cast<double>(count_targets(*examples, kAll)), 1e-3);
  }
  TokenWeights weights;
  for (const auto& example : *examples) weights.emplace_back(example.ids.size(), 3.0F);
  const auto given = TokenWeighting::given(examples, weights);
  EXPECT_TRUE(at::equal(given.weights_in_sequences(*examples, kAll, {known_R}, batch),
                        given.balanced(*examples, kAll, {known_R}, batch)));
}

TEST(TokenWeighting, ASequenceWithoutWeightStaysWithout) {
  const auto examples = random_examples(4, 1);
  TokenWeights weights;
  for (const auto& example : *examples) weights.emplace_back(example.ids.size(), weights.empty() ? 0.0F : 3.0F);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto weighting = TokenWeighting::given(examples, weights);
  const auto balanced_R = weighting.balanced(*examples, kAll, {some_log_p(*examples)}, batch);
  const auto expected_R = (batch.example_R > 0).to(at::kFloat);
  EXPECT_TRUE(at::equal(balanced_R, expected_R));
  EXPECT_EQ(weighting.total(*examples, kAll), 3.0 * expected_R.sum().item<double>());
}

TEST(TokenWeighting, NeedsAWeightForEveryToken) {
  const auto examples = random_examples(2, 1);
  EXPECT_THROW(TokenWeighting::given(examples, {{1.0F}}), ContractViolation);
  EXPECT_THROW(TokenWeighting::given(examples, {{1.0F}, {1.0F}}), ContractViolation);
}

}  // namespace
}  // namespace unpact
