// Answers scored in bfloat16 and float16: the weights' dtype decides products, scores are sums in float32.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/tiny_architectures.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;

class HalfPrecision : public testing::TestWithParam<std::tuple<std::string, c10::ScalarType>> {
 protected:
  const c10::ScalarType dtype_ = std::get<1>(GetParam());
  const Transformer model_ = converted(testing_support::tiny_transformer_of(std::get<0>(GetParam())), dtype_, at::kCPU);
  const Transformer exact_ = converted(model_, at::kFloat, at::kCPU);  ///< the same weights
  /// Rounding to 8 (bf16) or 11 bits. Logits are of order 3 and lie behind three blocks with some ten roundings each, which
  /// add up like a random walk: 3 * sqrt(30) * 2^-9 = 0.03 nats for bf16 is what to expect; five times that is a fault.
  const double tolerance_ = 3 * std::sqrt(30.0) * (dtype_ == at::kBFloat16 ? std::pow(2.0, -9) : std::pow(2.0, -12)) * 5;
};

TEST_P(HalfPrecision, ScoresStayNearThoseOfTheSameWeightsInFloat32) {
  std::vector<PromptAnswer> items;
  for (std::size_t i = 0; i < 12; ++i) items.push_back({random_ids(5 + 3 * i, i), random_ids(1 + i % 4, 50 + i)});
  const auto scores = score_answers(model_, items), expected = score_answers(exact_, items);
  double largest = 0;
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::size_t k = 0; k < scores[i].size(); ++k)
      largest = std::max(largest, std::abs(static_cast<double>(scores[i][k]) - expected[i][k]));
  EXPECT_LE(largest, tolerance_);
  EXPECT_GT(largest, 0) << "it really was another dtype";
}

TEST_P(HalfPrecision, NextTokensAndGenerationWork) {
  const auto prompt = random_ids(9, 1);
  const std::vector<PromptAnswer> items = {{prompt, {3}}, {prompt, {4}}, {prompt, {5}}};
  const auto scores = score_answers(model_, items, 64), expected = score_answers(exact_, items, 64);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_NEAR(scores[i].front(), expected[i].front(), tolerance_);
  GenerationOptions options;
  options.max_new_tokens = 6;
  const auto answers = generate(model_, {{prompt, 0}, {random_ids(4, 2), 0}}, options);
  for (const auto& answer : answers) EXPECT_EQ(answer.size(), 6U);
  EXPECT_EQ(generate(model_, {{prompt, 0}}, options).front(), answers.front());
}

INSTANTIATE_TEST_SUITE_P(Of, HalfPrecision,
                         testing::Combine(testing::ValuesIn(testing_support::tiny_architectures()),
                                          testing::Values(at::kBFloat16, at::kHalf)),
                         [](const auto& test) {
                           return concat(std::get<0>(test.param), "_", c10::toString(std::get<1>(test.param)));
                         });

/// With a head of zeros every token has the probability 1 / V. bfloat16 adds nothing to 256 any more, and its numbers near
/// log V are 1/16 apart.
TEST(HalfPrecisionSums, AreInFloat32) {
  auto config = testing_support::tiny_config();
  config.vocabulary_size = 50'000;
  auto weights = random_weights(config, 1);
  weights.head_VD.zero_();
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto model = converted(Transformer(config, weights), dtype, at::kCPU);
    const auto scores = score_answers(model, {{{1, 2, 3}, {4, 5}}}).front();
    for (const float score : scores) EXPECT_NEAR(score, -std::log(50'000.0), 1e-5) << c10::toString(dtype);
    EXPECT_NEAR(score_by_passes(model, {{{1, 2}, {7}}}).front().front(), -std::log(50'000.0), 1e-5);
  }
}

}  // namespace
}  // namespace unpact
