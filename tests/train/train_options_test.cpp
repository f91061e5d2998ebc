#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "support/training_examples.hpp"
#include "unpact/core/error.hpp"
#include "unpact/train/memory_plan.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;

TEST(ComputeTypeOf, ATrainingOnTheCpuIsFp32UnlessItIsAskedFor) {
  TrainExecution execution;
  EXPECT_EQ(execution.dtype, ComputeType::automatic);
  for (const auto shard : {Shard::automatic, Shard::parameters, Shard::gradients, Shard::none}) {
    execution.shard = shard;
    EXPECT_EQ(effective_dtype(execution, at::kCPU), ComputeType::fp32) << name_of_value(shard);
  }
  execution.dtype = ComputeType::bf16;
  EXPECT_EQ(effective_dtype(execution, at::kCPU), ComputeType::bf16);
}

TEST(ComputeTypeOf, AutoGoesWithEverythingThatOneOfBothAllows) {
  TrainOptions options;
  options.execution.shard = Shard::none;
  EXPECT_NO_THROW(check_train_options(options)) << "it then comes to fp32";
  options.execution.shard = Shard::automatic;
  options.execution.master_weights = MasterWeights::none;
  EXPECT_THAT(message_of<UserError>([&] { check_train_options(options); }), HasSubstr("train.dtype = bf16"))
      << "what it comes to must not decide whether the options make sense";
}

TEST(ComputeTypeOf, AutoTrainsWithTheBitsOfWhatItComesTo) {
  const Communicator alone;
  const auto group = make_collectives(alone, at::kCPU);
  const CrossEntropyTerm term(testing_support::random_examples(5, 1));
  const auto trained = [&](ComputeType dtype) {
    auto model = testing_support::tiny_transformer(1);
    TrainOptions options;
    options.max_steps = 2;
    options.learning_rate = 1e-3;
    options.execution.dtype = dtype;
    train(model, {{&term, 1.0}}, options, *group);
    return model.weights();
  };
  EXPECT_EQ(testing_support::first_difference(trained(ComputeType::automatic), trained(ComputeType::fp32)), "");
  EXPECT_NE(testing_support::first_difference(trained(ComputeType::bf16), trained(ComputeType::fp32)), "");
}

TEST(ComputeTypeOf, MemoryIsPlannedForWhatItComesTo) {
  const auto bytes = [](ComputeType dtype) {
    TrainOptions options;
    options.device = c10::Device(at::kCPU);
    options.execution.dtype = dtype;
    return plan_memory(
               testing_support::tiny_config(), [](const std::string&) { return true; }, 2, options, 40)
        .total();
  };
  EXPECT_EQ(bytes(ComputeType::automatic), bytes(ComputeType::fp32));
  EXPECT_LT(bytes(ComputeType::bf16), bytes(ComputeType::fp32));
}

}  // namespace
}  // namespace unpact
