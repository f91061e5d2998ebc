#include "unpact/campaign/pair_walker.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

/// Groups of one rank each, in one folder.
class PairsOfGroups : public testing_support::SmallCampaign {
 protected:
  Pair pair(const std::string& name, const std::vector<double>& rates = {1e-3, 2e-3}) const {
    Pair pair;
    pair.configuration = configuration();
    pair.configuration.model.name = name;
    for (std::size_t i = 0; i < rates.size(); ++i) {
      auto cell = pair.configuration;
      cell.run.seed = i;
      cell.unlearn.train.learning_rate = rates[i];
      pair.cells.push_back(cell);
    }
    return pair;
  }
  /// One whose dataset is gone when its turn comes.
  Pair broken() const {
    auto lost = pair("broken");
    lost.configuration.dataset.path = (folder_ / "nowhere").string();
    return lost;
  }

  /// @return what the walk found, on the root.
  std::vector<PlannedCell> walk(const std::vector<Pair>& plan) {
    auto claims = claims_of_job(world_, out_, options_);
    PairWalker walker(session_, group_, claims, out_, plan, options_);
    walker.run();
    walker.finish();
    stopped_ = walker.stopped();
    world_.barrier();
    return walker.planned();
  }
  std::size_t finished_cells() const {
    std::size_t count = 0;
    std::error_code code;
    for (std::filesystem::directory_iterator entry(out_ / "cells", code), end; !code && entry != end; entry.increment(code))
      count += entry->path().extension() == ".h5";
    return count;
  }

  CampaignOptions options_;
  Communicator group_ = split_groups(world_, 1);
  bool stopped_ = false;
};

TEST_F(PairsOfGroups, AreAllDoneAndTheirFingerprintsKnown) {
  const auto planned = walk({pair("a"), pair("b"), pair("c")});
  EXPECT_EQ(finished_cells(), 6U);
  ASSERT_EQ(planned.size(), 6U);
  if (world_.is_root()) {
    for (const auto& cell : planned) EXPECT_FALSE(cell.fingerprint.empty()) << cell.id;
    const auto kept = read_plan(out_);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->size(), 6U);
    for (const auto& cell : *kept) EXPECT_FALSE(cell.fingerprint.empty()) << cell.id;
  }
  EXPECT_TRUE(std::filesystem::is_empty(out_ / "claims"));
}

TEST_F(PairsOfGroups, DoNotWaitForATargetThatSomebodyElseMakes) {
  std::optional<Claim> held;
  auto others = claims_of_job(world_, out_, {});
  const auto name = pair_id(pair("a").configuration);
  if (world_.is_root()) held = others.take("baseline." + name);
  world_.barrier();
  auto claims = claims_of_job(world_, out_, options_);
  const std::vector<Pair> plan = {pair("a"), pair("b")};
  PairWalker walker(session_, group_, claims, out_, plan, options_);
  if (world_.is_root()) {
    std::thread release([&] {
      for (int i = 0; i < 1200 && finished_cells() < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      EXPECT_EQ(finished_cells(), 2U) << "the cells of the other pair";
      held.reset();
    });
    walker.run();
    release.join();
  } else {
    walker.run();
  }
  walker.finish();
  world_.barrier();
  EXPECT_EQ(finished_cells(), 4U);
}

TEST_F(PairsOfGroups, LoseTheirOwnCellsAlone) {
  const auto planned = walk({broken(), pair("b")});
  EXPECT_EQ(finished_cells(), 2U);
  if (world_.is_root()) {
    EXPECT_NE(planned[0].note.find("its target failed: "), std::string::npos) << planned[0].note;
    EXPECT_TRUE(planned[2].note.empty());
    EXPECT_TRUE(find_failed_pair(out_, planned[0].pair));
  }
  walk({pair("broken"), pair("b")});
  EXPECT_EQ(finished_cells(), 4U) << "the next job tries it again";
  EXPECT_FALSE(find_failed_pair(out_, planned[0].pair));
}

TEST_F(PairsOfGroups, OfAStageOfTargetsHaveNoCells) {
  options_.stage = CampaignStage::targets;
  const auto planned = walk({pair("a"), pair("b")});
  EXPECT_EQ(finished_cells(), 0U);
  if (world_.is_root()) {
    for (const auto& cell : planned) EXPECT_FALSE(cell.fingerprint.empty()) << cell.id;
    const auto file = [&](std::size_t cell) { return out_ / "baselines" / (planned[cell].pair + ".h5"); };
    EXPECT_TRUE(std::filesystem::exists(file(0)) || std::filesystem::exists(file(2))) << "the same contents, made once";
  }
}

TEST_F(PairsOfGroups, AreLeftWhenOneGroupIsAskedToStop) {
  if (world_.rank() == world_.size() - 1) request_stop();
  world_.barrier();
  walk({pair("a"), pair("b")});
  reset_stop();
  EXPECT_TRUE(stopped_);
}

}  // namespace
}  // namespace unpact
