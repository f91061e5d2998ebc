#include "unpact/campaign/plan.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"

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

TEST_F(Plan, HasACellForEachPointOfASweepWithItsValues) {
  const auto pairs = plan(
      "models = m1\ndatasets = d1\nmethods = costly\nseeds = 1, 2\n"
      "sweep = method.retain_weight = 1, 4.5; unlearn.clip = sum, terms\n");
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_THAT(
      ids(pairs[0]),
      ElementsAre("m1__d1__npo_kl-retain_weight-1-clip-sum__seed1", "m1__d1__npo_kl-retain_weight-1-clip-sum__seed2",
                  "m1__d1__npo_kl-retain_weight-1-clip-terms__seed1", "m1__d1__npo_kl-retain_weight-1-clip-terms__seed2",
                  "m1__d1__npo_kl-retain_weight-4.5-clip-sum__seed1", "m1__d1__npo_kl-retain_weight-4.5-clip-sum__seed2",
                  "m1__d1__npo_kl-retain_weight-4.5-clip-terms__seed1",
                  "m1__d1__npo_kl-retain_weight-4.5-clip-terms__seed2"));
  EXPECT_EQ(pairs[0].cells[7].method.retain_weight, 4.5);
  EXPECT_EQ(pairs[0].cells[7].unlearn.train.clip, ClipRule::terms);
  EXPECT_EQ(pairs[0].cells[7].method.name, "npo_kl-retain_weight-4.5-clip-terms");
  EXPECT_THAT(settings_that_affect(pairs[0].cells[7], Made::training), HasSubstr("retain_weight = 4.5\n"));
  EXPECT_NE(settings_that_affect(pairs[0].cells[1], Made::cell), settings_that_affect(pairs[0].cells[5], Made::cell));
}

TEST_F(Plan, LetsAMethodSayItsOwnSweep) {
  folder_.write("methods/tv.ini", "[method]\nforget = tv\nsweep = method.scale = 1, 2\n");
  folder_.write("methods/plain.ini", "[method]\nforget = simnpo\nsweep = none\n");
  const auto pairs = plan("methods = costly, tv, plain\nsweep = method.epochs = 2, 3\n", {"--unlearn.epochs", "9"});
  EXPECT_THAT(ids(pairs.at(0)), ElementsAre("model__dataset__npo_kl-epochs-2__seed0",
                                            "model__dataset__npo_kl-epochs-3__seed0", "model__dataset__tv-scale-1__seed0",
                                            "model__dataset__tv-scale-2__seed0", "model__dataset__simnpo__seed0"));
  EXPECT_EQ(pairs[0].cells[1].unlearn.train.epochs, 3) << "the sweep beats the command line, as a list of seeds does";
  EXPECT_EQ(pairs[0].cells[4].unlearn.train.epochs, 9);
}

TEST_F(Plan, RefusesASweepThatCannotBe) {
  const auto refusal = [&](const std::string& sweep, const std::string& method = "costly") {
    return message_of<UserError>([&] { plan(concat("methods = ", method, "\nsweep = ", sweep, "\n")); });
  };
  EXPECT_THAT(refusal("method.retain_weigth = 1, 2"), HasSubstr("did you mean 'method.retain_weight'"));
  EXPECT_THAT(refusal("method.retain_weight = 1, 4", "cheap"),
              HasSubstr("the sweep of 'method.retain_weight' contradicts the method 'ga"));
  EXPECT_THAT(refusal("method.npo_variant = sequence, token", "cheap"), HasSubstr("only method.forget = npo has use"));
  EXPECT_THAT(refusal("method.beta = 0.1, 0.2, 0.10"), HasSubstr("it is there already, as '0.1'"));
  EXPECT_THAT(refusal("method.beta = 0.1; method.beta = 0.2"), HasSubstr("names 'method.beta'\n  reason: it comes twice"));
  EXPECT_THAT(refusal("method.epochs = 1; unlearn.epochs = 2"), HasSubstr("'method.epochs' is the same setting"));
  EXPECT_THAT(refusal("method.beta = 0.1, x"), HasSubstr("'method.beta' is 'x'"));
  EXPECT_THAT(refusal("method.beta ="), HasSubstr("it has no values"));
  EXPECT_THAT(refusal("method.beta"), HasSubstr("it gives no values to a key"));
  EXPECT_THAT(refusal("method.trained_layers = a/b"), HasSubstr("a / would name a folder"));
  for (const auto* key : {"finetune.epochs", "dataset.limit", "run.seed", "judge.threshold", "train.dtype", "method.name"})
    EXPECT_THAT(refusal(concat(key, " = 1, 2")), HasSubstr("the cells of a sweep share their target")) << key;
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
