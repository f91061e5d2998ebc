#include <gtest/gtest.h>

#include "unpact/campaign/campaign_status.hpp"

namespace unpact {
namespace {

WorkItem cell(const std::string& model, const std::string& method, WorkState state, double measured = 0) {
  WorkItem item;
  item.id = model + "__" + method;
  item.model = model;
  item.dataset = "data";
  item.method = method;
  item.state = state;
  item.measured = measured;
  return item;
}

WorkItem running(WorkItem item, double held, double step_seconds, std::int64_t step, std::int64_t steps) {
  item.state = WorkState::running;
  ClaimHolder holder;
  holder.ranks = 2;
  holder.held_seconds = held;
  holder.doing = {"unlearn", "steps", step, steps, step_seconds};
  item.claim = FoundClaim{item.id, {}, holder, 0};
  return item;
}

CampaignStatus estimated(std::vector<WorkItem> items, const PlannedCosts& costs = {}) {
  CampaignStatus status;
  status.items = std::move(items);
  estimate_work(costs, status);
  return status;
}

PlannedStages operations(double count, double seconds = 0) {
  PlannedStage stage;
  stage.stage = "unlearn";
  stage.operations = count;
  stage.seconds = seconds;
  return {stage};
}

TEST(EstimateWork, GoesByTheSameMethodThenByPlannedOperationsThenByAnything) {
  const auto status = estimated({cell("a", "ga", WorkState::finished, 100), cell("a", "npo", WorkState::finished, 300),
                                 cell("a", "ga", WorkState::missing), cell("a", "rmu", WorkState::missing),
                                 cell("b", "npo", WorkState::missing), cell("b", "tv", WorkState::missing)},
                                {{"a__ga", operations(10)}, {"a__npo", operations(30)}, {"a__rmu", operations(5)}});
  EXPECT_EQ(status.items[2].expected, 100);
  EXPECT_EQ(status.items[3].expected, 50) << "10 seconds an operation";
  EXPECT_EQ(status.items[4].expected, 300) << "of another pair, but of its method";
  EXPECT_EQ(status.items[5].expected, 200);
  EXPECT_EQ(status.sums.left, 650);
  EXPECT_EQ(status.sums.measured, 400);
  EXPECT_EQ(status.sums.unknown, 0U);
  EXPECT_LT(status.sums.seconds_left, 0) << "nobody is at work";
}

TEST(EstimateWork, TakesThePlanWhereNothingIsFinished) {
  auto item = cell("a", "ga", WorkState::missing);
  item.planned = 70;
  const auto status = estimated({item, cell("a", "npo", WorkState::missing), cell("a", "tv", WorkState::failed)},
                                {{"a__ga", operations(10, 70)}});
  EXPECT_EQ(status.sums.left, 70);
  EXPECT_EQ(status.sums.planned, 70);
  EXPECT_EQ(status.sums.unknown, 1U);
}

TEST(EstimateWork, OfARunningCellIsAtLeastItsStage) {
  const auto done = cell("a", "ga", WorkState::finished, 100);
  auto status = estimated({done, running(cell("a", "ga", WorkState::missing), 20, 1, 5, 10)});
  EXPECT_EQ(status.items[1].seconds_left, 30) << "100 of two ranks less 20 of both";
  EXPECT_EQ(status.sums.left, 60);
  EXPECT_EQ(status.sums.held, 40);
  EXPECT_EQ(status.sums.seconds_left, 30);
  status = estimated({done, running(cell("a", "ga", WorkState::missing), 45, 2, 5, 10)});
  EXPECT_EQ(status.items[1].seconds_left, 10) << "5 steps of 2 seconds";
}

}  // namespace
}  // namespace unpact
