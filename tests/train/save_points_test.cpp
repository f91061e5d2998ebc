#include "unpact/train/save_points.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <map>

#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;

TrainOptions five_epochs() {
  TrainOptions options;
  options.epochs = 5;
  options.batch_size = 4;
  options.learning_rate = 1e-3;
  options.seed = 3;
  return options;
}

TEST(StepsOfPoints, AreStepsOrEpochsAndTheLastOne) {
  auto options = five_epochs();  // 10 examples: 2.5 steps an epoch, 13 in all
  EXPECT_THAT(steps_of_points("", options, 10), IsEmpty());
  EXPECT_THAT(steps_of_points("4, 2", options, 10), ElementsAre(2, 4, 13));
  EXPECT_THAT(steps_of_points("1e, 2e, 5e", options, 10), ElementsAre(3, 5, 13));
  EXPECT_THAT(steps_of_points("0.4e, 7", options, 10), ElementsAre(1, 7, 13));
  options.step_rule = StepRule::per_epoch;  // 3 steps an epoch
  EXPECT_THAT(steps_of_points("1e, 1.5e, 2e", options, 10), ElementsAre(3, 5, 6, 15));
}

TEST(StepsOfPoints, AreRefusedWithTheirEntry) {
  const auto refusal = [](const std::string& text) {
    return message_of<UserError>([&] { steps_of_points(text, five_epochs(), 10); });
  };
  EXPECT_THAT(refusal("4, 14"), HasSubstr("the entry '14'"));
  EXPECT_THAT(refusal("4, 14"), HasSubstr("the training has 13 steps (10 examples, 4 a step)"));
  EXPECT_THAT(refusal("6e"), HasSubstr("that is step 15"));
  EXPECT_THAT(refusal("3, 1e"), HasSubstr("it is step 3, as"));
  for (const auto* bad : {"x", "1.5", "0", "-1", "1ee", "e", "1e3", "nan", "inf"})
    EXPECT_THAT(refusal(bad), HasSubstr("no ")) << bad;
  EXPECT_THAT(message_of<UserError>([] { check_save_points("2, soon"); }), HasSubstr("the entry 'soon'"));
}

/// Of a tiny model.
Weights weights_after(std::int64_t steps, TrainOptions options, const SavePoints& points, const LossTerm& term,
                      Collectives& group) {
  options.max_steps = steps;
  options.points = points;
  auto model = tiny_transformer(1);
  train(model, {{&term, 1.0}}, options, group);
  return clone_weights(model.weights());
}

/// The weights behind a step are those of a training that ends there, and looking changes nothing.
TEST(SavePoints, GiveTheWeightsOfATrainingThatEndsThere) {
  const Communicator world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const CrossEntropyTerm term(random_examples(11, 1));
  for (const auto shard : {Shard::parameters, Shard::gradients, Shard::none}) {
    auto options = five_epochs();
    options.execution.shard = shard;
    options.result.change = [](const std::string&, const at::Tensor& weight) { return weight.mul(2); };
    const auto trained = [&](std::int64_t steps, const SavePoints& points) {
      return weights_after(steps, options, points, term, *group);
    };
    std::map<std::int64_t, Weights> seen;
    const auto looked_at = trained(7, {{3, 5}, [&](std::int64_t step, const GiveWeights& give) {
                                         seen[step] = clone_weights(give({}));
                                         const auto kept = give({.keeper = 0});
                                         EXPECT_EQ(kept.embedding_VD.defined(), world.is_root());
                                       }});
    ASSERT_EQ(seen.size(), 2U);
    for (const auto& [step, weights] : seen) EXPECT_EQ(first_difference(weights, trained(step, {})), "") << step;
    EXPECT_EQ(first_difference(looked_at, trained(7, {})), "");
  }
}

/// Adapters are merged for whoever looks, and train on.
TEST(SavePoints, GiveMergedWeightsOfATrainingWithAdapters) {
  const Communicator world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const CrossEntropyTerm term(random_examples(11, 1));
  auto options = five_epochs();
  options.execution.lora_rank = 2;
  const auto trained = [&](std::int64_t steps, const SavePoints& points) {
    return weights_after(steps, options, points, term, *group);
  };
  Weights seen;
  const auto looked_at = trained(4, {{2}, [&](std::int64_t, const GiveWeights& give) { seen = clone_weights(give({})); }});
  EXPECT_EQ(first_difference(seen, trained(2, {})), "");
  EXPECT_EQ(first_difference(looked_at, trained(4, {})), "");
}

}  // namespace
}  // namespace unpact
