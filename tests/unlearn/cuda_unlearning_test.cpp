// Unlearning on a GPU: the numbers of the CPU in float32, and in bfloat16 close to them, however the training runs.
#include <gtest/gtest.h>

#include "support/cuda.hpp"
#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

using testing_support::cuda_config_of;
using testing_support::first_difference;
using testing_support::method_of;
using testing_support::on_cuda;
using testing_support::relative_difference;
using testing_support::tiny_transformer;

class CudaUnlearning : public testing::Test {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }

  static TrainOptions five_steps() {
    TrainOptions options;
    options.max_steps = 5;
    options.batch_size = 4;
    options.micro_batch = 2;
    options.learning_rate = 1e-3;
    options.execution.dtype = ComputeType::fp32;
    options.adamw.epsilon = 1e-5;  // with less, Adam makes whole steps of gradients that are rounding alone
    return options;
  }

  static UnlearnResult run(const Transformer& target, const MethodOptions& method,
                           const TrainOptions& options = five_steps()) {
    const Communicator alone;
    const auto group = make_collectives(alone, target.device());
    auto result = unlearn(target, method, options, testing_support::some_data(), *group);
    for (auto& spec : weight_specs(target.config(), result.weights)) {
      EXPECT_EQ(spec.slot->device().type(), target.device().type()) << spec.name;
      *spec.slot = spec.slot->cpu();
    }
    return result;
  }

  const Transformer target_ = tiny_transformer(1, cuda_config_of("llama"));
};

class CudaUnlearningBy : public CudaUnlearning, public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(CudaUnlearningBy, GivesTheWeightsOfTheCpu) {
  const auto method = method_of(GetParam().first, GetParam().second);
  const auto expected = run(target_, method);
  const auto there = on_cuda(target_);
  const auto actual = run(there, method);
  EXPECT_LE(relative_difference(actual.weights, expected.weights), 1e-5);  // float32 sums in another order, five steps
  ASSERT_EQ(actual.steps.size(), expected.steps.size());
  for (std::size_t i = 0; i < actual.steps.size(); ++i)
    EXPECT_NEAR(actual.steps[i].loss, expected.steps[i].loss, 1e-3 * std::max(1.0, std::abs(expected.steps[i].loss))) << i;
  EXPECT_EQ(first_difference(on_cuda(target_).weights(), there.weights()), "");  // the target is as it was
}

INSTANTIATE_TEST_SUITE_P(Method, CudaUnlearningBy, testing::ValuesIn(testing_support::trained_methods()),
                         [](const auto& test) { return concat(test.param.first, "_", test.param.second); });

TEST_F(CudaUnlearning, IsTheSameHoweverItRuns) {
  const auto there = on_cuda(target_);
  const auto method = method_of("npo", "kl");
  const auto expected = run(there, method);
  const auto with = [&](const std::function<void(TrainExecution&)>& change) {
    auto options = five_steps();
    change(options.execution);
    return relative_difference(run(there, method, options).weights, expected.weights);
  };
  EXPECT_LE(with([](auto& e) { e.shard = Shard::none; }), 1e-6);
  EXPECT_LE(with([](auto& e) { e.recompute = true; }), 1e-6);
  EXPECT_LE(with([](auto& e) { e.shard = Shard::gradients, e.recompute = true; }), 1e-6);
  EXPECT_LE(with([](auto& e) { e.packing = false; }), 1e-5);
  EXPECT_LE(with([](auto& e) { e.offload_optimizer = true; }), 1e-5);  // the same formula in the CPU's kernel
}

TEST_F(CudaUnlearning, ComputingInBfloat16StaysClose) {
  const auto there = on_cuda(target_);
  for (const auto& [forget, retain] :
       {std::pair("ga", "gd"), std::pair("npo", "kl"), std::pair("rmu", "none"), std::pair("tv", "none")}) {
    const auto method = method_of(forget, retain);
    const auto exact = run(there, method);
    for (const bool recompute : {false, true}) {
      for (const bool offload : {false, true}) {
        auto options = five_steps();
        options.execution.dtype = ComputeType::bf16;
        options.execution.recompute = recompute;
        options.execution.offload_optimizer = offload;
        const auto half = run(there, method, options);
        const auto moved = relative_difference(exact.weights, target_.weights());
        // Gradients of 8 bits: the way is wrong by some per cent of its length, Adam's steps for small gradients more.
        EXPECT_LE(relative_difference(half.weights, exact.weights), 0.5 * moved) << forget << recompute << offload;
        EXPECT_GT(moved, 0) << forget;
      }
    }
    auto options = five_steps();
    options.execution.dtype = ComputeType::bf16;
    options.execution.master_weights = MasterWeights::none;
    for (const auto& [name, tensor] : named_tensors(run(there, method, options).weights))
      EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << forget << name;
  }
}

}  // namespace
}  // namespace unpact
