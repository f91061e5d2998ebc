#include "unpact/campaign/cell.hpp"

#include <gtest/gtest.h>

#include "small_campaign.hpp"
#include "support/counting_allocator.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace {

TEST(CellId, NamesModelDatasetMethodAndSeed) {
  Configuration c;
  c.model.name = "llama-2.7b";
  c.dataset.name = "news";
  c.method.name = "npo_gd";
  c.run.seed = 18446744073709551615U;
  EXPECT_EQ(cell_id(c), "llama-2.7b__news__npo_gd__seed18446744073709551615");
}

TEST(CellId, IsSafeAsAFileName) {
  Configuration c;
  c.model.name = "../../etc/passwd";
  c.dataset.name = "a b*?\n\\\"";
  c.method.name = "\xC3\xA4|;$(x)";
  const auto id = cell_id(c);
  for (const char character : id)
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(character)) || character == '-' || character == '_' ||
                character == '.')
        << id;
  EXPECT_EQ(cell_file("folder", id).parent_path(), "folder/cells");
  EXPECT_EQ(cell_file("folder", id).filename(), id + ".h5");
}

class ACell : public testing_support::SmallCampaign {};

TEST_F(ACell, IsDoneWhenItsFileSaysTheSame) {
  auto c = configuration();
  const auto baseline = prepare_baseline(session_, c, out_);
  EXPECT_FALSE(is_cell_done(baseline, c, out_));
  const auto record = run_cell(session_, world_, baseline, c, out_);
  EXPECT_TRUE(is_cell_done(baseline, c, out_));
  EXPECT_EQ(record.training.size(), 1U) << "one epoch of two questions, two a step";
  EXPECT_EQ(record.training.front().learning_rate, c.unlearn.train.learning_rate);
  EXPECT_TRUE(!std::filesystem::exists(out_ / "training") || std::filesystem::is_empty(out_ / "training"))
      << "checkpoints go when the result is safe";
  EXPECT_FALSE(std::filesystem::exists(out_ / "cells" / (record.id + ".unfinished")));
  EXPECT_FALSE(std::filesystem::exists(out_ / "models" / record.id)) << "nobody asked for the weights";
  c.unlearn.train.epochs = 2;
  EXPECT_FALSE(is_cell_done(baseline, c, out_));
}

TEST_F(ACell, IsTheSameWhereverItIsWrittenAndOnWhateverItRuns) {
  auto c = configuration();
  const auto baseline = prepare_baseline(session_, c, out_);
  run_cell(session_, world_, baseline, c, out_);
  c.run.threads = 7;
  c.run.time_limit = 60;
  c.train.shard = Shard::gradients;
  c.method.cache = FrozenCache::none;
  c.campaign.save_models = true;
  c.attribution.tune_alphas = "0.5";
  EXPECT_TRUE(is_cell_done(baseline, c, out_));
}

TEST_F(ACell, ThatUnlearnsNothingComparesEqualWithItsBaseline) {
  auto c = configuration();
  c.unlearn.train.learning_rate = 0;
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto record = run_cell(session_, world_, baseline, c, out_);
  EXPECT_EQ(record.unlearned.answer, record.target.answer);
  EXPECT_EQ(record.target.answer, baseline.record.target.answer);
}

TEST_F(ACell, HoldsTheTargetInMemoryNeitherBeforeNorAfterItsTraining) {
  testing_support::count_allocations();
  using testing_support::CountingAllocator;
  auto c = configuration();
  const auto bytes = 4 * testing_support::small_config().parameter_count();
  const auto before = CountingAllocator::live.load();
  const auto baseline = prepare_baseline(session_, c, out_);
  EXPECT_LT(CountingAllocator::live.load() - before, bytes / 10) << "it has left after its baseline";
  CountingAllocator::peak = CountingAllocator::live.load();
  prepare_baseline(session_, c, out_);
  EXPECT_LT(CountingAllocator::peak.load() - before, bytes / 10) << "a baseline that is found asks for no weights";
  for (const auto* forget : {"ga", "npo", "tv", "whp"}) {
    c.method.forget = c.method.name = forget;
    run_cell(session_, world_, baseline, c, out_);
    EXPECT_LT(CountingAllocator::live.load() - before, bytes / 10) << forget;
  }
}

TEST_F(ACell, HasTheNumbersOfATargetThatIsHeldWhole) {
  for (const auto* forget : {"ga", "npo", "tv", "whp", "rmu"}) {
    auto c = configuration();
    c.method.forget = c.method.name = forget;
    c.method.layer = 1;
    c.method.trained_layers = "1";
    const auto baseline = prepare_baseline(session_, c, out_);
    const auto cut = run_cell(session_, world_, baseline, c, out_);
    c.train.shard = Shard::none;
    const auto whole = run_cell(session_, world_, baseline, c, out_);
    EXPECT_EQ(cut.unlearned.answer, whole.unlearned.answer) << forget;
    EXPECT_NEAR(cut.training.back().loss, whole.training.back().loss, 1e-6 * std::abs(whole.training.back().loss)) << forget;
    const auto &ours = cut.unlearned.gold.mean_log_probability, &theirs = whole.unlearned.gold.mean_log_probability;
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t q = 0; q < ours.size(); ++q)
      EXPECT_NEAR(ours[q], theirs[q], world_.size() == 1 ? 0 : 1e-5) << forget << " " << q;
    EXPECT_EQ(cut.work.at(0).stage, "unlearn");
    EXPECT_EQ(cut.work.at(1).stage, "reshard");
  }
}

TEST_F(ACell, OfATaskVectorMayShareItsReinforcedModelWithOtherScales) {
  auto c = configuration();
  c.method.forget = "tv";
  c.method.retain = RetainKind::kl;
  c.unlearn.train.learning_rate = 1e-3;
  c.campaign.save_models = true;
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto trained = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(out_ / "models"))
      if (entry.path().filename().string().rfind("step-", 0) == 0) names.push_back(entry.path().filename());
    world_.barrier();
    return names;
  };
  for (const double scale : {0.5, 2.0}) {
    c.method.scale = scale;
    c.method.reinforced = Reinforced::own;
    c.method.name = concat("own-", scale);
    const auto own = run_cell(session_, world_, baseline, c, out_);
    c.method.reinforced = Reinforced::shared;
    for (const auto replica : {Replica::whole, Replica::sharded}) {
      c.model.replica = replica;
      c.method.name = concat("shared-", scale, "-", name_of_value(replica));
      const auto shared = run_cell(session_, world_, baseline, c, out_);
      EXPECT_EQ(shared.unlearned.answer, own.unlearned.answer);
      EXPECT_EQ(shared.training.back().loss, own.training.back().loss);
      const auto &ours = shared.unlearned.gold.mean_log_probability, &theirs = own.unlearned.gold.mean_log_probability;
      // target + (reinforced - target) is rounded once more than the reinforced weights themselves.
      for (std::size_t q = 0; q < ours.size(); ++q) EXPECT_NEAR(ours[q], theirs[q], 1e-5) << scale << " " << q;
      EXPECT_GT(std::abs(ours[0] - shared.target.gold.mean_log_probability[0]), 1e-3) << "the task vector does something";
      world_.barrier();
      const auto saved = load_language_model(out_ / "models" / shared.id, c.prompt.resolve(), at::kCPU, at::kFloat);
      const auto kept = load_language_model(out_ / "models" / own.id, c.prompt.resolve(), at::kCPU, at::kFloat);
      EXPECT_LT(
          (saved.transformer.weights().embedding_VD - kept.transformer.weights().embedding_VD).abs().max().item<double>(),
          1e-6);
    }
    c.model.replica = Replica::automatic;
  }
  EXPECT_EQ(trained().size(), 1U) << "once for all scales";
}

TEST_F(ACell, KeepsTheWeightsWhenAsked) {
  auto c = configuration();
  c.campaign.save_models = true;
  const auto record = run_cell(session_, world_, prepare_baseline(session_, c, out_), c, out_);
  world_.barrier();
  EXPECT_TRUE(std::filesystem::exists(out_ / "models" / record.id / "unlearning.json"));
}

}  // namespace
}  // namespace unpact
