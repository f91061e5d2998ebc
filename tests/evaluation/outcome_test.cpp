#include "../../src/evaluation/outcome.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr auto unknown = Outcome::unknown, retained = Outcome::retained, forgotten = Outcome::forgotten,
               kept = Outcome::kept, destroyed = Outcome::destroyed;

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
  const auto rate = recovery_rate(outcomes, std::vector<std::uint8_t>{1, 0, 255, 1, 1, 1});
  EXPECT_EQ(rate.count, 2u);
  EXPECT_EQ(rate.total, 3u);
  EXPECT_DOUBLE_EQ(rate.value, 2.0 / 3);
  EXPECT_TRUE(std::isnan(recovery_rate(std::vector{kept}, std::vector<std::uint8_t>{1}).value));
  EXPECT_THROW(recovery_rate(outcomes, std::vector<std::uint8_t>{1}), ContractViolation);
}

}  // namespace
}  // namespace unpact
