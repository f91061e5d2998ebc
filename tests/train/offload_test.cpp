/// The optimizer in host memory against the fused kernel on the whole vector; here the "device" is the CPU, too.
#include "../../src/train/offload.hpp"  // private to the layer

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/named.hpp"
#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::same_bits;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

TEST(Offload, GivesTheBitsOfTheFusedKernelWhateverThePieces) {
  const AdamWOptions options{0.9, 0.95, 1e-8, 0.1};
  for (const std::int64_t size : {0, 1, 63, 64, 1000, 4097}) {  // with and without a rest behind whole pieces and vectors
    for (const std::int64_t piece : {64, 192, 8192}) {
      for (const auto kernel : {AdamWKernel::fused, AdamWKernel::composed}) {
        at::manual_seed(5);
        auto expected = at::randn({size});
        auto values = expected.clone(), working = at::full({size}, 7.0, at::kBFloat16);
        AdamW whole(expected, options, kernel), pieces(values, options, kernel);
        for (int step = 0; step < 5; ++step) {
          const auto gradients = at::randn({size});
          whole.step(expected, gradients, 1e-2);
          step_in_host_memory(pieces, {values, gradients, working}, 1e-2, piece);
          EXPECT_TRUE(same_bits(values, expected)) << size << " " << piece << " step " << step;
        }
        EXPECT_TRUE(same_bits(pieces.first_moment(), whole.first_moment())) << size << " " << piece;
        EXPECT_TRUE(same_bits(pieces.second_moment(), whole.second_moment())) << size << " " << piece;
        EXPECT_EQ(pieces.steps(), 5);
        EXPECT_TRUE(same_bits(working, expected.to(at::kBFloat16)));
      }
    }
  }
}

TEST(Offload, RefusesPiecesThatWouldChangeBits) {
  auto values = at::zeros({100});
  AdamW optimizer(values, {});
  EXPECT_THROW(step_in_host_memory(optimizer, {values, values, values}, 1e-2, 100), ContractViolation);
}

using OffloadMode = std::tuple<const char*, const char*, bool, const char*>;  // dtype, master weights, recompute, shard

class OffloadedTrainingRanks : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
};

class OffloadedTraining : public OffloadedTrainingRanks, public testing::WithParamInterface<OffloadMode> {};

TEST_P(OffloadedTraining, GivesTheBitsOfTheSameTrainingWithout) {
  const auto& [dtype, master, recompute, shard] = GetParam();
  const CrossEntropyTerm up(random_examples(13, 1)), down(random_examples(5, 2));
  TrainOptions options;
  options.max_steps = 4;
  options.batch_size = 7;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  options.adamw.weight_decay = 0.1;
  options.execution.dtype = testing_support::named<ComputeType>(dtype);
  options.execution.master_weights = testing_support::named<MasterWeights>(master);
  options.execution.recompute = recompute;
  options.execution.shard = testing_support::named<Shard>(shard);
  for (const bool tied : {false, true}) {
    auto config = tiny_config();
    config.tied_embeddings = tied;
    auto expected = tiny_transformer(1, config), offloaded = tiny_transformer(1, config);
    const auto before = train(expected, {{&up, 1.0}, {&down, -0.3}}, options, *group_);
    options.execution.offload_optimizer = true;
    const auto after = train(offloaded, {{&up, 1.0}, {&down, -0.3}}, options, *group_);
    options.execution.offload_optimizer = false;
    EXPECT_EQ(first_difference(offloaded.weights(), expected.weights()), "");
    EXPECT_EQ(offloaded.weights().embedding_VD.scalar_type(), at::kFloat);
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      EXPECT_EQ(after[i].loss, before[i].loss) << "step " << i;
      EXPECT_EQ(after[i].gradient_norm, before[i].gradient_norm) << "step " << i;
    }
  }
}

/// A run that ends behind step 5 and is continued the other way.
TEST_F(OffloadedTrainingRanks, ContinuesACheckpointOfTheOtherKindBitForBit) {
  const CrossEntropyTerm term(random_examples(13, 1));
  const testing_support::SharedFolder folder(world_);
  for (const bool first : {true, false}) {
    TrainOptions options;
    options.max_steps = 8;
    options.batch_size = 5;
    options.learning_rate = 1e-3;
    options.execution.dtype = ComputeType::bf16;
    auto straight = tiny_transformer(1), stopped = tiny_transformer(1), continued = tiny_transformer(1);
    train(straight, {{&term, 1.0}}, options, *group_);
    options.checkpoint_folder = folder.path() / (first ? "offloaded" : "whole");
    options.execution.checkpoint_every = 2;
    options.execution.offload_optimizer = first;
    EXPECT_THROW(train(stopped, {{&term, 1.0}}, options, *group_, {},
                       [](const StepReport& report) {
                         if (report.step == 5) throw std::runtime_error("enough");
                       }),
                 std::runtime_error);
    world_.barrier();
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(options.checkpoint_folder) / "step-00000002"));
    options.execution.offload_optimizer = !first;
    train(continued, {{&term, 1.0}}, options, *group_);
    EXPECT_EQ(first_difference(continued.weights(), straight.weights()), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Of, OffloadedTraining,
                         testing::Values(OffloadMode("fp32", "fp32", false, "parameters"),
                                         OffloadMode("fp32", "fp32", true, "gradients"),
                                         OffloadMode("bf16", "fp32", true, "parameters"),
                                         OffloadMode("bf16", "fp32", false, "gradients"),
                                         OffloadMode("bf16", "none", false, "parameters")),
                         [](const auto& test) {
                           return concat(std::get<0>(test.param), "_", std::get<1>(test.param),
                                         std::get<2>(test.param) ? "_recomputed_" : "_", std::get<3>(test.param));
                         });

TEST(OffloadedTrainingOptions, TheReferenceTrainerHasNone) {
  TrainOptions options;
  options.execution.offload_optimizer = true;
  EXPECT_NO_THROW(check_train_options(options));
  options.execution.shard = Shard::none;
  EXPECT_THAT(message_of<UserError>([&] { check_train_options(options); }), HasSubstr("train.offload_optimizer"));
}

}  // namespace
}  // namespace unpact
