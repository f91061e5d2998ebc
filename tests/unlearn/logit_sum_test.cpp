#include "../../src/unlearn/logit_sum.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing_support::tiny_transformer;

/// Nonlinear in a row and different from row to row.
at::Tensor row_loss(const at::Tensor& logits_CV, std::int64_t first) {
  const auto scale_C = at::arange(first, first + logits_CV.size(0), at::kFloat) + 1;
  return (logits_CV.log_softmax(1).square().mean(1) * scale_C).sum();
}

struct Gradients {
  double value;
  at::Tensor hidden, head;
};

/// @param cap of the logits, which reach about 4.
Gradients differentiate_with(double cap, std::int64_t chunk_rows, bool at_once = false) {
  auto config = testing_support::tiny_config();
  config.block.logit_cap = cap;
  auto model = tiny_transformer(1, config);
  auto& head = model.weights().head_VD;
  head = head.detach().clone().requires_grad_();
  const auto hidden_RD = at::sin(at::arange(11 * 24, at::kFloat)).view({11, 24}).requires_grad_();
  const auto sum = at_once ? sum_over_logits_at_once(model, hidden_RD, row_loss)
                           : sum_over_logits(model, hidden_RD, row_loss, chunk_rows);
  (sum * 0.25).backward();
  return {sum.item<double>(), hidden_RD.grad(), head.grad()};
}

class SumOverLogits : public testing::TestWithParam<std::int64_t> {};

TEST_P(SumOverLogits, IsThatOfAllLogitsAtOnce) {
  const auto close = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
  };
  for (const double cap : {0.0, 1.5}) {
    const auto expected = differentiate_with(cap, 0, true), actual = differentiate_with(cap, GetParam());
    // The same float32 numbers added in another order: a few units of the last place of the largest.
    EXPECT_NEAR(actual.value, expected.value, 1e-6 * expected.value) << cap;
    EXPECT_LE(close(actual.hidden, expected.hidden), 1e-5) << cap;
    EXPECT_LE(close(actual.head, expected.head), 1e-5) << cap;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SumOverLogits, testing::Values(0, 1, 3, 11, 100));

TEST(SumOverLogits, AsksForARowsChunkOnce) {
  const auto model = tiny_transformer(1);
  std::vector<std::pair<std::int64_t, std::int64_t>> chunks;
  sum_over_logits(
      model, at::zeros({7, 24}),
      [&](const at::Tensor& logits_CV, std::int64_t first) {
        chunks.emplace_back(first, logits_CV.size(0));
        EXPECT_FALSE(logits_CV.requires_grad()) << "nothing wants a gradient";
        return logits_CV.sum();
      },
      3);
  EXPECT_EQ(chunks, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {3, 3}, {6, 1}}));
}

TEST(SumOverLogits, OfNoRowsIsZero) {
  const auto model = tiny_transformer(1);
  const auto hidden_RD = at::zeros({0, 24}).requires_grad_();
  const auto sum = sum_over_logits(model, hidden_RD, row_loss);
  sum.backward();
  EXPECT_EQ(sum.item<double>(), 0);
  EXPECT_EQ(hidden_RD.grad().sizes(), (std::vector<std::int64_t>{0, 24}));
}

TEST(SumOverLogits, OfAFrozenHeadGivesTheHiddenStatesGradientAlone) {
  const auto model = tiny_transformer(1);
  const auto hidden_RD = at::ones({3, 24}).requires_grad_();
  sum_over_logits(model, hidden_RD, row_loss).backward();
  EXPECT_TRUE(hidden_RD.grad().defined());
  EXPECT_FALSE(model.weights().head_VD.grad().defined());
}

}  // namespace
}  // namespace unpact
