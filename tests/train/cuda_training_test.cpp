// A training on a GPU that was stopped and goes on, bit for bit, and its memory.
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/cuda.hpp"
#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing_support::cuda_config_of;
using testing_support::first_difference;
using testing_support::on_cuda;
using testing_support::random_examples;
using testing_support::TemporaryFolder;
using testing_support::tiny_transformer;

class CudaTraining : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }
  const Transformer model_ = tiny_transformer(1, cuda_config_of("llama"));
  const CrossEntropyTerm term_{random_examples(13, 1)};
};

TEST_P(CudaTraining, ContinuesBitForBit) {
  const Communicator alone;
  const auto group = make_collectives(alone, at::Device(at::kCUDA, 0));
  TrainOptions options;
  options.max_steps = 8;
  options.batch_size = 5;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  options.execution.dtype = GetParam() == "fp32" ? ComputeType::fp32 : ComputeType::bf16;
  options.execution.offload_optimizer = GetParam() == "offload";
  if (GetParam() == "pure") options.execution.master_weights = MasterWeights::none;
  auto straight = on_cuda(model_), stopped = on_cuda(model_), continued = on_cuda(model_);
  const auto expected = train(straight, {{&term_, 1.0}}, options, *group);
  EXPECT_GT(expected.back().peak_bytes, 0);
  const TemporaryFolder folder;
  options.checkpoint_folder = folder.path() / "training";
  options.execution.checkpoint_every = 2;
  EXPECT_THROW(train(stopped, {{&term_, 1.0}}, options, *group, {},
                     [](const StepReport& report) {
                       if (report.step == 5) throw std::runtime_error("enough");
                     }),
               std::runtime_error);
  const auto reports = train(continued, {{&term_, 1.0}}, options, *group);
  EXPECT_EQ(first_difference(continued.weights(), straight.weights()), "");
  ASSERT_EQ(reports.size(), expected.size());
  for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].loss, expected[i].loss) << "step " << i;
}

INSTANTIATE_TEST_SUITE_P(Kinds, CudaTraining, testing::Values("fp32", "bf16", "pure", "offload"),
                         [](const auto& test) { return test.param; });

/// The same over NCCL (ShardedMode.OneRankMayReallySend has MPI).
TEST(CudaTrainingOverNccl, IsTheTrainingWithout) {
  UNPACT_NEED_CUDA;
  const auto world = Communicator::world();
  if (world.size() > 1) GTEST_SKIP() << "for one rank";
  const at::Device gpu(at::kCUDA, 0);
  CollectiveOptions really;
  really.even_alone = true;
  const auto nccl = make_collectives(world, gpu, really), alone = make_collectives(world, gpu);
  ASSERT_EQ(nccl->name(), "nccl");
  const auto model = tiny_transformer(1, cuda_config_of("llama"));
  const CrossEntropyTerm term(random_examples(13, 1));
  for (const auto shard : {Shard::parameters, Shard::gradients}) {
    for (const auto dtype : {ComputeType::fp32, ComputeType::bf16}) {
      TrainOptions options;
      options.max_steps = 5;
      options.batch_size = 5;
      options.micro_batch = 2;
      options.learning_rate = 1e-3;
      options.execution.shard = shard;
      options.execution.dtype = dtype;
      auto with = on_cuda(model), without = on_cuda(model);
      train(with, {{&term, 1.0}}, options, *nccl);
      train(without, {{&term, 1.0}}, options, *alone);
      // Gradients of micro-batches are added up apart before they are sent: sums in another order.
      EXPECT_LE(testing_support::relative_difference(with.weights(), without.weights()), 1e-6)
          << name_of_value(shard) << name_of_value(dtype);
    }
  }
}

/// Sequences longer than one block of any attention kernel, where FlashAttention's usual backward pass races.
TEST(CudaTrainingBits, AreTheSameInEveryRun) {
  UNPACT_NEED_CUDA;
  const Communicator alone;
  const auto group = make_collectives(alone, at::Device(at::kCUDA, 0));
  auto config = cuda_config_of("llama");
  config.max_positions = 1024;
  config.head_dim = 64;
  auto examples = std::make_shared<std::vector<Example>>();
  for (std::uint64_t i = 0; i < 6; ++i) {
    examples->push_back({testing_support::random_ids(700 + 40 * i, i), {}});
    examples->back().has_loss.assign(examples->back().ids.size(), 1);
    examples->back().has_loss.front() = 0;
  }
  const CrossEntropyTerm term(examples);
  const auto model = tiny_transformer(1, config);
  for (const auto dtype : {ComputeType::bf16, ComputeType::fp32}) {
    for (const bool recompute : {false, true}) {
      TrainOptions options;
      options.max_steps = 4;
      options.batch_size = 3;
      options.learning_rate = 1e-3;
      options.execution.dtype = dtype;
      options.execution.recompute = recompute;
      auto one = on_cuda(model), other = on_cuda(model);
      const auto first = train(one, {{&term, 1.0}}, options, *group), second = train(other, {{&term, 1.0}}, options, *group);
      EXPECT_EQ(first_difference(one.weights(), other.weights()), "") << name_of_value(dtype) << recompute;
      for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_EQ(first[i].loss, second[i].loss) << name_of_value(dtype) << recompute << " step " << i;
    }
  }
}

TEST(CudaTrainingStops, AtANonFiniteGradientWithTheWeightsOfBefore) {
  UNPACT_NEED_CUDA;
  const Communicator alone;
  const auto group = make_collectives(alone, at::Device(at::kCUDA, 0));
  auto model = tiny_transformer(1, cuda_config_of("llama"));
  testing_support::spoil(model.weights(), "model.layers.1.mlp.up_proj.weight");
  auto there = on_cuda(model);
  const CrossEntropyTerm term(random_examples(5, 1));
  TrainOptions options;
  options.max_steps = 2;
  EXPECT_THROW(train(there, {{&term, 1.0}}, options, *group), TrainingDiverged);
}

}  // namespace
}  // namespace unpact
