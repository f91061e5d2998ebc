#include "../../src/evaluation/judge_check.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace unpact {
namespace {

using Scores = std::vector<double>;

TEST(BestThreshold, LiesWhereRightAndWrongPartBest) {
  EXPECT_DOUBLE_EQ(*best_threshold(Scores{0.9, 0.8, 0.4}, Scores{0.1, 0.2}), 0.3) << "all told apart";
  EXPECT_DOUBLE_EQ(*best_threshold(Scores{0.95, 0.85}, Scores{0.9, 0.6}), 0.725)
      << "as good as 0.925, and closer to one half";
  EXPECT_EQ(*best_threshold(Scores{0.6, 0.6}, Scores{0.6}), 0.5) << "nothing can be told: the model's own";
  EXPECT_EQ(*best_threshold(Scores{0.9}, Scores{0.1}), 0.5);
  EXPECT_FALSE(best_threshold(Scores{}, Scores{0.1}).has_value());
  EXPECT_FALSE(best_threshold(Scores{0.1}, Scores{}).has_value());
}

/// A judge whose scores are given.
class Given : public Judge {
 public:
  explicit Given(bool calibrates) : calibrates_(calibrates) {}
  double score(std::string_view, std::string_view) const override { return 0; }
  bool passes(double score) const override { return score >= 0.5; }
  bool can_judge(std::string_view) const override { return true; }
  double threshold() const override { return 0.5; }
  bool calibrates() const override { return calibrates_; }
  std::string describe() const override { return "given"; }

 private:
  bool calibrates_;
};

TEST(CheckJudge, CountsErrorsOnAnswersThatDidNotCalibrate) {
  const std::vector<KnownAnswer> kinds = {{true, true}, {false, true}, {true, false}, {false, false}, {true, false}};
  const Scores scores = {0.9, 0.7, 0.95, 0.85, 0.75};
  const auto plain = check_judge("given", Given(false), scores, kinds);
  EXPECT_EQ(std::tie(plain.right, plain.rejected, plain.wrong, plain.accepted), std::tuple(3U, 0U, 2U, 2U));
  EXPECT_EQ(plain.threshold, 0.5);
  EXPECT_EQ(plain.calibrated_on, 0U);
  const auto found = check_judge("given", Given(true), scores, kinds);
  EXPECT_EQ(found.calibrated_on, 2U);
  EXPECT_DOUBLE_EQ(found.threshold, 0.8);
  EXPECT_EQ(std::tie(found.right, found.rejected, found.wrong, found.accepted), std::tuple(2U, 1U, 1U, 1U));
  EXPECT_EQ(calibrated({}, {plain}).calibrated, std::nullopt);
  EXPECT_DOUBLE_EQ(*calibrated({}, {plain, found}).calibrated, 0.8);
}

TEST(CheckJudge, OneQuestionCalibratesNothing) {
  const auto found = check_judge("given", Given(true), {0.4, 0.3}, {{true, true}, {false, true}});
  EXPECT_EQ(found.calibrated_on, 0U) << "its errors would be measured on what it was fitted to";
  EXPECT_EQ(found.threshold, 0.5);
  EXPECT_EQ(std::tie(found.right, found.rejected, found.wrong, found.accepted), std::tuple(1U, 1U, 1U, 0U));
}

}  // namespace
}  // namespace unpact
