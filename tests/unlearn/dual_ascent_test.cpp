#include "../../src/unlearn/dual_ascent.hpp"  // private to the layer

#include <gtest/gtest.h>

namespace unpact {
namespace {

/// The first step (from 1) after which the coefficient moves.
std::int64_t first_move(StepRule rule, std::int64_t examples, std::int64_t batch, std::int64_t warmup) {
  MethodOptions method;
  method.dual_warmup = warmup;
  method.dual_rate = 1;
  method.retain_limit = 0;
  TrainOptions options;
  options.batch_size = batch;
  options.step_rule = rule;
  const auto next = dual_ascent(method, options, examples);
  std::int64_t step = 1;
  while (next(1, 1, step) == 1) ++step;
  return step;
}

TEST(DualAscent, WaitsForTheEpochsOfItsWarmUpByEitherRule) {
  EXPECT_EQ(first_move(StepRule::continuous, 7, 4, 1), 3);
  EXPECT_EQ(first_move(StepRule::per_epoch, 7, 4, 1), 3);
  EXPECT_EQ(first_move(StepRule::continuous, 9, 4, 2), 6) << "18 examples in 5 steps";
  EXPECT_EQ(first_move(StepRule::per_epoch, 9, 4, 2), 7) << "two epochs of 3 steps";
  EXPECT_EQ(first_move(StepRule::per_epoch, 9, 4, 0), 1);
}

}  // namespace
}  // namespace unpact
