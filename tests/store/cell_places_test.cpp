#include "unpact/store/cell_places.hpp"

#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"

namespace unpact {
namespace {

class APlansCosts : public testing::Test {
 protected:
  testing_support::TemporaryFolder folder_;
  const std::vector<PlannedCell> cells_ = {{"cell", "model", "data", "ga", 1, {}, "print"}};
};

TEST_F(APlansCosts, AreReadAsTheyWereWritten) {
  PlannedStage stage;
  stage.stage = "unlearn";
  stage.low = 1e15, stage.operations = 2e15, stage.high = 3e15;
  stage.bytes = 5e9, stage.host_bytes = 7e9;
  write_plan(folder_.path(), cells_, {{"cell", {stage, stage}}});
  const auto costs = read_planned_costs(folder_.path());
  ASSERT_EQ(costs.size(), 1U);
  ASSERT_EQ(costs.at("cell").size(), 2U);
  const auto& read = costs.at("cell").back();
  EXPECT_EQ(read.stage, "unlearn");
  EXPECT_EQ(read.low, 1e15);
  EXPECT_EQ(read.operations, 2e15);
  EXPECT_EQ(read.high, 3e15);
  EXPECT_EQ(read.bytes, 5e9);
  EXPECT_EQ(read.host_bytes, 7e9);
  EXPECT_EQ(read_plan(folder_.path())->front().fingerprint, "print") << "the cells are read as ever";
}

TEST_F(APlansCosts, AreNoneWhereNoneCanBeRead) {
  EXPECT_TRUE(read_planned_costs(folder_.path()).empty());
  write_plan(folder_.path(), cells_);
  EXPECT_TRUE(read_planned_costs(folder_.path()).empty()) << "a plan of before";
  for (const char* text : {"{", "[]", R"({"cells": [], "costs": 1})", R"({"cells": [], "costs": {"cell": 5}})",
                           R"({"cells": [], "costs": {"cell": [{"stage": 5}]}})",
                           R"({"cells": [], "costs": {"cell": [{"stage": "a", "operations": "many"}]}})"}) {
    write_file_atomically(folder_.path() / "plan.json", text);
    EXPECT_NO_THROW(read_planned_costs(folder_.path())) << text;
  }
}

PlannedCell planned(const std::string& id, const std::string& pair, const std::string& settings,
                    const std::string& fingerprint = "") {
  PlannedCell cell;
  cell.id = id;
  cell.fingerprint = fingerprint;
  cell.pair = pair;
  cell.settings = settings;
  return cell;
}

TEST(PlansUnited, KeepWhatOtherJobsPlanWithTheSameSettings) {
  const auto all = plans_united({planned("a1", "a", "s"), planned("a2", "a", "s", "new")},
                                {planned("a1", "a", "s", "known"), planned("a2", "a", "s", "old"),
                                 planned("a3", "a", "s", "x"), planned("b1", "b", "t", "y"), planned("c1", "", "", "z")});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].fingerprint, "known") << "it is not known anew yet";
  EXPECT_EQ(all[1].fingerprint, "new");
  EXPECT_EQ(all[2].id + all[2].fingerprint, "a3x") << "of other methods";
  EXPECT_EQ(all[3].id, "b1") << "of another pair; a plan of before says too little";
}

TEST(PlansUnited, DropWhatWasPlannedWithOtherSettings) {
  const auto all = plans_united({planned("a1", "a", "s")}, {planned("a1", "a", "t", "old"), planned("a2", "a", "t", "old")});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].fingerprint, "") << "its results are of other settings";
}

TEST(FailedPairs, AreReadAsTheyWereWrittenUntilTheyAreRemoved) {
  const testing_support::TemporaryFolder folder;
  EXPECT_FALSE(find_failed_pair(folder.path(), "pair"));
  write_failed_pair(folder.path(), {"pair", "", "problem", "reason", "hint", "when", "where", "run"});
  const auto found = find_failed_pair(folder.path(), "pair");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->problem + " " + found->run, "problem run");
  remove_failed_pair(folder.path(), "pair");
  EXPECT_FALSE(find_failed_pair(folder.path(), "pair"));
}

}  // namespace
}  // namespace unpact
