/// Many jobs on one campaign in simulated time, with the real claims: each cell is done once, whatever fails.
#include <gmock/gmock.h>

#include "bench/campaign_simulation/simulation.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/core/text.hpp"

namespace unpact::simulation {
namespace {

PlannedWork small_work() {
  PlannedWork work;
  for (int pair = 0; pair < 3; ++pair) {
    auto& planned = work.pairs.emplace_back();
    planned.name = concat("pair", pair);
    planned.target_seconds = 300;
    for (int cell = 0; cell < 20; ++cell) {
      planned.cells.push_back(concat(planned.name, "__cell", cell));
      planned.cell_seconds.push_back(1800 - 15 * cell);
    }
  }
  return work;
}

class SimulatedCampaign : public testing::Test {
 protected:
  void SetUp() override {
    if (!Communicator::world().is_root()) GTEST_SKIP() << "one process is all jobs";
  }
  Outcome run(const Settings& settings) const {
    const testing_support::TemporaryFolder folder;
    auto outcome = simulate(work_, settings, folder.path());
    EXPECT_EQ(outcome.finished.size(), 60U);
    for (const auto& [cell, times] : outcome.finished) EXPECT_EQ(times, 1) << cell;
    EXPECT_GE(outcome.collections, 1) << "the last job";
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "claims")) << "whoever ends rightly gives its claims back";
    return outcome;
  }
  const PlannedWork work_ = small_work();
};

TEST_F(SimulatedCampaign, TakesAsLongAsItsWorkWhenNothingFails) {
  Settings settings;
  settings.targets_are_made = true;
  settings.time_spread = 0;
  const auto alone = run(settings);
  EXPECT_NEAR(alone.makespan, work_.seconds(), 120);
  settings.jobs = 6;
  const auto six = run(settings);
  EXPECT_LT(six.makespan, 1.05 * work_.seconds() / 6);
  EXPECT_LT(six.idle_share, 0.01);
}

TEST_F(SimulatedCampaign, LosesNoCellWhenNodesFailAndJobsArePreempted) {
  Settings settings;
  settings.jobs = 12;
  settings.checkpoint_every = 225;
  settings.node_failure_mean = 1.5 * 3600;
  settings.preemption_mean = 2 * 3600;
  const auto outcome = run(settings);
  EXPECT_GT(outcome.failures, 0);
  EXPECT_GT(outcome.preemptions, 0);
  EXPECT_GT(outcome.lost_share, 0);
  EXPECT_LT(outcome.lost_share, 0.1);
}

TEST_F(SimulatedCampaign, AsksLittleOfTheFileSystemAlsoWithMoreJobsThanCells) {
  Settings settings;
  settings.targets_are_made = true;
  settings.jobs = 70;
  const auto outcome = run(settings);
  EXPECT_LT(outcome.idle_share, 0.05);
  EXPECT_LE(outcome.collections, 2);
  EXPECT_LT(outcome.operations_mean, 5) << "a renewal in 45 s for each of 60 cells is 1.3, and each job starts and ends";
}

TEST_F(SimulatedCampaign, TargetsAreWaitedForWithFewLooks) {
  Settings settings;
  settings.jobs = 70;
  const auto outcome = run(settings);
  EXPECT_LT(outcome.operations_mean, 20);
  EXPECT_LT(outcome.makespan, 1.1 * 300 + 1.1 * 1800 + 1.25 * 120 + 60)
      << "a target's time, at most a tenth more, a cell's time";
}

}  // namespace
}  // namespace unpact::simulation
