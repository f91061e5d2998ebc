#include "unpact/campaign/campaign_cost.hpp"

#include <gmock/gmock.h>

#include "../../src/campaign/plan_gpus.hpp"  // private to the layer
#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::message_of;
using testing_support::write_text;

TEST(PlannedGpus, HaveDenseRatesAndNamesOfTheirOwn) {
  for (const auto name : {GpuName::a100_40, GpuName::a100_80, GpuName::h100, GpuName::h200, GpuName::l40s, GpuName::a6000,
                          GpuName::v100, GpuName::rtx4090}) {
    const auto& gpu = gpu_facts(name);
    EXPECT_GE(gpu.memory, 24e9) << name_of_value(name);
    EXPECT_LE(gpu.bf16, 1e15) << name_of_value(name) << ": more would be a rate with sparsity";
    EXPECT_GT(gpu.fp32, 1e13);
    EXPECT_GT(gpu.bandwidth, 7e11);
  }
  EXPECT_EQ(gpu_facts(GpuName::h100).bf16, 989e12);
}

TEST(PlannedGpus, FollowTheOptions) {
  Configuration c;
  EXPECT_FALSE(machine_of(c, 2).has_gpu);
  EXPECT_EQ(machine_of(c, 2).gpus, 2);
  c.run.device = DeviceChoice::cuda;
  EXPECT_EQ(machine_of(c, 2).gpu.name, GpuName::h100);
  EXPECT_EQ(machine_of(c, 2).gpus, 8) << "of the allocation, not of this job";
  c.plan.gpu = GpuName::a100_40;
  c.plan.gpu_memory = 20;
  c.plan.peak_tflops = 7;
  const auto machine = machine_of(c, 1);
  EXPECT_EQ(machine.gpu.memory, 20e9);
  EXPECT_EQ(machine.gpu.fp32, 7e12);
  EXPECT_EQ(machine.gpu.bandwidth, gpu_facts(GpuName::a100_40).bandwidth);
}

TEST(PlannedGpus, RefuseWhatCannotBe) {
  Configuration c;
  c.run.device = DeviceChoice::cuda;
  c.plan.gpu = GpuName::none;
  EXPECT_THAT(message_of<UserError>([&] { machine_of(c, 1); }), HasSubstr("contradict"));
  c.plan.gpu = GpuName::v100;
  c.train.dtype = ComputeType::bf16;
  EXPECT_THAT(message_of<UserError>([&] { machine_of(c, 1); }), HasSubstr("'train.dtype' is bf16, which a v100"));
  c.plan.gpu = GpuName::h100;
  c.campaign.ranks_per_cell = 3;
  EXPECT_THAT(message_of<UserError>([&] { machine_of(c, 1); }), HasSubstr("8 GPUs of plan.gpus"));
}

class ACampaignsCost : public testing_support::SmallCampaign {
 protected:
  void SetUp() override {
    auto shape = testing_support::small_config();
    shape.hidden_size = 4096, shape.intermediate_size = 11008;
    shape.layers = shape.heads = shape.key_value_heads = 32, shape.head_dim = 128;
    if (world_.is_root()) {
      std::filesystem::copy(folder_ / "model", folder_ / "large");
      std::filesystem::remove(folder_ / "large/model.safetensors");
      write_text(folder_ / "large/config.json", model_config_json(shape, "bfloat16").dump());
    }
    world_.barrier();
  }

  /// Llama-2-7B's blocks with a small vocabulary, without weights, on GPUs.
  Configuration large(GpuName gpu = GpuName::a100_80) const {
    auto c = configuration();
    c.model.path = (folder_ / "large").string();
    c.run.device = DeviceChoice::cuda;
    c.train.dtype = ComputeType::bf16;
    c.plan.gpu = gpu;
    return c;
  }
  static CampaignCost cost_of(const Configuration& c) { return cost_of_campaign(c, {{c, {c}}}, 1); }
};

TEST_F(ACampaignsCost, FindsTheFewestRanksThatFit) {
  auto c = large();
  const auto cost = cost_of(c);
  ASSERT_EQ(cost.pairs.size(), 1U);
  const auto& pair = cost.pairs.front();
  EXPECT_EQ(pair.parameters, std::int64_t{32} * (4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096) + 4096 +
                                 2 * 4096 * testing_support::small_config().vocabulary_size);
  EXPECT_EQ(pair.ranks_per_cell, 2) << "16 bytes a weight are 104 GB";
  EXPECT_THAT(message_of<UserError>([&] { cost.refuse_misfits(); }),
              AllOf(HasSubstr("do not fit into a GPU of 80.0 GB"), HasSubstr("unlearn 1"), HasSubstr("ranks_per_cell = 2"),
                    Not(HasSubstr("evaluate "))));
  c.campaign.ranks_per_cell = 2;
  EXPECT_NO_THROW(cost_of(c).refuse_misfits());
  c.plan.gpus = 1;
  c.campaign.ranks_per_cell = 1;
  EXPECT_EQ(cost_of(c).pairs.front().ranks_per_cell, 0);
  EXPECT_THAT(message_of<UserError>([&] { cost_of(c).refuse_misfits(); }),
              HasSubstr("no ranks_per_cell that divides plan.gpus = 1"));
}

TEST_F(ACampaignsCost, WhatIsComputedInFollowsFromThePlannedGpu) {
  auto c = large();
  c.model.dtype = ModelDtype::automatic;
  c.train.dtype = ComputeType::automatic;
  ASSERT_TRUE(planned_capability(c, 1).has_value());
  EXPECT_EQ(planned_capability(configuration(), 1), std::nullopt);
  auto pinned = c;
  pin_dtypes(pinned, c10::Device(c10::kCUDA, 0), *planned_capability(c, 1));
  EXPECT_EQ(pinned.model.dtype, ModelDtype::bf16) << "config.json says so, without weights";
  EXPECT_EQ(pinned.train.dtype, ComputeType::bf16);
  const auto& pair = cost_of(pinned).pairs.front();
  EXPECT_DOUBLE_EQ(pair.score_rate, 0.33 * 312e12);
  EXPECT_EQ(pair.model_dtype, "bf16");
  c.plan.gpu = GpuName::v100;
  pin_dtypes(c, c10::Device(c10::kCUDA, 0), *planned_capability(c, 1));
  EXPECT_EQ(c.model.dtype, ModelDtype::fp32);
  EXPECT_EQ(c.train.dtype, ComputeType::fp32);
  c.model.dtype = ModelDtype::tf32;
  EXPECT_THAT(message_of<UserError>([&] { pin_dtypes(c, c10::Device(c10::kCUDA, 0), *planned_capability(c, 1)); }),
              HasSubstr("'tf32', which the device lacks"));
}

TEST_F(ACampaignsCost, RefusesMemoryThatHoldsNoBlock) {
  auto c = large();
  c.plan.gpu_memory = 0.5;
  EXPECT_THAT(message_of<UserError>([&] { cost_of(c); }),
              AllOf(HasSubstr("a GPU of 0.500 GB cannot hold one block"), HasSubstr("0.810 GB in fp32")));
}

TEST_F(ACampaignsCost, HoursFollowFromOperationsAndRates) {
  auto c = large(GpuName::h100);
  c.plan.train_share = 0.5;
  c.generation.max_new_tokens = 100;
  const auto cost = cost_of(c);
  const auto& unlearn = cost.pairs.front().cells.front().stages.front();
  EXPECT_EQ(unlearn.stage, "unlearn");
  EXPECT_DOUBLE_EQ(unlearn.seconds, unlearn.operations / (0.5 * 989e12));
  const auto& answers = cost.pairs.front().cells.front().stages[2];
  EXPECT_EQ(answers.stage, "unlearned_answers");
  EXPECT_GT(answers.seconds, answers.operations / cost.pairs.front().score_rate)
      << "a pass for each new token reads all weights";
  EXPECT_THAT(cost.text(), AllOf(HasSubstr("8 x h100"), HasSubstr("ask for"), HasSubstr("50 % of the peak"),
                                 HasSubstr("no weights lie in"), HasSubstr("longest cell")));
  const auto json = cost.json();
  EXPECT_EQ(json["pairs"][0]["cells"][0]["stages"][0]["operations"].get<double>(), unlearn.operations);
  EXPECT_EQ(json["request"]["nodes"], 1);
  EXPECT_GT(json["request"]["gpu_hours"].get<double>(), 1.3 * cost.gpu_seconds(true) / 3600)
      << "GPUs that wait are paid for";
}

TEST_F(ACampaignsCost, WithoutARateThereAreNoHours) {
  const auto text = cost_of(configuration()).text();
  EXPECT_THAT(text, AllOf(HasSubstr("1 rank(s) on CPUs"), HasSubstr("no rate is known"), Not(HasSubstr("ask for"))));
}

TEST_F(ACampaignsCost, KnowsWhatIsFinishedAndWritesNothing) {
  const auto c = configuration();
  auto other = c;
  other.method.name = "other";
  other.unlearn.train.epochs = 2;
  const std::vector<Pair> plan = {{c, {c, other}}};
  EXPECT_EQ(cost_of_campaign(c, plan, 1).cells(CellState::finished), 0U);
  EXPECT_FALSE(std::filesystem::exists(out_));
  run_cell(session_, world_, prepare_baseline(session_, c, out_), c, out_);
  world_.barrier();
  const auto cost = cost_of_campaign(c, plan, 1);
  EXPECT_TRUE(cost.pairs.front().shared_is_done);
  EXPECT_EQ(cost.pairs.front().cells[0].state, CellState::finished);
  EXPECT_EQ(cost.pairs.front().cells[1].state, CellState::left);
  EXPECT_LT(cost.operations(true), cost.operations(false));
  world_.barrier();
  if (world_.is_root()) std::filesystem::remove(folder_ / "model/model.safetensors");
  world_.barrier();
  const auto without = cost_of_campaign(c, plan, 1);
  EXPECT_EQ(without.cells(CellState::finished), 1U) << "the target's answers say what weights they were made with";
  EXPECT_THAT(without.text(), HasSubstr("remark: what is finished was looked up"));
}

TEST_F(ACampaignsCost, ATargetWithoutATokenizerGetsOneForTheTimeBeing) {
  auto c = with_made_target();
  c.model.tokenizer.clear();
  c.model.vocabulary_size = 300;
  const auto cost = cost_of(c);
  EXPECT_EQ(cost.pairs.front().shared.front().stage, "make_target");
  EXPECT_GT(cost.pairs.front().shared.front().operations, 0);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

}  // namespace
}  // namespace unpact
