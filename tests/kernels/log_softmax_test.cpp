#include "unpact/kernels/log_softmax.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/parity.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;

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
  expect_close(slopes.to(at::kFloat), expected, 2e-3 * expected.abs().max().item<double>(), "gradient");  // half of bfloat16's last bit
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

}  // namespace
}  // namespace unpact
