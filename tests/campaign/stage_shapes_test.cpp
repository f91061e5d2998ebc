#include "unpact/campaign/stage_shapes.hpp"

#include <gtest/gtest.h>

#include "small_campaign.hpp"

namespace unpact {
namespace {

class StageShapes : public testing_support::SmallCampaign {};

TEST_F(StageShapes, AMethodSaysHowManyModelsAnswerAndWhatIsThereOfTheTarget) {
  auto c = configuration();
  EXPECT_EQ(scoring_shape(c, 4, 0, 0).models, 1);
  EXPECT_EQ(target_in_memory(c), TargetInMemory::nothing);
  c.method.forget = "whp";
  EXPECT_EQ(scoring_shape(c, 4, 0, 0).models, 2);
  c.method.forget = "npo";
  EXPECT_EQ(target_in_memory(c), TargetInMemory::streamed);
  c.train.shard = Shard::none;
  EXPECT_EQ(target_in_memory(c), TargetInMemory::whole);
}

TEST_F(StageShapes, NoMoreIsAskedAtOnceThanThereIs) {
  const auto c = configuration();
  EXPECT_EQ(scoring_shape(c, 2, 0, 0).tokens, ScoringShape().tokens) << "unknown";
  EXPECT_EQ(scoring_shape(c, 2, 30, 5).tokens, 150);
  EXPECT_EQ(scoring_shape(c, 2, 300, 5000).tokens, ScoringShape().tokens);
  EXPECT_EQ(scoring_shape(c, 2, 30000, 1).tokens, 30000) << "one prompt is never cut";
  EXPECT_EQ(scoring_shape(c, 2, 30, 5).bytes, 2);
}

TEST_F(StageShapes, KeysAndValuesOfMoreAnswersAreTakenWhereMemoryAllowsUnlessABudgetIsGiven) {
  auto c = configuration();
  const auto config = testing_support::small_config();
  const auto position = 2.0 * 4 * static_cast<double>(config.layers * config.key_value_heads * config.head_dim);
  const auto more = [&](std::int64_t asked) {
    const auto shape = scoring_shape(c, 4, asked, 5);
    const auto stages = plan_stages(config, shape, {});
    EXPECT_EQ(stages.front().more, stages.back().more);
    EXPECT_EQ(stages.front().bytes, scoring_bytes(config, 4, shape.tokens)) << "what must be free";
    return stages.front().more;
  };
  EXPECT_EQ(more(30), position * (32 * 512 - 150)) << "blocks of 32 positions";
  c.generation.token_budget = 1000;
  EXPECT_EQ(more(30), position * (1000 - 150));
  c.generation.token_budget = 100;
  EXPECT_EQ(more(30), 0);
  EXPECT_EQ(scoring_shape(c, 4, 30, 5).tokens, 100);
  EXPECT_EQ(scoring_shape(c, 4, 300, 5).tokens, 300) << "one prompt is never cut";
  c.generation.token_budget = 0;
  c.method.forget = "whp";
  EXPECT_EQ(plan_stages(config, scoring_shape(c, 4, 30, 5), {}).back().more, 0) << "two models answer in padded batches";
}

TEST_F(StageShapes, AModelThatNoRankCanHoldIsCutOverThemAll) {
  constexpr double gpu = 80e9;
  const auto large = parse_model_config(R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192,
      "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8,
      "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false})",
                                        "Llama-3.1-70B");
  auto c = configuration();
  auto shape = scoring_shape(c, 2, 0, 0);
  EXPECT_EQ(shards_to_ask(c, large, shape, 8, gpu), 8);
  EXPECT_EQ(shards_to_ask(c, testing_support::small_config(), shape, 8, gpu), 1) << "fits";
  EXPECT_EQ(shards_to_ask(c, large, shape, 8, 0), 1) << "nothing is known of the memory";
  shape.shards = 8;
  const auto baseline = pair_stages(large, shape, nullptr).front();
  EXPECT_LT(baseline.bytes, gpu);
  EXPECT_GT(baseline.bytes, 2 * static_cast<double>(large.parameter_count()) / 8);
  c.attribution.method = "integrated_gradients";
  EXPECT_EQ(shards_to_ask(c, large, shape, 8, gpu), 1) << "it cannot look into shards: refused as too large";
  c.attribution.method = "leave_one_out";
  c.model.replica = Replica::whole;
  EXPECT_EQ(shards_to_ask(c, large, shape, 8, gpu), 1);
  c.model.replica = Replica::sharded;
  EXPECT_EQ(shards_to_ask(c, testing_support::small_config(), shape, 8, gpu), 8);
}

TEST_F(StageShapes, TrainingsFollowTheirSections) {
  auto c = configuration();
  c.unlearn.train.micro_batch = 3;
  c.finetune.train.micro_batch = 5;
  const auto cell = unlearning_shape(c, testing_support::small_config(), 4, 77, at::kCPU);
  EXPECT_EQ(cell.ranks, 4);
  EXPECT_EQ(cell.longest, 77);
  EXPECT_EQ(cell.options.micro_batch, 3);
  EXPECT_EQ(cell.options.device, c10::Device(at::kCPU));
  EXPECT_TRUE(cell.selected("model.norm.weight"));
  c.method.forget = "rmu";
  c.method.layer = 1;
  c.method.trained_layers = "1";
  EXPECT_FALSE(unlearning_shape(c, testing_support::small_config(), 4, 77, at::kCPU).selected("model.norm.weight"));
  EXPECT_EQ(finetuning_shape(c, 2, 9, at::kCPU).options.micro_batch, 5);
  EXPECT_EQ(finetuning_shape(c, 2, 9, at::kCPU).options.result.keeper, 0) << "cut from files: rank 0 writes it";
  EXPECT_EQ(finetuning_shape(with_made_target(), 2, 9, at::kCPU).target, TargetInMemory::whole) << "from random weights";
}

}  // namespace
}  // namespace unpact
