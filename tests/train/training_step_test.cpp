/// What ranks add up in a step, and passes that run along for nothing.
#include "../../src/train/training_step.hpp"  // private to the layer

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing_support::first_difference;
using testing_support::random_examples;
using testing_support::tiny_transformer;

class TrainingStepRanks : public testing::Test {
 protected:
  /// Rank 0 has two examples a step, every other rank one and a pass that runs along.
  TrainOptions uneven_steps() const {
    TrainOptions options;
    options.max_steps = 2;
    options.batch_size = world_.size() + 1;
    options.micro_batch = 1;
    options.learning_rate = 1e-3;
    options.shuffle = false;
    return options;
  }
  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
};

/// Infinite in a rank's second pass of a step, which on all ranks but the first is one that runs along.
class InfiniteAlong : public CrossEntropyTerm {
 public:
  InfiniteAlong(testing_support::SharedExamples examples, bool spoils)
      : CrossEntropyTerm(std::move(examples)), spoils_(spoils) {}
  double normalizer(ExampleIndices indices) const override {
    passes_ = 0;
    return CrossEntropyTerm::normalizer(indices);
  }
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    const auto value = CrossEntropyTerm::sum(model, indices);
    return spoils_ && ++passes_ == 2 ? value * std::numeric_limits<float>::infinity() : value;
  }

 private:
  bool spoils_;
  mutable int passes_ = 0;
};

TEST_F(TrainingStepRanks, APassThatRunsAlongGivesExactlyNothing) {
  const auto examples = random_examples(13, 1);
  const CrossEntropyTerm plain(examples);
  const InfiniteAlong infinite(examples, world_.rank() > 0);
  for (const auto shard : {Shard::parameters, Shard::gradients}) {
    for (const auto dtype : {ComputeType::fp32, ComputeType::bf16}) {
      auto options = uneven_steps();
      options.execution.shard = shard;
      options.execution.dtype = dtype;
      auto model = tiny_transformer(1), expected = tiny_transformer(1);
      const auto reports = train(model, {{&infinite, 1.0}}, options, *group_);
      const auto plain_reports = train(expected, {{&plain, 1.0}}, options, *group_);
      EXPECT_EQ(first_difference(model.weights(), expected.weights()), "") << name_of_value(shard) << name_of_value(dtype);
      for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].gradient_norm, plain_reports[i].gradient_norm);
    }
  }
}

/// As if every example had more tokens than float32 counts one by one.
class LongTerm : public CrossEntropyTerm {
 public:
  using CrossEntropyTerm::CrossEntropyTerm;
  std::int64_t length(std::int64_t index) const override { return (std::int64_t{1} << 24) + 1 + 2 * index; }
};

TEST_F(TrainingStepRanks, CountsBeyondFloat32AreExact) {
  const LongTerm term(random_examples(13, 1));
  for (const auto shard : {Shard::parameters, Shard::none}) {
    auto options = uneven_steps();
    options.max_steps = 1;
    options.execution.shard = shard;
    auto model = tiny_transformer(1);
    const auto report = train(model, {{&term, 1.0}}, options, *group_).front();
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < options.batch_size; ++i) tokens += term.length(i);
    EXPECT_EQ(report.tokens, tokens) << name_of_value(shard);
  }
}

TEST_F(TrainingStepRanks, TheNormOfThePiecesIsAddedUpInFloat64) {
  auto model = tiny_transformer(1);
  const auto weights = make_trained_weights(
      model, [](const std::string&) { return true; }, *group_, uneven_steps());
  weights->gradients().copy_(at::linspace(0.1, 1.3, weights->gradients().numel()) + world_.rank());
  const auto own = weights->gradients().norm().item<double>();
  EXPECT_DOUBLE_EQ(weights->gradient_norm(), std::sqrt(world_.sum(own * own)));
  weights->restore({});
}

}  // namespace
}  // namespace unpact
