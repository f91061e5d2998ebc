#include "src/kernels/gated_product/forms.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(GatedProductOnCpu, IsTheReference) {
  const c10::NoGradGuard guard;
  at::manual_seed(5);
  const auto gate = noise({3001}, 20), up = noise({3001});
  ASSERT_EQ(gated_product_form(Activation::silu, gate, up), Form::cpu);
  const auto expected = reference::gated_product(Activation::silu, gate.clone(), up);
  const auto out = gated_product(Activation::silu, gate.clone(), up);
  EXPECT_LE(((out - expected).abs() / (expected.abs() + 1e-6)).max().item<float>(), 2e-6);  // a rounding more or less
}

TEST(GatedProductOnCpu, NotANumberStaysOne) {
  const c10::NoGradGuard guard;
  for (const std::int64_t at_index : {0, 40, 69}) {
    auto gate = noise({1, 70});
    gate[0][at_index] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(gated_product(Activation::silu, gate, noise({1, 70}))[0][at_index].item<float>())) << at_index;
  }
}

TEST(GatedProduct, OtherInputsTakeTheReference) {
  const auto gate = noise({3, 8}), up = noise({3, 8});
  EXPECT_EQ(gated_product_form(Activation::silu, gate, up), Form::node);
  EXPECT_EQ(gated_product_form(Activation::gelu_tanh, gate, up), Form::reference);
  EXPECT_EQ(gated_product_form(Activation::silu, gate, up.to(at::kBFloat16)), Form::reference);
  EXPECT_TRUE(at::equal(gated_product(Activation::gelu_tanh, gate, up), at::gelu(gate, "tanh") * up));
  EXPECT_TRUE(at::equal(activated(Activation::relu, gate), gate.clamp_min(0)));
  const auto kept = gate.clone();
  EXPECT_TRUE(at::equal(activated(Activation::silu, gate), at::silu(gate)));
  EXPECT_TRUE(at::equal(gate, kept)) << "gradients need the input";
  const c10::NoGradGuard guard;
  EXPECT_TRUE(at::equal(gated_product(Activation::gelu_tanh, gate.clone(), up), at::gelu(gate, "tanh") * up));
  EXPECT_TRUE(at::equal(activated(Activation::gelu_tanh, gate.clone()), at::gelu(gate, "tanh")));
}

TEST(GatedProductNode, IsTheReference) {
  at::manual_seed(4);
  const Operation node = [](const Tensors& t) { return node::silu_product(t[0], t[1]); };
  const Operation by_definition = [](const Tensors& t) { return reference::gated_product(Activation::silu, t[0], t[1]); };
  for (const auto width : {1, 31, 4099, 70000})
    expect_same(node, by_definition, {noise({1, width}) * 4, noise({1, width})}, 1e-5);
  const auto far = at::tensor({-200.0F, -88.0F, 0.0F, 88.0F, 200.0F});
  expect_same(node, by_definition, {far, at::ones({5})}, 1e-5);
  expect_slopes(node, {noise({50}), noise({50})});
}

class GatedProductOnCuda : public OnCuda {};

TEST_P(GatedProductOnCuda, ValueAndGradientsAreTheReference) {
  for (const std::int64_t count : {1, 7, 8, 1000, 4099}) {
    const auto gate = random({count}), up = random({count}), slope = random({count});
    const auto gate64 = gate.to(at::kDouble).set_requires_grad(true), up64 = up.to(at::kDouble).set_requires_grad(true);
    const auto expected = reference::gated_product(Activation::silu, gate64, up64);
    expected.backward(slope.to(at::kDouble));
    const auto g = gate.clone().set_requires_grad(true), u = up.clone().set_requires_grad(true);
    const auto actual = gated_product(Activation::silu, g, u);
    actual.backward(slope);
    const c10::NoGradGuard guard;
    ASSERT_EQ(gated_product_form(Activation::silu, gate, up), Form::cuda);
    expect_close(gated_product(Activation::silu, gate.clone(), up).cpu(), expected.detach().cpu(), rounding(),
                 concat("in place, ", count));
    expect_close(actual.detach().cpu(), expected.detach().cpu(), rounding(), concat(count));
    expect_close(g.grad().cpu(), gate64.grad().cpu(), 2 * rounding(), concat("gate, ", count));
    expect_close(u.grad().cpu(), up64.grad().cpu(), 2 * rounding(), concat("up, ", count));
  }
}

UNPACT_ON_CUDA(GatedProductOnCuda);

}  // namespace
}  // namespace unpact::kernels
