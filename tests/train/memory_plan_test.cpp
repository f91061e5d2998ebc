#include "unpact/train/memory_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_models.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing::Not;

double bytes_of(const MemoryPlan::Lines& lines, const std::string& name) {
  for (const auto& [what, bytes] : lines)
    if (what == name) return bytes;
  ADD_FAILURE() << "no line " << name;
  return 0;
}

MemoryPlan plan_for(bool offload, ComputeType dtype, int ranks) {
  TrainOptions options;
  options.execution.offload_optimizer = offload;
  options.execution.dtype = dtype;
  return plan_memory(
      testing_support::tiny_config(), [](const std::string&) { return true; }, ranks, options, 10);
}

TEST(MemoryPlan, OffloadingMovesMastersAndMomentsToTheHost) {
  const auto count = static_cast<double>(testing_support::tiny_config().parameter_count());
  for (const int ranks : {1, 4}) {
    for (const auto& [dtype, bytes] : {std::pair(ComputeType::fp32, 4.0), std::pair(ComputeType::bf16, 2.0)}) {
      const auto whole = plan_for(false, dtype, ranks), moved = plan_for(true, dtype, ranks);
      EXPECT_DOUBLE_EQ(bytes_of(moved.lines, "weights of the shard"), bytes * count / ranks) << name_of_value(dtype);
      EXPECT_DOUBLE_EQ(bytes_of(moved.host_lines, "master weights of the shard"), 4 * count / ranks);
      EXPECT_DOUBLE_EQ(bytes_of(moved.host_lines, "optimizer's moments of the shard"), 8 * count / ranks);
      // 8 bytes a weight of moments and, where the device computes in bf16, 2 of its weight.
      EXPECT_NEAR(whole.total() - moved.total(), (8 + (4 - bytes)) * count / ranks, 1e-6 * whole.total())
          << name_of_value(dtype);
      EXPECT_EQ(whole.host_total(), 0);
      EXPECT_THAT(moved.table(), HasSubstr("together in host memory"));
      EXPECT_THAT(whole.table(), Not(HasSubstr("host memory")));
    }
  }
}

TEST(MemoryPlan, CappedScoresAreKept) {
  auto config = testing_support::tiny_config();
  const auto activations = [&](std::int64_t longest) {
    TrainOptions options;
    options.micro_batch = 2;
    options.execution.dtype = ComputeType::fp32;
    options.execution.recompute = false;
    return bytes_of(plan_memory(
                        config, [](const std::string&) { return true; }, 1, options, longest)
                        .lines,
                    "activations of all blocks");
  };
  const auto before = activations(50);
  config.block.score_cap = 50;
  // Three blocks, two sequences of 50 tokens, four heads: tanh, softmax and a mask for each pair.
  EXPECT_DOUBLE_EQ(activations(50) - before, 3 * 2 * 50 * 50 * 4 * 9.0);
}

TEST(MemoryPlan, AGpuHoldsMoreLogitsAtOnce) {
  TrainOptions options;
  options.execution.dtype = ComputeType::fp32;  // automatic asks the GPU, which need not be here
  auto config = testing_support::tiny_config();
  config.vocabulary_size = 1 << 20;
  const auto logits = [&](std::optional<c10::Device> device) {
    options.device = device;
    return bytes_of(plan_memory(
                        config, [](const std::string&) { return true; }, 1, options, 1000)
                        .lines,
                    "logits");
  };
  EXPECT_DOUBLE_EQ(logits({}), 2.0 * (128 << 20));
  EXPECT_DOUBLE_EQ(logits(at::kCPU), 2.0 * (128 << 20));
  EXPECT_DOUBLE_EQ(logits(at::Device(at::kCUDA, 0)), 2.0 * (1 << 30));
}

}  // namespace
}  // namespace unpact
