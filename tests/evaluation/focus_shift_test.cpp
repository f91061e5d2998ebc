#include "../../src/evaluation/focus_shift.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace unpact {
namespace {

using Rows = std::vector<std::pair<std::vector<float>, std::vector<std::uint8_t>>>;  // contributions, KeyTokens

ContributionRecord record_of(const Rows& rows) {
  ContributionRecord record;
  for (const auto& [values, keys] : rows) {
    record.contributions.add(values);
    record.is_key_token.add(keys);
  }
  return record;
}

TEST(FocusShift, HasACosineAQuestion) {
  const auto target = record_of({{{1, 0, 2}, {1, 0, 1}}, {{1, 0, 0}, {1, 0, 0}}, {{3, 4}, {1, 1}}});
  const auto unlearned = record_of({{{1, 0, 2}, {1, 0, 1}}, {{0, 0, 1}, {0, 0, 1}}, {{4, 3}, {0, 1}}});
  const auto shift = focus_shift(target, unlearned);
  ASSERT_EQ(shift.set_cosine.size(), 3U);
  EXPECT_DOUBLE_EQ(shift.set_cosine[0], 1);
  EXPECT_DOUBLE_EQ(shift.set_cosine[1], 0);
  EXPECT_DOUBLE_EQ(shift.set_cosine[2], 1 / std::sqrt(2.0)) << "one of both: 1 / sqrt(2 * 1)";
  ASSERT_EQ(shift.contribution_cosine.size(), 3U);
  EXPECT_NEAR(shift.contribution_cosine[0], 1, 1e-12);
  EXPECT_NEAR(shift.contribution_cosine[1], 0, 1e-12);
  EXPECT_NEAR(shift.contribution_cosine[2], 24.0 / 25, 1e-12);
}

TEST(FocusShift, AnEmptyAnswerIsAModelWithoutKeyTokens) {
  const auto some = record_of({{{1, 2}, {1, 1}}}), none = record_of({{{}, {}}});
  EXPECT_EQ(focus_shift(some, none).set_cosine[0], 0);
  EXPECT_EQ(focus_shift(none, some).set_cosine[0], 0);
  EXPECT_TRUE(std::isnan(focus_shift(none, none).set_cosine[0]));
  EXPECT_TRUE(focus_shift({}, {}).set_cosine.empty());
}

TEST(FocusShift, IsOfTheAnswersThatWereAskedFor) {
  ModelRecord model;
  EXPECT_EQ(&focused(model, FocusOf::own), &model.own);
  EXPECT_EQ(&focused(model, FocusOf::gold), &model.gold);
}

}  // namespace
}  // namespace unpact
