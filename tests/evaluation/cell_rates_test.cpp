#include "unpact/evaluation/cell_rates.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "../../src/evaluation/knowledge.hpp"

namespace unpact {
namespace {

using testing::Pair;

/// Six forget questions, of which 0 to 3 are forgotten and 4 and 5 retained, and six retain ones: two trained (one destroyed), four
/// held out (two destroyed). Every other question of each part chose the cell's point.
class CellRates : public testing::Test {
 protected:
  CellRates() {
    cell_.questions.split = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
    cell_.questions.half = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2};
    cell_.outcome = {2, 2, 2, 2, 1, 1, 3, 4, 4, 3, 4, 3};
    cell_.target.is_right.assign(12, 1);
    cell_.unlearned.is_right = {0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1};
    auto& probe = cell_.probes.emplace_back();
    probe.name = "focus";
    probe.question = {0, 1, 2, 3};
    probe.attempt_labels = {"unseen", "seen"};
    probe.is_right = {1, 0, 0, 1, 0, 0, 1, 1};
    cell_.arms.resize(1);
    cell_.arms[0].name = kCeilingArm;
    cell_.arms[0].probes.push_back({"focus", {2, 2, 1, 1, 0, 0, 1, 2, 2, 1, 2, 2}});
    auto& judge = cell_.judges.emplace_back();
    judge.name = "other";
    judge.target_is_right.assign(12, 1);
    judge.unlearned_is_right.assign(12, 0);
    std::vector<Outcome> outcomes;
    for (const auto outcome : cell_.outcome) outcomes.push_back(static_cast<Outcome>(outcome));
    cell_.knowledge = knowledge_of(outcomes, cell_.questions.split, cell_.probes);
  }
  void choose() { cell_.trajectory.role = {1, 2, 1, 2, 1, 2, 0, 0, 1, 1, 2, 2}; }
  std::pair<std::uint64_t, std::uint64_t> counts(const std::string& name) const {
    for (const auto& rate : cell_rates(cell_))
      if (rate.name == name) return {rate.count, rate.total};
    throw std::out_of_range(name);
  }
  bool has(const std::string& part) const {
    return std::ranges::any_of(cell_rates(cell_),
                               [&](const Rate& rate) { return rate.name.find(part) != std::string::npos; });
  }

  CellRecord cell_;
};

TEST_F(CellRates, CountWhatChoseAPointInRatesOfAllAlone) {
  EXPECT_FALSE(has(kReportedPrefix)) << "nothing was chosen";
  choose();
  EXPECT_THAT(counts("knowledge_left"), Pair(5, 6));
  EXPECT_THAT(counts("reported_knowledge_left"), Pair(3, 3)) << "1 and 3 won back, 5 still right";
  EXPECT_THAT(counts("reported_still_right"), Pair(1, 3));
  EXPECT_THAT(counts("recovery_focus"), Pair(3, 4));
  EXPECT_THAT(counts("reported_recovery_focus"), Pair(2, 2));
  EXPECT_THAT(counts("reported_asked_focus"), Pair(2, 2));
  EXPECT_THAT(counts("destructive_held_out"), Pair(2, 4));
  EXPECT_THAT(counts("reported_destructive_held_out"), Pair(1, 2));
  EXPECT_THAT(counts("reported_destructive_trained"), Pair(1, 2)) << "no rule asks the trained half";
  EXPECT_THAT(counts("reported_destructive"), Pair(2, 4));
  EXPECT_THAT(counts("reported_unlearned_right_forget"), Pair(1, 3));
  EXPECT_THAT(counts("reported_unlearned_right_retain"), Pair(2, 4));
  EXPECT_THAT(counts("ceiling_focus"), Pair(2, 4));
  EXPECT_THAT(counts("reported_ceiling_focus"), Pair(1, 2));
  EXPECT_THAT(counts("ceiling_retain_focus"), Pair(4, 6));
  EXPECT_THAT(counts("reported_ceiling_retain_focus"), Pair(3, 4));
  EXPECT_THAT(counts("by_other_destructive"), Pair(6, 6));
  EXPECT_THAT(counts("reported_by_other_destructive"), Pair(4, 4));
  EXPECT_THAT(counts("reported_by_other_destructive_held_out"), Pair(2, 2));
}

TEST_F(CellRates, OfHeldOutPhrasingsStandAloneWhereOthersWereTrainedOn) {
  EXPECT_FALSE(has(kHeldOutPrefix + std::string("focus")));
  cell_.probes[0].trained = {0, 0};
  EXPECT_FALSE(has(kHeldOutPrefix + std::string("focus")));
  cell_.probes[0].trained = {0, 1};
  choose();
  EXPECT_THAT(counts("recovery_focus"), Pair(3, 4));
  EXPECT_THAT(counts("held_out_focus"), Pair(2, 4)) << "1 came back in what was trained on alone";
  EXPECT_THAT(counts("reported_held_out_focus"), Pair(1, 2));
}

}  // namespace
}  // namespace unpact
