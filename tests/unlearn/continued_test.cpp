/// Unlearning that is stopped and continued, where a method has more state than its weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace {

using testing_support::first_difference;

class ContinuedUnlearning : public testing::TestWithParam<std::int64_t> {  // the step behind which it is stopped
 protected:
  void SetUp() override { reset_stop(); }
  void TearDown() override { reset_stop(); }

  UnlearnResult run(const MethodOptions& method, const TrainOptions& options, bool stops) {
    const auto data = testing_support::some_data();
    return unlearn(target_, method, options, data, *group_, [&](const StepReport& report) {
      if (stops && report.step == GetParam() - 1) std::raise(SIGUSR1);  // the ranks agree in the next step
    });
  }

  Communicator world_ = Communicator::world();
  testing_support::SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
  Transformer target_ = testing_support::tiny_transformer(1);
};

/// The variable rests for 4 steps (two epochs of 7 examples in batches of 4) and moves from then on.
TEST_P(ContinuedUnlearning, PdusDualVariableGoesOnBitForBit) {
  auto method = testing_support::method_of("pdu", "gd");
  method.retain_weight = 0.5;
  method.retain_limit = 3.0;
  method.dual_rate = 0.37;
  method.dual_warmup = 2;
  TrainOptions options;
  options.max_steps = 10;
  options.batch_size = 4;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  const auto expected = run(method, options, false);
  EXPECT_EQ(expected.steps[3].coefficients[1], 0.5);
  EXPECT_NE(expected.steps[6].coefficients[1], expected.steps[5].coefficients[1]) << "it must move to be worth keeping";

  options.checkpoint_folder = folder_.path() / "training";
  options.identity = "pdu";
  install_stop_signal();
  EXPECT_THROW(run(method, options, true), StoppedAtCheckpoint);
  reset_stop();
  world_.barrier();
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "training" / concat("step-0000000", GetParam())));
  const auto continued = run(method, options, false);
  EXPECT_EQ(first_difference(continued.weights, expected.weights), "");
  ASSERT_EQ(continued.steps.size(), expected.steps.size());
  for (std::size_t i = 0; i < expected.steps.size(); ++i) {
    EXPECT_EQ(continued.steps[i].coefficients, expected.steps[i].coefficients) << "step " << i + 1;
    EXPECT_EQ(continued.steps[i].loss, expected.steps[i].loss) << "step " << i + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Behind, ContinuedUnlearning, testing::Values(2, 4, 7),
                         [](const auto& test) { return concat("Step", test.param, test.param <= 4 ? "OfTheWarmUp" : ""); });

}  // namespace
}  // namespace unpact
