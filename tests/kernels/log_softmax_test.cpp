#include "src/kernels/log_softmax/forms.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(LogSoftmax, NormalizersAndGradientAreThoseOfAutograd) {
  at::manual_seed(1);
  for (const auto vocabulary : {1, 31, 33, 1000}) {
    const auto logits = (at::randn({5, vocabulary}) * 8).set_requires_grad(true);
    const auto targets = at::randint(vocabulary, {5}, at::kLong), gradients = at::randn({5});
    (logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1) * gradients).sum().backward();
    auto slopes = logits.detach().clone();
    const auto normalizers = log_normalizers(slopes);
    expect_close(normalizers, logits.detach().logsumexp(1), 1e-5, "normalizers near 30");  // a last bit there is 2e-6
    log_softmax_gradient(slopes, normalizers, targets, gradients);
    expect_close(slopes, logits.grad(), 1e-5, "gradient");  // exp of a difference that is 4e-6 off
    auto wide = at::cat({logits.detach(), logits.detach()}, 1), strided = wide.narrow(1, 0, vocabulary);
    log_softmax_gradient(strided, log_normalizers(strided), targets, gradients);  // not contiguous: composed
    expect_close(strided, logits.grad(), 1e-5, "gradient of a part of wider rows");
  }
}

TEST(LogSoftmax, HalfPrecisionIsReadInFloatAndRoundedOnce) {
  at::manual_seed(4);
  const auto rounded = (at::randn({5, 100}) * 4).to(at::kBFloat16), wide = rounded.to(at::kFloat);
  const auto targets = at::randint(100, {5}, at::kLong), gradients = at::randn({5});
  const auto normalizers = log_normalizers(rounded);
  EXPECT_TRUE(at::equal(normalizers, wide.logsumexp(1)));
  auto slopes = rounded.clone(), expected = wide.clone();
  log_softmax_gradient(slopes, normalizers, targets, gradients);
  log_softmax_gradient(expected, normalizers, targets, gradients);
  EXPECT_EQ(slopes.scalar_type(), at::kBFloat16);
  expect_close(slopes.to(at::kFloat), expected, 2e-3 * expected.abs().max().item<double>(),
               "gradient");  // half of bfloat16's last bit
}

TEST(LogSoftmax, ThreadsDoNotMatter) {
  at::manual_seed(2);
  const auto logits = at::randn({64, 3000}), gradients = at::randn({64});
  const auto targets = at::randint(3000, {64}, at::kLong);
  const auto with_threads = [&](int count) {
    const auto before = at::get_num_threads();
    at::set_num_threads(count);
    auto slopes = logits.clone();
    log_softmax_gradient(slopes, log_normalizers(slopes), targets, gradients);
    at::set_num_threads(before);
    return slopes;
  };
  const auto alone = with_threads(1);
  for (const int count : {2, 3}) EXPECT_TRUE(at::equal(with_threads(count), alone)) << count;
}

TEST(LogSoftmax, InfinitiesAreNotHidden) {
  auto logits = at::zeros({2, 40});
  logits[1][3] = std::numeric_limits<float>::infinity();
  auto slopes = logits.clone();
  log_softmax_gradient(slopes, log_normalizers(slopes), at::zeros({2}, at::kLong), at::ones({2}));
  EXPECT_TRUE(slopes[0].isfinite().all().item<bool>());
  EXPECT_FALSE(slopes[1].isfinite().all().item<bool>());
}

TEST(LogSoftmaxOnCpu, LogSumExpIsItsFormula) {
  for (const std::int64_t width : {1, 31, 64, 5003}) {
    const auto x = noise({4, width}, 30);
    auto out = at::empty({4}, at::kFloat);
    cpu::log_sum_exp(x.const_data_ptr<float>(), out.mutable_data_ptr<float>(), 4, width);
    const auto expected = x.to(at::kDouble).logsumexp(1).to(at::kFloat);
    expect_close(out, expected, 2e-5, concat("width ", width));  // values up to 100
    auto top = at::full({4}, std::numeric_limits<float>::lowest()), sum = at::zeros({4});
    for (const auto& piece : x.split((width + 2) / 3, 1))
      cpu::add_exponentials(piece.contiguous().const_data_ptr<float>(), 4, piece.size(1), top.mutable_data_ptr<float>(),
                            sum.mutable_data_ptr<float>());
    expect_close(top + sum.log(), expected, 2e-5, concat("in pieces, width ", width));
  }
}

TEST(LogSoftmaxOnCpu, NotANumberStaysOne) {
  for (const std::int64_t at_index : {0, 40, 69}) {
    auto x = noise({1, 70});
    x[0][at_index] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(log_normalizers(x).isnan().all().item<bool>()) << at_index;
  }
}

TEST(LogSoftmax, EveryFormIsTheReference) {
  at::manual_seed(6);
  const auto logits = noise({5, 300}, 8), wider = noise({5, 301}, 8);
  EXPECT_EQ(log_softmax_form(logits), Form::cpu);
  EXPECT_EQ(log_softmax_form(wider.narrow(1, 0, 300)), Form::reference);
  EXPECT_EQ(log_softmax_form(logits.to(at::kHalf)), Form::reference);
  expect_close(log_normalizers(logits), reference::log_normalizers(logits), 1e-5, "values near 30");
  const auto targets = at::randint(300, {5}, at::kLong), gradients = noise({5});
  auto actual = logits.clone(), expected = logits.clone();
  log_softmax_gradient(actual, log_normalizers(logits), targets, gradients);
  reference::log_softmax_gradient(expected, log_normalizers(logits), targets, gradients);
  expect_close(actual, expected, 1e-6, "gradient");
}

TEST(RowChunks, CoverTheRowsInOrder) {
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  for_row_chunks(7, 3, [&](std::int64_t begin, std::int64_t count) { seen.emplace_back(begin, count); });
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {3, 3}, {6, 1}}));
  EXPECT_EQ(rows_of_logits(4000, 100), 10);
  EXPECT_EQ(rows_of_logits(1, 100), 1);
}

struct ChunkCase {
  std::int64_t rows, chunk;  // chunk: rows of logits that are held at once
  double cap = 0;
};

class ChunkedLogProbabilities : public testing::TestWithParam<ChunkCase> {};

TEST_P(ChunkedLogProbabilities, ValuesAndGradientsAreThoseOfLogSoftmax) {
  constexpr std::int64_t kVocabulary = 37, kWidth = 12;
  const auto [rows, chunk, cap] = GetParam();
  at::manual_seed(3);
  const auto hidden = at::randn({rows, kWidth}), head = at::randn({kVocabulary, kWidth}), slopes = at::randn({rows});
  const auto targets = at::randint(kVocabulary, {rows}, at::kLong);
  const auto leaf = [](const at::Tensor& values) { return values.clone().set_requires_grad(true); };
  const auto hidden_a = leaf(hidden), head_a = leaf(head), hidden_b = leaf(hidden), head_b = leaf(head), head_c = leaf(head);
  const auto expected = reference::target_log_probabilities(hidden_a, head_a, targets, cap);
  (expected * slopes).sum().backward();
  const auto actual = chunked_log_probabilities(hidden_b, head_b, targets, chunk * kVocabulary * 4, cap);
  (actual * slopes).sum().backward();
  // float32 sums of 12 and 37 products in another order.
  expect_close(actual, expected, 1e-5, "log p");
  expect_close(hidden_b.grad(), hidden_a.grad(), 1e-5, "gradient of the hidden states");
  expect_close(head_b.grad(), head_a.grad(), 1e-5, "gradient of the head");
  head_c.mutable_grad() = at::ones_like(head);  // a leaf that collects adds up
  (chunked_log_probabilities(hidden, head_c, targets, chunk * kVocabulary * 4, cap) * slopes).sum().backward();
  expect_close(head_c.grad(), head_a.grad() + 1, 1e-5, "collected gradient of the head");
}

INSTANTIATE_TEST_SUITE_P(Of, ChunkedLogProbabilities,
                         testing::Values(ChunkCase{1, 1}, ChunkCase{7, 100}, ChunkCase{7, 7}, ChunkCase{7, 3},
                                         ChunkCase{8, 1}, ChunkCase{7, 100, 3}, ChunkCase{7, 3, 3}),
                         [](const auto& test) {
                           return concat(test.param.rows, "_rows_by_", test.param.chunk,
                                         test.param.cap > 0 ? "_capped" : "");
                         });

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

TEST(TiledLogProbabilities, AreTheReference) {
  constexpr std::int64_t kVocabulary = 3001;  // several tiles
  at::manual_seed(14);
  const auto head = noise({kVocabulary, 24});
  EXPECT_FALSE(tiles_apply(noise({3, 24}), head)) << "gradients are recorded";
  const c10::NoGradGuard guard;
  EXPECT_FALSE(tiles_apply(noise({3, 24}).to(at::kBFloat16), head));
  for (const std::int64_t rows : {1500, 7}) {
    const auto hidden = noise({rows, 24}, 4), targets = at::randint(kVocabulary, {rows}, at::kLong);
    ASSERT_TRUE(tiles_apply(hidden, head));
    std::vector<AskedTarget> asked;
    for (std::int64_t r = 0; r < rows; ++r)
      asked.push_back({r, targets[r].item<std::int64_t>(), static_cast<std::size_t>(rows - 1 - r)});
    const auto actual = at::tensor(tiled_log_probabilities(hidden, head, asked)).flip(0);
    // Values of up to 100, whose last bit is 8e-6.
    expect_close(actual, reference::target_log_probabilities(hidden, head, targets), 8e-5, concat(rows, " rows"));
    const auto capped = at::tensor(tiled_log_probabilities(hidden, head, asked, 5)).flip(0);
    const auto logits = 5 * at::tanh(at::linear(hidden, head).to(at::kDouble) / 5);
    const auto expected = logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1);
    expect_close(capped, expected.to(at::kFloat), 1e-5, concat(rows, " capped rows"));
  }
}

class LogSoftmaxOnCuda : public OnCuda {};

TEST_P(LogSoftmaxOnCuda, LogSoftmaxEndsAreTheDefinition) {
  // A row of one pack, of no whole number of packs, and of more than a block's threads take at once.
  for (const std::int64_t width : {1, 8, 31, 1000, 4099, 32000}) {
    const auto logits_RV = random({5, width}) * 6, gradients_R = at::randn({5}, at::TensorOptions(gpu_));
    const auto targets_R = at::randint(width, {5}, at::TensorOptions(gpu_).dtype(at::kLong));
    auto exact_RV = logits_RV.to(at::kDouble).set_requires_grad(true);
    (exact_RV.log_softmax(1).gather(1, targets_R.unsqueeze(1)).squeeze(1) * gradients_R).sum().backward();
    auto slopes_RV = logits_RV.clone();
    const auto normalizers_R = log_normalizers(slopes_RV);
    EXPECT_EQ(normalizers_R.scalar_type(), at::kFloat);
    expect_close(normalizers_R.cpu(), exact_RV.detach().logsumexp(1).cpu(), 2e-5,
                 concat("normalizers, ", width));  // values near 30
    log_softmax_gradient(slopes_RV, normalizers_R, targets_R, gradients_R);
    expect_close(slopes_RV.cpu(), exact_RV.grad().cpu(), rounding(), concat("gradient, ", width));
  }
}

TEST_P(LogSoftmaxOnCuda, InfiniteLogitsAreNotHidden) {
  auto logits_RV = random({3, 5000});
  logits_RV[1][4321] = std::numeric_limits<float>::infinity();
  logits_RV[2][4321] = std::numeric_limits<float>::quiet_NaN();
  const auto finite_R = log_normalizers(logits_RV).isfinite().cpu();
  EXPECT_TRUE(finite_R[0].item<bool>());
  EXPECT_FALSE(finite_R[1].item<bool>());
  EXPECT_FALSE(finite_R[2].item<bool>());
}

UNPACT_ON_CUDA(LogSoftmaxOnCuda);

}  // namespace
}  // namespace unpact::kernels
