/// Examples behind each other in one row against the padded reference.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_config_of;
using testing_support::tiny_transformer;

TEST(PackedBatch, LaysExamplesBehindEachOther) {
  const std::vector<Example> examples = {{{5, 6, 7}, {0, 1, 1}}, {{8, 9}, {0, 1}}, {{1, 2, 3, 4}, {0, 0, 1, 0}}, {{}, {}}};
  const std::vector<std::int64_t> indices = {2, 3, 0, 1};
  const auto batch = make_batch(examples, {indices, true}, at::kCPU);
  EXPECT_EQ(batch.size, 4);
  EXPECT_TRUE(batch.layout.is_packed());
  EXPECT_TRUE(at::equal(batch.tokens_BS, at::tensor({1, 2, 3, 4, 5, 6, 7, 8, 9}, at::kLong).view({1, 9})));
  EXPECT_TRUE(at::equal(batch.rows_R, at::tensor({1, 4, 5, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.targets_R, at::tensor({3, 6, 7, 9}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.example_R, at::tensor({0, 2, 2, 3}, at::kLong)));
}

TEST(PackedBatch, OfOneLengthIsTheOrdinaryOne) {
  const std::vector<Example> examples = {{{5, 6}, {0, 1}}, {{8, 9}, {0, 1}}};
  const std::vector<std::int64_t> indices = {1, 0};
  const auto batch = make_batch(examples, {indices, true}, at::kCPU);
  EXPECT_FALSE(batch.layout.is_packed());
  EXPECT_TRUE(at::equal(batch.tokens_BS, make_batch(examples, indices, at::kCPU).tokens_BS));
}

class PackedTraining : public testing::TestWithParam<std::string> {
 protected:
  static TrainOptions options(bool packing) {
    TrainOptions options;
    options.max_steps = 3;
    options.batch_size = 11;
    options.micro_batch = 4;
    options.learning_rate = 1e-3;
    options.execution.packing = packing;
    options.adamw.epsilon = 1e-5;  // gradients that are rounding alone must not become full steps of Adam
    return options;
  }
  Communicator world_ = Communicator::world(), null_;
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
};

TEST_P(PackedTraining, GivesLossesAndWeightsOfThePaddedWay) {
  const CrossEntropyTerm up(random_examples(13, 1)), down(random_examples(5, 2));
  const auto config = tiny_config_of(GetParam());
  auto padded = tiny_transformer(1, config);
  auto reference = options(false);
  reference.execution.shard = Shard::none;
  const auto expected = train(padded, {{&up, 1.0}, {&down, -0.3}}, reference, *single_);
  std::int64_t padding = 0;
  for (const auto& report : expected) padding += report.padding;
  EXPECT_GT(padding, 0);
  for (const auto& [shard, recompute] :
       {std::pair(Shard::none, false), std::pair(Shard::parameters, false), std::pair(Shard::parameters, true)}) {
    auto packed = tiny_transformer(1, config);
    auto chosen = options(true);
    chosen.execution.shard = shard;
    chosen.execution.recompute = recompute;
    const auto reports = train(packed, {{&up, 1.0}, {&down, -0.3}}, chosen, *group_);
    // float32 sums in another order; Adam turns that into less than 1e-6 of the weights.
    EXPECT_LE(relative_difference(packed.weights(), padded.weights()), 1e-6) << name_of_value(shard) << recompute;
    ASSERT_EQ(reports.size(), expected.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
      EXPECT_NEAR(reports[i].loss, expected[i].loss, 1e-4) << "step " << i;
      EXPECT_NEAR(reports[i].gradient_norm, expected[i].gradient_norm, 1e-4 * expected[i].gradient_norm) << "step " << i;
      EXPECT_EQ(reports[i].padding, 0);
      EXPECT_EQ(reports[i].tokens, expected[i].tokens);
      EXPECT_EQ(reports[i].targets, expected[i].targets);
    }
  }
  EXPECT_GT(relative_difference(padded.weights(), tiny_transformer(1, config).weights()), 1e-4);
}

// Rotary positions; windows everywhere; windows in some blocks; learned positions. tests/model has all architectures.
INSTANTIATE_TEST_SUITE_P(Of, PackedTraining, testing::Values("llama", "mistral", "windows", "gpt2"),
                         [](const auto& test) { return test.param; });

TEST(PackedBatch, GradientsAreThoseOfEveryExampleAlone) {
  const auto examples = random_examples(6, 3);
  auto model = tiny_transformer(3);
  const std::vector<std::int64_t> all = {5, 3, 0, 1, 4, 2, 3};
  const auto gradient_of = [&](const std::vector<std::vector<std::int64_t>>& batches, bool packed) {
    ParameterBuffer parameters(model, [](const std::string&) { return true; });
    const CrossEntropyTerm term(examples);
    for (const auto& batch : batches) term.sum(model, {batch, packed}).backward();
    return parameters.gradients().clone();
  };
  std::vector<std::vector<std::int64_t>> singly;
  for (const auto index : all) singly.push_back({index});
  const auto expected = gradient_of(singly, false);
  // The order of float32 sums, relative to the largest element.
  expect_close(gradient_of({all}, true) / expected.abs().max(), expected / expected.abs().max(), 1e-5, "gradient");
}

}  // namespace
}  // namespace unpact
