#include "unpact/train/stage_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_models.hpp"

namespace unpact {
namespace {

/// As their publishers' config.json has them, as far as shapes go.
ModelConfig published(const std::string& name) {
  const std::map<std::string, const char*> texts = {
      {"Llama-2-7B", R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false})"},
      {"Llama-3.1-8B", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 500000.0, "tie_word_embeddings": false})"},
      {"Qwen3-14B", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "intermediate_size": 17408,
        "num_hidden_layers": 40, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
        "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "hidden_act": "silu", "rope_theta": 1000000,
        "tie_word_embeddings": false})"}};
  return parse_model_config(texts.at(name), name);
}

constexpr double kGpu = 80e9;  // bytes

TEST(StageMemory, TheStudysModelsFitEightyGigabytes) {
  EXPECT_EQ(published("Llama-2-7B").parameter_count(), 6'738'415'616);
  EXPECT_EQ(published("Llama-3.1-8B").parameter_count(), 8'030'261'248);
  EXPECT_EQ(published("Qwen3-14B").parameter_count(), 14'768'307'200);
  EXPECT_LT(typical_cell(published("Qwen3-14B"), 8, false).bytes, 0.7 * kGpu);
  EXPECT_LT(typical_cell(published("Qwen3-14B"), 4, false).bytes, kGpu);
  EXPECT_LT(typical_cell(published("Llama-3.1-8B"), 2, true).bytes, 0.7 * kGpu);
  EXPECT_LT(typical_cell(published("Llama-2-7B"), 1, true).bytes, kGpu);
  EXPECT_GT(typical_cell(published("Llama-2-7B"), 1, false).bytes, kGpu) << "16 bytes a weight are too many";
  EXPECT_GT(typical_cell(published("Qwen3-14B"), 2, false).bytes, kGpu);
}

TEST(StageMemory, TheLargestStageIsThatOfTrainingOrOfAWholeModel) {
  const auto config = published("Qwen3-14B");
  EXPECT_EQ(typical_cell(config, 4, false).stage, kUnlearnStage);
  EXPECT_EQ(typical_cell(config, 64, false).stage, kReshardStage);
  const auto count = static_cast<double>(config.parameter_count());
  EXPECT_LT(typical_cell(config, 64, false).bytes, 2 * count + 18 * count / 64 + 10e9);
  EXPECT_GT(typical_cell(config, 64, false).bytes, 2 * count);
  EXPECT_NEAR(typical_cell(config, 2, true).host_bytes, 12 * count / 2, 1e9);
}

TEST(StageMemory, OneRanksShardIsItsReplicaInFp32) {
  const auto config = testing_support::tiny_config();
  const auto count = static_cast<double>(config.parameter_count());
  const auto bytes_of = [&](const ScoringShape& scoring, const TrainingShape& training) {
    return cell_stages(config, scoring, training)[1].bytes;
  };
  EXPECT_DOUBLE_EQ(bytes_of({}, {}), 4 * count);
  EXPECT_DOUBLE_EQ(bytes_of({.models = 2}, {}), 8 * count) << "whp answers by two";
  EXPECT_GT(bytes_of({.bytes = 2}, {}), 6 * count);
  EXPECT_GT(bytes_of({}, {.options = {}, .ranks = 4}), 5 * count);
}

TEST(StageMemory, OnShardsARankHoldsItsPieceTheHeadAndTwoBlocks) {
  const auto config = published("Llama-3.1-8B");
  const double all = 8'030'261'248, head = 128256.0 * 4096 + 4096, embedding = 128256.0 * 4096, block = 218'112'000;
  EXPECT_DOUBLE_EQ(answering_weights(config, 2, 1), 2 * all);
  EXPECT_DOUBLE_EQ(answering_weights(config, 2, 8), 2 * ((all - head) / 8 + head + embedding + block));
  const auto stages = [&](int shards) { return plan_stages(config, {.bytes = 2, .shards = shards}, {{}, 8}); };
  for (const std::size_t stage : {0, 2, 3}) EXPECT_LT(stages(8)[stage].bytes, stages(1)[stage].bytes);
  EXPECT_EQ(stages(8)[1].bytes, stages(1)[1].bytes) << "the training itself";
}

TEST(StageMemory, StagesComeInTheirOrderAndAMadeTargetHasOneOfItsOwn) {
  const auto config = testing_support::tiny_config();
  const auto names = [](const std::vector<StageMemory>& stages) {
    std::vector<std::string> all;
    for (const auto& stage : stages) all.push_back(stage.stage);
    return all;
  };
  TrainingShape making;
  making.options.result.keeper = 0;
  const auto made = plan_stages(config, {}, {}, &making);
  EXPECT_THAT(names(made), testing::ElementsAre("finetune", "baseline", "unlearn", "reshard", "evaluate"));
  EXPECT_EQ(made[0].host_bytes, 4 * static_cast<double>(config.parameter_count())) << "the keeper writes it";
  EXPECT_THAT(names(plan_stages(config, {}, {})), testing::ElementsAre("baseline", "unlearn", "reshard", "evaluate"));
}

}  // namespace
}  // namespace unpact
