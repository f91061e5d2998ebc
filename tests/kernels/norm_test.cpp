#include "src/kernels/norm/forms.hpp"

#include <gtest/gtest.h>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(NormOnCpu, IsTheReference) {
  const c10::NoGradGuard guard;
  at::manual_seed(5);
  for (const std::int64_t width : {1, 7, 32, 45, 768}) {
    const auto x = noise({5, width}), weight = noise({width});
    ASSERT_EQ(norm_form(x, weight), Form::cpu);
    // Two roundings more or less, on numbers of order 4.
    expect_close(rms_norm(x, weight, 1e-5), reference::rms_norm(x, weight, 1e-5), 8e-6, concat("width ", width));
  }
}

TEST(NormOnCpu, WritesIntoTheMemoryGiven) {
  const c10::NoGradGuard guard;
  const auto room = at::empty({3, 8}), x = noise({3, 8}), weight = noise({8});
  const auto out = rms_norm(x, weight, 1e-5, [&](at::IntArrayRef, const at::TensorOptions&) { return room; });
  EXPECT_TRUE(out.is_same(room));
  EXPECT_TRUE(at::equal(out, rms_norm(x, weight, 1e-5)));
}

TEST(NormNode, IsTheReference) {
  at::manual_seed(1);
  const Operation node = [](const Tensors& t) { return node::rms_norm(t[0], t[1], 1e-5); };
  const Operation by_definition = [](const Tensors& t) { return reference::rms_norm(t[0], t[1], 1e-5); };
  for (const auto width : {1, 7, 32, 100, 768})
    for (const auto rows : {1, 5, 130})
      expect_same(node, by_definition, {noise({2, rows, width}), noise({width})}, 1e-4);  // dw: 260 terms
  expect_slopes(node, {noise({3, 40}), noise({40})});
}

TEST(NormNode, AForkAddsTheGradientOfTheResidualStream) {
  at::manual_seed(2);
  const auto both = [](const at::Tensor& residual, const at::Tensor& normed) { return at::cat({residual * 3, normed}, -1); };
  const Operation forked = [&](const Tensors& t) {
    const auto fork = node::forked_rms_norm(t[0], t[1], 1e-6);
    return both(fork.residual, fork.normed);
  };
  expect_same(forked, [&](const Tensors& t) { return both(t[0], reference::rms_norm(t[0], t[1], 1e-6)); },
              {noise({2, 9, 33}), noise({33})});
  const Operation only_residual = [&](const Tensors& t) { return node::forked_rms_norm(t[0], t[1], 1e-6).residual; };
  const auto x = leaf(noise({2, 5})), weight = leaf(noise({5}));
  only_residual({x, weight}).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), at::ones({2, 5})));
  EXPECT_FALSE(weight.grad().defined());
}

class NormOnCuda : public OnCuda {};

TEST_P(NormOnCuda, IsTheReference) {
  for (const std::int64_t width : {8, 100, 768}) {
    const auto x = random({5, width}), weight = random({width});
    ASSERT_EQ(norm_form(x, weight), Form::cuda);
    const auto expected = reference::rms_norm(x.to(at::kFloat), weight.to(at::kFloat), 1e-5);
    expect_close(rms_norm(x, weight, 1e-5).cpu(), expected.cpu(), rounding(), concat("width ", width));
  }
}
UNPACT_ON_CUDA(NormOnCuda);

TEST(Norm, OtherInputsTakeTheReference) {
  const auto x = noise({3, 8}), weight = noise({8});
  EXPECT_EQ(norm_form(x, weight), Form::node);
  EXPECT_EQ(norm_form(x.t(), weight), Form::reference);
  EXPECT_EQ(norm_form(x, weight.to(at::kBFloat16)), Form::reference);
  EXPECT_EQ(norm_form(x.to(at::kBFloat16), weight), Form::reference);
  EXPECT_TRUE(at::equal(rms_norm(x.t(), noise({3}).fill_(1), 1e-5), reference::rms_norm(x.t(), at::ones({3}), 1e-5)));
}

}  // namespace
}  // namespace unpact::kernels
