#include "../../src/campaign/choose_point.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;

const std::vector<PointCounts> kPoints = {{10, 40, 50}, {20, 22, 48}, {30, 9, 44}, {40, 9, 47}, {50, 3, 20}};
constexpr PointBounds kBounds = {50, 10};

ChosenPoint chosen(PointRule rule, double keep, std::size_t seen = kPoints.size()) {
  UnlearnOptions options;
  options.select = rule;
  options.select_keep = keep;
  return choose_point({kPoints.begin(), kPoints.begin() + static_cast<std::ptrdiff_t>(seen)}, options, kBounds);
}

TEST(ChoosePoint, FollowsTheRule) {
  EXPECT_EQ(chosen(PointRule::last, 0.95).index, 4U);
  EXPECT_EQ(chosen(PointRule::best_at_utility, 0.95).index, 1U) << "48 of 50 are enough, and 22 fewer than 40";
  EXPECT_EQ(chosen(PointRule::best_at_utility, 0.88).index, 2U) << "of two with 9 the first";
  EXPECT_EQ(chosen(PointRule::best_at_utility, 0.9).index, 3U) << "44 of 50 are not enough";
  EXPECT_EQ(chosen(PointRule::best_at_utility, 1).index, 0U);
  EXPECT_EQ(chosen(PointRule::first_below_floor, 0.95).index, 2U);
}

TEST(ChoosePoint, SaysWhereNoPointFulfilsTheRule) {
  UnlearnOptions options;
  options.select = PointRule::best_at_utility;
  const auto most = choose_point({{1, 5, 10}, {2, 3, 12}, {3, 1, 12}}, options, {50, 0});
  EXPECT_EQ(most.index, 1U);
  EXPECT_THAT(most.why, HasSubstr("no point keeps 47.5 of the target's 50"));
  options.select = PointRule::first_below_floor;
  const auto last = choose_point({{1, 5, 10}, {2, 3, 12}}, options, {50, 2});
  EXPECT_EQ(last.index, 1U);
  EXPECT_THAT(last.why, HasSubstr("as few forget answers as the floor model (2)"));
}

/// Weights are kept of the best point so far alone.
TEST(ChoosePoint, HasSeenItsChoiceAsTheBestWhenItCame) {
  for (const auto rule : {PointRule::best_at_utility, PointRule::first_below_floor})
    for (const double keep : {0.5, 0.88, 0.95, 0.99, 1.0}) {
      const auto index = chosen(rule, keep).index;
      EXPECT_EQ(chosen(rule, keep, index + 1).index, index) << keep;
    }
}

std::vector<AskedQuestion> some_questions(std::size_t forget, std::size_t retain) {
  std::vector<AskedQuestion> questions(forget + retain);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    questions[q].in_forget_set = q < forget;
    questions[q].pair.question = concat("question ", q);
  }
  return questions;
}

TEST(PointRoles, AreHalvesOfForgetAndOfHeldOutQuestions) {
  const auto questions = some_questions(10, 12);
  std::vector<std::uint8_t> held_out(22, 0);
  for (std::size_t q = 10; q < 22; q += 2) held_out[q] = 1;
  const auto roles = point_roles(questions, held_out, DatasetKind::muse);
  const auto count = [&](std::size_t first, std::size_t last, PointRole role) {
    return std::count(roles.begin() + static_cast<std::ptrdiff_t>(first), roles.begin() + static_cast<std::ptrdiff_t>(last),
                      static_cast<std::uint8_t>(role));
  };
  EXPECT_EQ(count(0, 10, PointRole::choose), 5);
  EXPECT_EQ(count(0, 10, PointRole::report), 5);
  EXPECT_EQ(count(10, 22, PointRole::choose), 3);
  EXPECT_EQ(count(10, 22, PointRole::report), 3);
  for (std::size_t q = 11; q < 22; q += 2) EXPECT_EQ(roles[q], static_cast<std::uint8_t>(PointRole::none)) << "trained on";
  auto longer = some_questions(10, 12);
  std::reverse(longer.begin(), longer.begin() + 10);
  const auto turned = point_roles(longer, held_out, DatasetKind::muse);
  for (std::size_t q = 0; q < 10; ++q) EXPECT_EQ(turned[9 - q], roles[q]) << "whatever the order of the file";
}

TEST(PointRoles, RefuseSetsThatAreTooSmall) {
  EXPECT_THAT(message_of<UserError>([] {
                point_roles(some_questions(4, 1), {0, 0, 0, 0, 1}, DatasetKind::muse);
              }),
              HasSubstr("the retain set is too small"));
  EXPECT_THAT(message_of<UserError>([] {
                point_roles(some_questions(1, 2), {0, 1, 1}, DatasetKind::muse);
              }),
              HasSubstr("the forget set is too small"));
  EXPECT_THAT(message_of<UserError>([] {
                point_roles(some_questions(2, 2), {0, 0, 0, 0}, DatasetKind::muse);
              }),
              HasSubstr("no retain question is held out"));
}

}  // namespace
}  // namespace unpact
