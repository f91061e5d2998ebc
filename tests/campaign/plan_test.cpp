#include "unpact/campaign/plan.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

/// A configuration beside choice files.
class Plan : public testing::Test {
 protected:
  Plan() {
    for (const auto* name : {"m1", "m2"})
      folder_.write(concat("models/", name, ".ini"), concat("[model]\nname = ", name, "\n"));
    for (const auto* name : {"d1", "d2"})
      folder_.write(concat("datasets/", name, ".ini"), concat("[dataset]\nname = ", name, "\n"));
    folder_.write("methods/cheap.ini", "[method]\nforget = ga\n");
    folder_.write("methods/costly.ini", "[method]\nforget = npo\nretain = kl\nlearning_rate = 0.5\n");
    folder_.write("methods/twin.ini", "[method]\nforget = ga\n");
    folder_.write("methods/broken.ini", "[method]\nforget = magic\n");
  }
  std::vector<Pair> plan(const std::string& campaign, std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"--config", folder_.write("c.ini", "[unlearn]\nlearning_rate = 0.1\n[campaign]\n" + campaign).string()});
    const CommandLine line("reproduce", more);
    return make_plan(line, line.resolve().campaign);
  }
  static std::vector<std::string> ids(const Pair& pair) {
    std::vector<std::string> all;
    for (const auto& cell : pair.cells) all.push_back(cell_id(cell));
    return all;
  }
  const testing_support::TemporaryFolder folder_;
};

TEST_F(Plan, IsModelsTimesDatasetsWithMethodsTimesSeedsTheCostliestFirst) {
  const auto pairs = plan("models = m1, m2\ndatasets = d1, d2\nmethods = cheap, costly\nseeds = 1, 2\n");
  ASSERT_EQ(pairs.size(), 4U);
  EXPECT_THAT(ids(pairs[0]),
              ElementsAre("m1__d1__npo_kl__seed1", "m1__d1__npo_kl__seed2", "m1__d1__ga__seed1", "m1__d1__ga__seed2"));
  EXPECT_EQ(ids(pairs[1]).front(), "m1__d2__npo_kl__seed1");
  EXPECT_EQ(ids(pairs[2]).front(), "m2__d1__npo_kl__seed1");
  EXPECT_EQ(pairs[3].configuration.model.name + pairs[3].configuration.dataset.name, "m2d2");
}

TEST_F(Plan, HasACellAfterEachSetOfASequence) {
  const auto pairs =
      plan("models = m1\ndatasets = d1\nmethods = cheap\nsequence = sust/1, sust/2\n", {"--unlearn.form", "texts"});
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_THAT(ids(pairs[0]), ElementsAre("m1__d1__ga-sust-1__seed0", "m1__d1__ga-sust-2__seed0"));
  EXPECT_EQ(pairs[0].cells[0].unlearn.forget_sets, "sust/1");
  EXPECT_EQ(pairs[0].cells[1].unlearn.forget_sets, "sust/1, sust/2");
  EXPECT_TRUE(pairs[0].configuration.unlearn.forget_sets.empty()) << "the target is that of all steps";
  EXPECT_THAT(message_of<UserError>([&] { plan("methods = cheap\nsequence = sust/1\n"); }),
              HasSubstr("set unlearn.form = texts"));
}

TEST_F(Plan, HasAPairForEachForgetSet) {
  const auto pairs = plan("models = m1\ndatasets = d1\nmethods = cheap\nforget_sets = scal/1, scal/2\n");
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[1].configuration.dataset.forget_set, "scal/2");
  EXPECT_EQ(pair_id(pairs[1].configuration), "m1__d1-scal-2");
  EXPECT_THAT(ids(pairs[1]), ElementsAre("m1__d1-scal-2__ga__seed0"));
}

TEST_F(Plan, GivesEachMethodItsOwnSettingsUnlessTheCommandLineOverrulesThem) {
  const auto rates = [](const std::vector<Pair>& pairs) {
    std::vector<double> all;
    for (const auto& cell : pairs.at(0).cells) all.push_back(cell.unlearn_training().learning_rate);
    return all;
  };
  EXPECT_THAT(rates(plan("methods = cheap, costly\n")), ElementsAre(0.5, 0.1));
  EXPECT_THAT(rates(plan("methods = cheap, costly\n", {"--unlearn.learning_rate", "0.3"})), ElementsAre(0.3, 0.3));
}

TEST_F(Plan, WithoutNamesIsTheConfigurationItself) {
  const auto pairs = plan("seeds = 7\n", {"--method.forget", "npo"});
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_THAT(ids(pairs[0]), ElementsAre("model__dataset__npo__seed7"));
}

TEST_F(Plan, RefusesWhatCannotRun) {
  EXPECT_THAT(message_of<UserError>([&] { plan("methods = cheap, twin\n"); }),
              HasSubstr("two cells are called model__dataset__ga__seed0"));
  EXPECT_THAT(message_of<UserError>([&] { plan("seeds = \n"); }), HasSubstr("the campaign has no cells"));
  EXPECT_THAT(message_of<UserError>([&] { plan("methods = cheap, broken\n"); }), HasSubstr("magic"));
  EXPECT_THAT(message_of<UserError>([&] { plan("models = m1, m3\n"); }), HasSubstr("m3"));
}

TEST(SplitGroups, AreEqualBlocksOfNeighbours) {
  const auto world = Communicator::world();
  EXPECT_EQ(split_groups(world, world.size()).size(), world.size());
  const auto alone = split_groups(world, 1);
  EXPECT_EQ(alone.size(), 1);
  if (world.size() % 2 == 0) {
    const auto pair = split_groups(world, 2);
    EXPECT_EQ(pair.size(), 2);
    EXPECT_EQ(pair.rank(), world.rank() % 2) << "in the order of the world";
    EXPECT_EQ(pair.sum(static_cast<std::int64_t>(world.rank())), 4 * (world.rank() / 2) + 1) << "neighbours";
  }
}

TEST(SplitGroups, RefuseASizeThatLeavesRanksOver) {
  const auto world = Communicator::world();
  EXPECT_THAT(message_of<UserError>([&] { split_groups(world, world.size() + 1); }), HasSubstr("campaign.ranks_per_cell"));
}

}  // namespace
}  // namespace unpact
