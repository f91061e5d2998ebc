#include "unpact/train/trainer.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_transformer;

TrainOptions ten_steps() {
  TrainOptions options;
  options.max_steps = 10;
  options.batch_size = 6;
  options.learning_rate = 1e-3;
  options.seed = 3;
  return options;
}

/// Notes the examples of every call; its sum is 0.
class RecordingTerm : public LossTerm {
 public:
  explicit RecordingTerm(std::int64_t count, double normalizer = 1) : count_(count), normalizer_(normalizer) {}
  std::string name() const override { return "recording"; }
  std::int64_t example_count() const override { return count_; }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    calls.emplace_back(indices.begin(), indices.end());
    return model.weights().final_norm_D.sum() * 0.0;
  }
  double normalizer(ExampleIndices) const override { return normalizer_; }
  std::int64_t targets(ExampleIndices indices) const override { return static_cast<std::int64_t>(indices.size()); }

  mutable std::vector<std::vector<std::int64_t>> calls;

 private:
  std::int64_t count_;
  double normalizer_;
};

/// One rank of its own, whatever the number of ranks around it.
class TrainerAlone : public testing::Test {
 protected:
  std::vector<StepReport> run(const std::vector<WeightedTerm>& terms, const TrainOptions& options) {
    return train(model_, terms, options, *collectives_);
  }

  Communicator null_;
  std::unique_ptr<Collectives> collectives_ = make_collectives(null_, at::kCPU);
  Transformer model_ = tiny_transformer(1);
};

TEST_F(TrainerAlone, MicroBatchesChangeNothing) {
  const CrossEntropyTerm term(random_examples(11, 1));
  std::vector<Weights> results;
  for (const std::int64_t micro_batch : {6, 1, 2, 4}) {
    auto options = ten_steps();
    options.micro_batch = micro_batch;
    model_ = tiny_transformer(1);
    run({{&term, 1.0}}, options);
    results.push_back(clone_weights(model_.weights()));
    // Of all weights together: Adam moves a single one visibly even where its gradient is nothing but rounding.
    EXPECT_LE(relative_difference(results.back(), results.front()), 1e-6) << micro_batch;
  }
  EXPECT_GT(relative_difference(results[0], tiny_transformer(1).weights()), 1e-3);
}

TEST_F(TrainerAlone, LearnsWhatItIsShown) {
  const CrossEntropyTerm term(random_examples(6, 2));
  auto options = ten_steps();
  options.max_steps = 40;
  options.learning_rate = 1e-2;
  const double before = testing_support::value_of(term, model_);
  const auto reports = run({{&term, 1.0}}, options);
  EXPECT_NEAR(reports.front().loss, before, 1e-5);  // losses are those before the update
  EXPECT_LT(testing_support::value_of(term, model_), before / 10);
}

TEST_F(TrainerAlone, EveryExampleOnceAnEpoch) {
  const RecordingTerm term(7);
  TrainOptions options;
  options.epochs = 3;
  options.batch_size = 4;
  options.micro_batch = 3;
  const auto reports = run({{&term, 1.0}}, options);
  ASSERT_EQ(reports.size(), 6U);  // ceil(3 * 7 / 4)
  EXPECT_EQ(reports.back().targets, 1);
  std::vector<std::int64_t> order;
  for (const auto& call : term.calls) order.insert(order.end(), call.begin(), call.end());
  ASSERT_EQ(order.size(), 21U);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const std::set<std::int64_t> seen(order.begin() + static_cast<std::ptrdiff_t>(7 * epoch),
                                      order.begin() + static_cast<std::ptrdiff_t>(7 * epoch + 7));
    EXPECT_EQ(seen.size(), 7U) << "epoch " << epoch;
  }
  EXPECT_THAT(term.calls[0], testing::SizeIs(3));
  EXPECT_THAT(term.calls[1], testing::SizeIs(1));
}

std::vector<std::int64_t> joined(const std::vector<std::vector<std::int64_t>>& calls) {
  std::vector<std::int64_t> all;
  for (const auto& call : calls) all.insert(all.end(), call.begin(), call.end());
  return all;
}

TEST_F(TrainerAlone, PairedTermsFollowTheFirst) {
  const RecordingTerm forget(7), retain(3);
  TrainOptions options;
  options.epochs = 2;
  options.batch_size = 4;
  run({{&forget, 1.0}, {&retain, 1.0, Sampling::paired}}, options);
  auto expected = joined(forget.calls);
  for (auto& index : expected) index %= 3;
  EXPECT_EQ(joined(retain.calls), expected);
}

TEST_F(TrainerAlone, UniformDrawsDoNotCareAboutEpochs) {
  const RecordingTerm forget(50), retain(50), again(50);
  TrainOptions options;
  options.epochs = 20;
  options.batch_size = 10;
  options.seed = 5;
  run({{&forget, 1.0}, {&retain, 1.0, Sampling::uniform}}, options);
  const auto drawn = joined(retain.calls);
  ASSERT_EQ(drawn.size(), 1000U);
  const std::set<std::int64_t> first_epoch(drawn.begin(), drawn.begin() + 50), all(drawn.begin(), drawn.end());
  // 50 draws of 50 give 50 (1 - 1/e) = 32 different ones on average, with a deviation of 2; 1000 leave none out but with
  // probability 50 (49/50)^1000 = 1e-7.
  EXPECT_GT(first_epoch.size(), 20U);
  EXPECT_LT(first_epoch.size(), 44U);
  EXPECT_EQ(all.size(), 50U);
  options.micro_batch = 3;
  run({{&forget, 1.0}, {&again, 1.0, Sampling::uniform}}, options);
  EXPECT_EQ(joined(again.calls), drawn);
}

TEST_F(TrainerAlone, ARuleSetsTheCoefficientOfTheNextStep) {
  const CrossEntropyTerm term(random_examples(11, 1));
  std::vector<double> losses;
  const CoefficientRule rule = [&](double coefficient, double loss, std::int64_t step) {
    losses.push_back(loss);
    return step < 4 ? coefficient : coefficient + 0.5 * loss;
  };
  const auto reports = run({{&term, 1.0}, {&term, 2.0, Sampling::epoch, rule}}, ten_steps());
  ASSERT_EQ(losses.size(), 10U);
  double coefficient = 2.0;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_THAT(reports[i].coefficients, ElementsAre(1.0, coefficient)) << i;
    EXPECT_NEAR(reports[i].loss, reports[i].term_losses[0] + coefficient * reports[i].term_losses[1], 1e-9) << i;
    EXPECT_EQ(losses[i], reports[i].term_losses[1]);
    if (i >= 3) coefficient += 0.5 * losses[i];
  }
}

TEST_F(TrainerAlone, WithoutShufflingTheOrderIsThatOfTheFile) {
  const RecordingTerm term(3);
  TrainOptions options;
  options.shuffle = false;
  options.max_steps = 2;
  options.batch_size = 4;
  run({{&term, 1.0}}, options);
  EXPECT_THAT(term.calls, ElementsAre(ElementsAre(0, 1, 2, 0), ElementsAre(1, 2, 0, 1)));
}

TEST_F(TrainerAlone, EveryTermDrawsABatch) {
  const RecordingTerm first(5), second(50);
  TrainOptions options;
  options.batch_size = 3;
  const auto reports = run({{&first, 1.0}, {&second, 1.0}}, options);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].targets, 6);
  EXPECT_THAT(first.calls, ElementsAre(testing::SizeIs(3), testing::SizeIs(2)));
  EXPECT_THAT(second.calls, ElementsAre(testing::SizeIs(3), testing::SizeIs(2)));
}

TEST_F(TrainerAlone, ReportsEveryTermWithoutItsCoefficient) {
  const CrossEntropyTerm one(random_examples(6, 1)), two(random_examples(6, 2));
  auto options = ten_steps();
  options.max_steps = 1;
  const double first = testing_support::value_of(one, model_), second = testing_support::value_of(two, model_);
  const auto report = run({{&one, 2.0}, {&two, -0.5}}, options).front();
  EXPECT_THAT(report.term_losses, ElementsAre(testing::DoubleNear(first, 1e-5), testing::DoubleNear(second, 1e-5)));
  EXPECT_NEAR(report.loss, 2 * first - 0.5 * second, 1e-5);
}

TEST_F(TrainerAlone, ReportsScheduleNormAndSteps) {
  const CrossEntropyTerm term(random_examples(6, 1));
  auto options = ten_steps();
  options.schedule = Schedule::linear;
  options.warmup_steps = 2;
  options.max_steps = 4;
  std::vector<double> rates;
  train(model_, {{&term, 1.0}}, options, *collectives_, {}, [&](const StepReport& report) {
    rates.push_back(report.learning_rate);
    EXPECT_EQ(report.step, static_cast<std::int64_t>(rates.size()));
    EXPECT_EQ(report.total_steps, 4);
    EXPECT_GT(report.gradient_norm, 0);
  });
  EXPECT_THAT(rates, ElementsAre(0.0, 5e-4, 1e-3, 5e-4));
}

TEST_F(TrainerAlone, AStepWithoutLearningRateChangesNothing) {
  const CrossEntropyTerm term(random_examples(6, 1));
  auto options = ten_steps();
  options.learning_rate = 0;
  options.adamw.weight_decay = 0.1;
  run({{&term, 1.0}}, options);
  EXPECT_EQ(first_difference(model_.weights(), tiny_transformer(1).weights()), "");
}

TEST_F(TrainerAlone, OnlySelectedWeightsMove) {
  const CrossEntropyTerm term(random_examples(6, 1));
  const auto before = clone_weights(model_.weights());
  const auto selected = [](const std::string& name) { return name.starts_with("model.layers.1."); };
  train(model_, {{&term, 1.0}}, ten_steps(), *collectives_, selected);
  const auto old_tensors = named_tensors(before), new_tensors = named_tensors(model_.weights());
  for (std::size_t i = 0; i < old_tensors.size(); ++i)
    EXPECT_EQ(!at::equal(old_tensors[i].second, new_tensors[i].second), selected(old_tensors[i].first))
        << old_tensors[i].first;
}

TEST_F(TrainerAlone, CountsItsSteps) {
  TrainOptions options;
  options.epochs = 3;
  options.batch_size = 4;
  EXPECT_EQ(count_steps(options, 7), 6);
  EXPECT_EQ(count_steps(options, 8), 6);
  options.max_steps = 5;
  EXPECT_EQ(count_steps(options, 7), 5);
  options.max_steps = options.epochs = 0;
  EXPECT_EQ(count_steps(options, 7), 0);
}

TEST_F(TrainerAlone, RefusesTermsThatCannotTrain) {
  const CrossEntropyTerm empty(std::make_shared<const std::vector<Example>>());
  EXPECT_THAT(message_of<UserError>([&] {
                run({{&empty, 1.0}}, ten_steps());
              }),
              HasSubstr("'cross_entropy' has no examples"));
  const RecordingTerm nothing(5, 0.0);
  EXPECT_THAT(message_of<UserError>([&] { run({{&nothing, 1.0}}, ten_steps()); }), HasSubstr("no token with loss"));
  EXPECT_THROW(run({}, ten_steps()), ContractViolation);
  EXPECT_FALSE(model_.weights().embedding_VD.requires_grad());
}

TEST(TrainOptions, EveryBadOneIsNamed) {
  const auto refusal = [](auto change) {
    auto options = ten_steps();
    change(options);
    return message_of<UserError>([&] { check_train_options(options); });
  };
  EXPECT_NO_THROW(check_train_options(ten_steps()));
  EXPECT_THAT(refusal([](auto& o) { o.epochs = -1; }), HasSubstr("'epochs' is -1"));
  EXPECT_THAT(refusal([](auto& o) { o.max_steps = -1; }), HasSubstr("'max_steps'"));
  EXPECT_THAT(refusal([](auto& o) { o.batch_size = 0; }), HasSubstr("'batch_size' is 0"));
  EXPECT_THAT(refusal([](auto& o) { o.micro_batch = 0; }), HasSubstr("'micro_batch'"));
  EXPECT_THAT(refusal([](auto& o) { o.warmup_steps = -5; }), HasSubstr("'warmup_steps'"));
  for (const double value : {-1.0, std::nan(""), HUGE_VAL})
    EXPECT_THAT(refusal([&](auto& o) { o.learning_rate = value; }), HasSubstr("'learning_rate'"));
  for (const double value : {-1.0, std::nan("")})
    EXPECT_THAT(refusal([&](auto& o) { o.clip_norm = value; }), HasSubstr("'clip_norm'"));
  for (const double value : {-0.1, 1.0, std::nan("")}) {
    EXPECT_THAT(refusal([&](auto& o) { o.adamw.beta1 = value; }), HasSubstr("'beta1'"));
    EXPECT_THAT(refusal([&](auto& o) { o.adamw.beta2 = value; }), HasSubstr("'beta2'"));
  }
  for (const double value : {0.0, -1e-8, std::nan("")})
    EXPECT_THAT(refusal([&](auto& o) { o.adamw.epsilon = value; }), HasSubstr("'epsilon'"));
  for (const double value : {-0.1, HUGE_VAL})
    EXPECT_THAT(refusal([&](auto& o) { o.adamw.weight_decay = value; }), HasSubstr("'weight_decay'"));
}

}  // namespace
}  // namespace unpact
