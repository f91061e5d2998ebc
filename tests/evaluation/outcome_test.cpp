#include "../../src/evaluation/outcome.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using enum Outcome;

TEST(Outcome, HasTheNumbersOfTheResultsFormat) {
  EXPECT_EQ(static_cast<int>(unknown), 0);
  EXPECT_EQ(static_cast<int>(retained), 1);
  EXPECT_EQ(static_cast<int>(forgotten), 2);
  EXPECT_EQ(static_cast<int>(kept), 3);
  EXPECT_EQ(static_cast<int>(destroyed), 4);
}

TEST(Outcome, IsClassifiedByWhatBothModelsKnow) {
  EXPECT_EQ(classify(true, true, true), retained);
  EXPECT_EQ(classify(true, true, false), forgotten);
  EXPECT_EQ(classify(false, true, true), kept);
  EXPECT_EQ(classify(false, true, false), destroyed);
  for (const bool is_forget_question : {true, false})
    for (const bool unlearned_right : {true, false})
      EXPECT_EQ(classify(is_forget_question, false, unlearned_right), unknown);
}

TEST(DestructiveRate, CountsTheRetainQuestionsThatTheTargetKnew) {
  const auto rate = destructive_rate(std::vector{destroyed, kept, kept, kept, unknown, forgotten, retained});
  EXPECT_EQ(rate.count, 1u);
  EXPECT_EQ(rate.total, 4u);
  EXPECT_DOUBLE_EQ(rate.value, 0.25);
  EXPECT_DOUBLE_EQ(rate.low, wilson_rate(1, 4).low);
  EXPECT_TRUE(std::isnan(destructive_rate(std::vector{unknown, forgotten}).value));
}

TEST(RecoveryRate, CountsForgottenQuestionsOnly) {
  const std::vector outcomes{forgotten, forgotten, forgotten, retained, unknown, destroyed};
  const std::vector<std::uint8_t> all(6, 1);
  const auto rate = recovery_rate(outcomes, std::vector<std::uint8_t>{1, 0, 255, 1, 1, 1}, all);
  EXPECT_EQ(rate.count, 2u);
  EXPECT_EQ(rate.total, 3u);
  EXPECT_DOUBLE_EQ(rate.value, 2.0 / 3);
  EXPECT_TRUE(
      std::isnan(recovery_rate(std::vector{kept}, std::vector<std::uint8_t>{1}, std::vector<std::uint8_t>{1}).value));
  EXPECT_THROW(recovery_rate(outcomes, std::vector<std::uint8_t>{1}, all), ContractViolation);
  EXPECT_THROW(recovery_rate(outcomes, all, std::vector<std::uint8_t>{1}), ContractViolation);
}

TEST(RecoveryRate, LeavesOutWhatCouldNotBeAsked) {
  const std::vector outcomes{forgotten, forgotten, forgotten, retained};
  const std::vector<std::uint8_t> recovered{1, 0, 0, 1}, asked{1, 2, 0, 1};
  const auto rate = recovery_rate(outcomes, recovered, asked);
  EXPECT_EQ(rate.count, 1U);
  EXPECT_EQ(rate.total, 2U);
  const auto share = asked_rate(outcomes, asked);
  EXPECT_EQ(share.count, 2U);
  EXPECT_EQ(share.total, 3U);
}

TEST(DestructiveRate, OfAHalfCountsItsQuestionsAlone) {
  const std::vector outcomes{destroyed, kept, destroyed, kept, unknown, forgotten};
  const std::vector<std::uint8_t> half{1, 1, 2, 0, 2, 2};
  const auto trained = destructive_rate(outcomes, half, Half::trained),
             held_out = destructive_rate(outcomes, half, Half::held_out);
  EXPECT_EQ(trained.count, 1U);
  EXPECT_EQ(trained.total, 2U);
  EXPECT_EQ(held_out.count, 1U);
  EXPECT_EQ(held_out.total, 1U);
}

}  // namespace
}  // namespace unpact
