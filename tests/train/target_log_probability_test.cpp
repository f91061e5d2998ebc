#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "unpact/train/loss_term.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;

struct Case {
  std::int64_t rows, chunk;  // chunk: rows of logits that are held at once
};

class ChunkedLogProbabilities : public testing::TestWithParam<Case> {};

TEST_P(ChunkedLogProbabilities, ValuesAndGradientsAreThoseOfLogSoftmax) {
  constexpr std::int64_t kVocabulary = 37, kWidth = 12;
  const auto [rows, chunk] = GetParam();
  at::manual_seed(3);
  const auto hidden = at::randn({rows, kWidth}), head = at::randn({kVocabulary, kWidth}), slopes = at::randn({rows});
  const auto targets = at::randint(kVocabulary, {rows}, at::kLong);
  const auto leaf = [](const at::Tensor& values) { return values.clone().set_requires_grad(true); };
  const auto hidden_a = leaf(hidden), head_a = leaf(head), hidden_b = leaf(hidden), head_b = leaf(head), head_c = leaf(head);
  const auto expected = at::linear(hidden_a, head_a).log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1);
  (expected * slopes).sum().backward();
  const auto actual = chunked_log_probabilities(hidden_b, head_b, targets, chunk * kVocabulary * 4);
  (actual * slopes).sum().backward();
  // float32 sums of 12 and 37 products in another order.
  expect_close(actual, expected, 1e-5, "log p");
  expect_close(hidden_b.grad(), hidden_a.grad(), 1e-5, "gradient of the hidden states");
  expect_close(head_b.grad(), head_a.grad(), 1e-5, "gradient of the head");
  head_c.mutable_grad() = at::ones_like(head);  // a leaf that collects adds up
  (chunked_log_probabilities(hidden, head_c, targets, chunk * kVocabulary * 4) * slopes).sum().backward();
  expect_close(head_c.grad(), head_a.grad() + 1, 1e-5, "collected gradient of the head");
}

INSTANTIATE_TEST_SUITE_P(Of, ChunkedLogProbabilities,
                         testing::Values(Case{1, 1}, Case{7, 100}, Case{7, 7}, Case{7, 3}, Case{8, 1}),
                         [](const auto& test) { return concat(test.param.rows, "_rows_by_", test.param.chunk); });

TEST(ChunkedLogProbabilities, NoRowsAreNoTrouble) {
  const auto hidden = at::zeros({0, 4}).set_requires_grad(true), head = at::zeros({5, 4}).set_requires_grad(true);
  const auto nothing = chunked_log_probabilities(hidden, head, at::zeros({0}, at::kLong));
  EXPECT_EQ(nothing.numel(), 0);
  nothing.sum().backward();
  EXPECT_EQ(hidden.grad().numel(), 0);
}

TEST(ChunkedLogProbabilities, AFrozenHeadGetsNoGradient) {
  const auto hidden = at::randn({3, 4}).set_requires_grad(true), head = at::randn({5, 4});
  chunked_log_probabilities(hidden, head, at::zeros({3}, at::kLong)).sum().backward();
  EXPECT_TRUE(hidden.grad().defined());
  EXPECT_FALSE(head.grad().defined());
}

}  // namespace
}  // namespace unpact
