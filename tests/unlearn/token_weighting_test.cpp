#include "unpact/unlearn/token_weighting.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

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
  EXPECT_THROW(none.of(*examples, kAll, some_log_p(*examples)), ContractViolation);
}

TEST(TokenWeighting, ConfidenceIsAConstant) {
  const auto examples = random_examples(4, 1);
  const auto log_p_R = some_log_p(*examples).requires_grad_();
  const auto p_R = log_p_R.detach().exp();
  const auto wga_R = TokenWeighting::wga(0.5).of(*examples, kAll, log_p_R),
             satimp_R = TokenWeighting::satimp(5, 1).of(*examples, kAll, log_p_R);
  EXPECT_FALSE(wga_R.requires_grad());
  EXPECT_TRUE(at::allclose(wga_R, p_R.sqrt()));
  EXPECT_TRUE(at::allclose(satimp_R, p_R.pow(5) * (1 - p_R)));
  EXPECT_EQ(TokenWeighting::satimp(5, 1).total(*examples, kAll), static_cast<double>(count_targets(*examples, kAll)));
}

TEST(TokenWeighting, OfACertainTokenSatimpIsZeroAndNotNegative) {
  const auto example = std::make_shared<const std::vector<Example>>(1, Example{{1, 2}, {0, 1}});
  const std::vector<std::int64_t> one = {0};
  EXPECT_EQ(TokenWeighting::satimp(1, 0.5).of(*example, one, at::full({1}, 1e-7)).item<double>(),
            0);  // rounding may give p > 1
}

TEST(TokenWeighting, BalancedWeightsOfASequenceSumToItsTargets) {
  const auto examples = random_examples(4, 1);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto balanced_R = TokenWeighting::wga(2).balanced(*examples, kAll, some_log_p(*examples), batch);
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
    const auto before_R = weighting.weights_in_sequences(*examples, kAll, known_R, batch);
    const auto after_R = weighting.weights_in_sequences(*examples, kAll, forgotten_R, batch);
    EXPECT_TRUE(at::equal(before_R, weighting.of(*examples, kAll, known_R)));
    EXPECT_LT(after_R.sum().item<double>(), 1e-3 * before_R.sum().item<double>()) << "what is forgotten fades";
    const auto balanced_R = weighting.balancing_all().weights_in_sequences(*examples, kAll, forgotten_R, batch);
    EXPECT_NEAR(balanced_R.sum().item<double>(), static_cast<double>(count_targets(*examples, kAll)), 1e-3);
  }
  TokenWeights weights;
  for (const auto& example : *examples) weights.emplace_back(example.ids.size(), 3.0F);
  const auto given = TokenWeighting::given(examples, weights);
  EXPECT_TRUE(at::equal(given.weights_in_sequences(*examples, kAll, known_R, batch),
                        given.balanced(*examples, kAll, known_R, batch)));
}

TEST(TokenWeighting, ASequenceWithoutWeightStaysWithout) {
  const auto examples = random_examples(4, 1);
  TokenWeights weights;
  for (const auto& example : *examples) weights.emplace_back(example.ids.size(), weights.empty() ? 0.0F : 3.0F);
  const auto batch = make_batch(*examples, kAll, at::kCPU);
  const auto weighting = TokenWeighting::given(examples, weights);
  const auto balanced_R = weighting.balanced(*examples, kAll, some_log_p(*examples), batch);
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
