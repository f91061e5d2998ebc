/// Training over several ranks against the same training on one.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

TrainOptions ten_steps(std::int64_t batch_size) {
  TrainOptions options;
  options.max_steps = 10;
  options.batch_size = batch_size;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  options.schedule = Schedule::cosine;
  options.warmup_steps = 2;
  options.adamw.weight_decay = 0.1;
  options.execution.shard = Shard::none;
  return options;
}

std::string digest(const Weights& weights) {
  std::string bytes;
  for (const auto& [name, tensor] : named_tensors(weights))
    bytes.append(static_cast<const char*>(tensor.contiguous().const_data_ptr()), tensor.nbytes());
  return sha256_of_bytes(bytes);
}

/// NaN in the gradient of model.norm.weight (or in the value) when example `bad` is drawn; only one rank sees it.
class PoisonedTerm : public LossTerm {
 public:
  PoisonedTerm(std::int64_t bad, bool spoil_value) : bad_(bad), spoil_value_(spoil_value) {}
  std::string name() const override { return "poisoned"; }
  std::int64_t example_count() const override { return 100; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    const auto harmless = model.weights().embedding_VD.sum() + model.weights().final_norm_D.sum();
    if (std::find(indices.begin(), indices.end(), bad_) == indices.end()) return harmless;
    if (spoil_value_) return harmless * std::numeric_limits<float>::infinity();
    return harmless + (model.weights().final_norm_D.sum() * 0.0).sqrt();  // value 0, slope infinity times 0
  }
  double normalizer(ExampleIndices indices) const override { return static_cast<double>(indices.size()); }
  std::int64_t targets(ExampleIndices indices) const override { return static_cast<std::int64_t>(indices.size()); }

 private:
  std::int64_t bad_;
  bool spoil_value_;
};

class TrainerRanks : public testing::Test {
 protected:
  void expect_same_as_alone(const ModelConfig& config, const std::vector<WeightedTerm>& terms, const TrainOptions& options) {
    auto together = tiny_transformer(1, config), alone = tiny_transformer(1, config);
    const auto reports = train(together, terms, options, *group_);
    const auto expected = train(alone, terms, options, *single_);
    // The gradients' sums differ in their order alone; Adam turns that into less than 1e-6 of the weights.
    const double difference = relative_difference(together.weights(), alone.weights());
    RecordProperty("relative difference", concat(difference));
    EXPECT_LE(difference, 1e-6);
    EXPECT_GT(relative_difference(alone.weights(), tiny_transformer(1, config).weights()), 1e-3);
    EXPECT_THAT(world_.all_gather(digest(together.weights())), Each(digest(together.weights()))) << "ranks drift apart";
    ASSERT_EQ(reports.size(), expected.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
      EXPECT_NEAR(reports[i].loss, expected[i].loss, 1e-4);
      EXPECT_NEAR(reports[i].gradient_norm, expected[i].gradient_norm, 1e-4 * expected[i].gradient_norm);
      EXPECT_EQ(reports[i].targets, expected[i].targets);
    }
  }

  Communicator world_ = Communicator::world(), null_;
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
};

TEST_F(TrainerRanks, GiveTheParametersOfOneRank) {
  const CrossEntropyTerm term(random_examples(13, 1));
  expect_same_as_alone(tiny_config(), {{&term, 1.0}}, ten_steps(8));
}

TEST_F(TrainerRanks, MayShareABatchUnequally) {
  const CrossEntropyTerm term(random_examples(13, 2));
  expect_same_as_alone(tiny_config(), {{&term, 1.0}}, ten_steps(5));
}

TEST_F(TrainerRanks, MayHaveNothingToDo) {
  const CrossEntropyTerm term(random_examples(13, 3));
  expect_same_as_alone(tiny_config(), {{&term, 1.0}}, ten_steps(1));
}

TEST_F(TrainerRanks, ShareSeveralTermsAndATiedHead) {
  auto config = tiny_config();
  config.tied_embeddings = true;
  const CrossEntropyTerm up(random_examples(9, 4)), down(random_examples(5, 5));
  auto options = ten_steps(6);
  options.clip_norm = 0.5;
  expect_same_as_alone(config, {{&up, -0.3}, {&down, 1.0}}, options);
}

TEST_F(TrainerRanks, ShareAPartialLastBatch) {
  const CrossEntropyTerm term(random_examples(7, 6));
  auto options = ten_steps(4);
  options.max_steps = 0;
  options.epochs = 3;
  expect_same_as_alone(tiny_config(), {{&term, 1.0}}, options);
}

class PoisonedStep : public TrainerRanks, public testing::WithParamInterface<bool> {};  // value or gradient

TEST_P(PoisonedStep, EndsTheTrainingOnEveryRankBeforeAWeightChanges) {
  constexpr std::int64_t kPoisonedStep = 2;
  auto options = ten_steps(8);
  options.shuffle = false;
  const PoisonedTerm term(kPoisonedStep * options.batch_size + 5, GetParam());
  auto model = tiny_transformer(1), expected = tiny_transformer(1);
  std::int64_t steps = 0;
  const auto message = message_of<RuntimeFailure>([&] {
    train(model, {{&term, 1.0}}, options, *group_, {}, [&](const StepReport&) { ++steps; });
  });
  EXPECT_THAT(message, AllOf(HasSubstr("step 3 is not finite"), HasSubstr("hint")));
  EXPECT_THAT(message, HasSubstr(GetParam() ? "model.embed_tokens.weight" : "the gradient of model.norm.weight"));
  EXPECT_EQ(steps, kPoisonedStep);
  const PoisonedTerm harmless(-1, false);
  auto two_steps = options;  // the schedule is that of ten steps: stop from outside
  EXPECT_THROW(train(expected, {{&harmless, 1.0}}, two_steps, *group_, {},
                     [](const StepReport& report) {
                       if (report.step == kPoisonedStep) throw std::runtime_error("enough");
                     }),
               std::runtime_error);
  EXPECT_EQ(first_difference(model.weights(), expected.weights()), "");
  EXPECT_FALSE(model.weights().final_norm_D.requires_grad());
}

INSTANTIATE_TEST_SUITE_P(Of, PoisonedStep, testing::Bool(),
                         [](const auto& test) { return test.param ? "value" : "gradient"; });

TEST_F(TrainerRanks, RefuseAModelWithNaN) {
  const CrossEntropyTerm term(random_examples(6, 1));
  auto model = tiny_transformer(1);
  testing_support::spoil(model.weights(), "model.layers.2.mlp.up_proj.weight");
  const auto before = clone_weights(model.weights());
  EXPECT_THAT(message_of<RuntimeFailure>([&] {
                train(model, {{&term, 1.0}}, ten_steps(4), *group_);
              }),
              AllOf(HasSubstr("step 1 is not finite"), HasSubstr("the gradient of model.")));
  EXPECT_TRUE(at::equal(model.weights().embedding_VD, before.embedding_VD));
}

}  // namespace
}  // namespace unpact
