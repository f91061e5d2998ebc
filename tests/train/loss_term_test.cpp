#include "unpact/train/loss_term.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing_support::differentiate;
using testing_support::expect_close;
using testing_support::expect_parity;
using testing_support::Expected;
using testing_support::load_transformer;
using testing_support::parity;
using testing_support::random_examples;
using testing_support::read_examples;
using testing_support::tiny_transformer;

// float32 on both sides, in another order: values agree to 1e-7 of their size, gradients to 1e-6 of the largest.
constexpr double kValueTolerance = 1e-5, kGradientTolerance = 1e-4;

TEST(CrossEntropyTerm, ValueAndGradientsAreThoseOfPyTorch) {
  UNPACT_NEED_PARITY("losses.safetensors");
  const Expected fixture("losses.safetensors");
  const CrossEntropyTerm term(read_examples(fixture, "retain"));
  for (const auto& [folder, loss] : {std::pair("losses_theta", "gd"), std::pair("losses_tied", "tied_gd")}) {
    auto model = load_transformer(parity(folder));
    expect_parity(differentiate(model, {{&term, 1.0}}), fixture, loss, kValueTolerance, kGradientTolerance);
  }
}

TEST(CrossEntropyTerm, IsTheMeanOverAllTargets) {
  const auto examples = random_examples(5, 1);
  const auto model = tiny_transformer(1);
  double sum = 0, count = 0;
  for (const auto& example : *examples) {
    const auto log_p = testing_support::log_probabilities(model, example.ids);
    for (std::size_t t = 1; t < example.ids.size(); ++t) {
      if (!example.has_loss[t]) continue;
      sum -= log_p[static_cast<std::int64_t>(t) - 1][example.ids[t]].item<double>();
      ++count;
    }
  }
  EXPECT_NEAR(testing_support::value_of(CrossEntropyTerm(examples), model), sum / count, 1e-5);
}

TEST(CrossEntropyTerm, SumsDoNotDependOnTheCut) {
  const auto examples = random_examples(7, 2);
  const CrossEntropyTerm term(examples);
  const auto model = tiny_transformer(2);
  const auto all = testing_support::all_indices(term);
  double sum = 0, normalizer = 0;
  for (const auto index : all) {
    sum += term.sum(model, {&index, 1}).item<double>();
    normalizer += term.normalizer({&index, 1});
  }
  EXPECT_NEAR(sum, term.sum(model, all).item<double>(), 1e-4);
  EXPECT_EQ(normalizer, term.normalizer(all));
  EXPECT_EQ(static_cast<double>(term.targets(all)), normalizer);
}

TEST(CrossEntropyTerm, AnExampleMayComeTwice) {
  const CrossEntropyTerm term(random_examples(3, 2));
  const auto model = tiny_transformer(2);
  const std::vector<std::int64_t> once = {1}, twice = {1, 1};
  EXPECT_NEAR(term.sum(model, twice).item<double>(), 2 * term.sum(model, once).item<double>(), 1e-4);
}

TEST(MakeBatch, PointsAtTheRowsThatPredict) {
  const std::vector<Example> examples = {{{5, 6, 7}, {0, 1, 1}}, {{8, 9}, {0, 1}}, {{1, 2, 3, 4}, {0, 0, 1, 0}}};
  const std::vector<std::int64_t> indices = {2, 0};
  const auto batch = make_batch(examples, indices, at::kCPU);
  EXPECT_EQ(batch.size, 2);
  EXPECT_TRUE(at::equal(batch.tokens_BS, at::tensor({1, 2, 3, 4, 5, 6, 7, 0}, at::kLong).view({2, 4})));
  EXPECT_TRUE(at::equal(batch.rows_R, at::tensor({1, 4, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.targets_R, at::tensor({3, 6, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.example_R, at::tensor({0, 1, 1}, at::kLong)));
  EXPECT_EQ(count_targets(examples, indices), 3);
}

TEST(MakeBatch, RefusesIndicesOutside) {
  const std::vector<Example> examples = {{{5, 6}, {0, 1}}};
  for (const std::int64_t index : {-1, 1}) EXPECT_THROW(make_batch(examples, {&index, 1}, at::kCPU), ContractViolation);
}

TEST(MakeBatch, WithoutTargetsIsEmptyButWhole) {
  const std::vector<Example> examples = {{{5, 6}, {0, 0}}};
  const std::int64_t index = 0;
  const auto batch = make_batch(examples, {&index, 1}, at::kCPU);
  EXPECT_EQ(batch.rows_R.numel(), 0);
  EXPECT_EQ(example_log_probabilities(tiny_transformer(1), batch).numel(), 0);
}

TEST(TargetLogProbabilities, AreThoseOfEveryExampleAlone) {
  const auto examples = random_examples(6, 3);
  const auto model = tiny_transformer(3);
  const std::vector<std::int64_t> all = {0, 1, 2, 3, 4, 5};
  std::vector<at::Tensor> alone;
  for (const auto index : all)
    alone.push_back(example_log_probabilities(model, make_batch(*examples, {&index, 1}, at::kCPU)));
  expect_close(example_log_probabilities(model, make_batch(*examples, all, at::kCPU)), at::cat(alone), 1e-5, "log p");
}

}  // namespace
}  // namespace unpact
