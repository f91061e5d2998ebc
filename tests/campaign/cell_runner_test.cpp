#include "unpact/campaign/cell_runner.hpp"

#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace {

class Cells : public testing_support::SmallCampaign {
 protected:
  Configuration cell(std::uint64_t seed, double learning_rate = 1e-3) const {
    auto c = configuration();
    c.run.seed = seed;
    c.unlearn.train.learning_rate = learning_rate;
    return c;
  }
  /// One that no number survives.
  Configuration wrecked(std::uint64_t seed) const { return cell(seed, 1e39); }

  /// What a group of all ranks finds left of a plan of two cells.
  std::vector<Configuration> left(const std::vector<Configuration>& cells, bool retry_failed = false) {
    auto claims = claims_of_job(world_, out_, {});
    CellRunner runner(session_, world_, claims, out_, retry_failed, [](double) { return false; },
                      {cell_id(cell(1)), cell_id(cell(2))});
    return runner.left_of(world_, baseline_, cells);
  }

  /// A group of all ranks works through the cells. @param leave_off whether to begin none.
  void run(const std::vector<Configuration>& cells, bool retry_failed = false, bool leave_off = false) {
    auto claims = claims_of_job(world_, out_, {});
    CellRunner runner(session_, world_, claims, out_, retry_failed, [=](double) { return leave_off; });
    runner.run(baseline_, left(cells, retry_failed));
    world_.barrier();
  }
  bool is_done(const Configuration& c) const { return is_cell_done(baseline_, c, out_); }
  std::optional<FailedCell> failure(const Configuration& c) const {
    return find_failed_cell(out_, cell_id(c), fingerprint_of_cell(baseline_, c));
  }

  Baseline baseline_ = prepare_baseline(session_, configuration(), out_);
};

TEST_F(Cells, AreRunEachAndGiveTheirClaimsBack) {
  run({cell(1), cell(2)});
  EXPECT_TRUE(is_done(cell(1)) && is_done(cell(2)));
  EXPECT_TRUE(std::filesystem::is_empty(out_ / "claims"));
  EXPECT_TRUE(left({cell(1), cell(2)}).empty());
}

TEST_F(Cells, ThatFailAreRecordedAndTheOthersGoOn) {
  run({wrecked(1), cell(2)});
  EXPECT_FALSE(is_done(wrecked(1)));
  EXPECT_TRUE(is_done(cell(2)));
  ASSERT_TRUE(failure(wrecked(1)));
  EXPECT_FALSE(failure(wrecked(1))->problem.empty());
  EXPECT_FALSE(failure(cell(1))) << "with other settings it has not failed";
}

TEST_F(Cells, ThatFailedBeforeAreTriedAgainWhenAsked) {
  run({wrecked(1)});
  const auto first = failure(wrecked(1));
  world_.barrier();
  EXPECT_TRUE(left({wrecked(1)}).empty());
  run({wrecked(1)}, true);
  ASSERT_TRUE(first && failure(wrecked(1)));
  EXPECT_NE(failure(wrecked(1))->run, first->run);
}

TEST_F(Cells, AreNotBegunWhenTheJobLeavesOff) {
  run({cell(1)}, false, true);
  EXPECT_FALSE(is_done(cell(1)));
}

TEST_F(Cells, ThatAreListedAsFinishedAreOpenedByTheLastJobAlone) {
  run({cell(1)});
  if (world_.is_root()) write_file_atomically(out_ / "cells" / (cell_id(cell(1)) + ".h5"), "damaged since");
  std::optional<Claim> held;
  auto others = claims_of_job(world_, out_, {});
  if (world_.is_root()) held = others.take(cell_id(cell(2)));
  world_.barrier();
  EXPECT_TRUE(left({cell(1)}).empty()) << "others are at work: their list is believed";
  EXPECT_EQ(left({cell(1, 5e-3)}).size(), 1U) << "the list is of other settings";
  world_.barrier();
  held.reset();
  world_.barrier();
  EXPECT_EQ(left({cell(1)}).size(), 1U);
  world_.barrier();
}

TEST_F(Cells, OfALivingJobAreLeftToIt) {
  const auto id = cell_id(cell(1));
  std::optional<Claim> held;
  auto others = claims_of_job(world_, out_, {});
  if (world_.is_root()) held = others.take(id);
  world_.barrier();
  auto claims = claims_of_job(world_, out_, {});
  CellRunner runner(session_, world_, claims, out_, false, [](double) { return false; });
  runner.run(baseline_, {cell(1), cell(2)});
  if (world_.is_root()) {
    EXPECT_THAT(runner.held(), testing::ElementsAre(id));
  }
  EXPECT_FALSE(is_done(cell(1)));
  EXPECT_TRUE(is_done(cell(2)));
  world_.barrier();
}

}  // namespace
}  // namespace unpact
