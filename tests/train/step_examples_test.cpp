#include "unpact/train/step_examples.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace unpact {
namespace {

TEST(CountSteps, ByEitherRule) {
  struct Case {
    std::int64_t epochs, examples, batch, continuous, per_epoch;
  };
  for (const auto& c : {Case{10, 402, 32, 126, 130},
                        {5, 1, 32, 1, 5},
                        {1, 33, 32, 2, 2},
                        {3, 64, 32, 6, 6},
                        {0, 7, 2, 0, 0},
                        {3, 5, 1, 15, 15},
                        {2, 3, 5, 2, 2},
                        {3, 5, 4, 4, 6}}) {
    TrainOptions options;
    options.epochs = c.epochs;
    options.batch_size = c.batch;
    EXPECT_EQ(count_steps(options, c.examples), c.continuous);
    options.step_rule = StepRule::per_epoch;
    EXPECT_EQ(count_steps(options, c.examples), c.per_epoch);
    options.max_steps = 7;
    EXPECT_EQ(count_steps(options, c.examples), 7) << "both are told the number of steps";
  }
}

/// 5 forget and 3 retain examples in batches of 2.
class DrawnSteps : public testing::Test {
 protected:
  static std::vector<std::vector<std::int64_t>> drawn(std::size_t term, const TrainOptions& options, Sampling sampling) {
    const StepExamples steps({{5}, {3, sampling}}, options);
    std::vector<std::vector<std::int64_t>> all;
    for (std::int64_t step = 0; step < steps.total_steps(); ++step) all.push_back(steps.of(term, step));
    return all;
  }
  static TrainOptions options(StepRule rule) {
    TrainOptions o;
    o.epochs = 3;
    o.batch_size = 2;
    o.step_rule = rule;
    o.seed = 5;
    return o;
  }
};

TEST_F(DrawnSteps, PerEpochEndWithTheEpoch) {
  for (const std::int64_t max_steps : {0, 9}) {
    auto o = options(StepRule::per_epoch);
    o.max_steps = max_steps;
    const auto steps = drawn(0, o, Sampling::epoch);
    ASSERT_EQ(steps.size(), 9U);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<std::int64_t> seen;
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(steps[3 * epoch + i].size(), i < 2 ? 2U : 1U) << epoch << " " << i;
        seen.insert(seen.end(), steps[3 * epoch + i].begin(), steps[3 * epoch + i].end());
      }
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 1, 2, 3, 4})) << "each example once an epoch";
    }
  }
}

TEST_F(DrawnSteps, BothRulesDrawTheSameSequence) {
  for (const auto sampling : {Sampling::epoch, Sampling::uniform, Sampling::paired})
    for (const std::size_t term : {0U, 1U}) {
      std::vector<std::vector<std::int64_t>> flat;
      for (const auto rule : {StepRule::continuous, StepRule::per_epoch}) {
        flat.emplace_back();
        for (const auto& step : drawn(term, options(rule), sampling))
          flat.back().insert(flat.back().end(), step.begin(), step.end());
      }
      EXPECT_EQ(flat[0], flat[1]);
      EXPECT_EQ(flat[0].size(), 15U);
    }
}

TEST_F(DrawnSteps, TermsDrawEquallyManyInAStep) {
  const auto forget = drawn(0, options(StepRule::per_epoch), Sampling::epoch),
             retain = drawn(1, options(StepRule::per_epoch), Sampling::epoch);
  for (std::size_t i = 0; i < forget.size(); ++i) EXPECT_EQ(forget[i].size(), retain[i].size());
}

TEST(FirstPosition, CountsDrawnExamples) {
  TrainOptions options;
  options.batch_size = 4;
  EXPECT_EQ(first_position(options, 10, 5), 20);
  options.step_rule = StepRule::per_epoch;
  EXPECT_EQ(first_position(options, 10, 2), 8);
  EXPECT_EQ(first_position(options, 10, 3), 10);
  EXPECT_EQ(first_position(options, 10, 5), 18);
}

}  // namespace
}  // namespace unpact
