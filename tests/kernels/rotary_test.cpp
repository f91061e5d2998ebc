#include "src/kernels/rotary/forms.hpp"

#include <gtest/gtest.h>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

/// A table of positions 0..10, and some rows of it.
struct RotaryCase {
  Angles table;
  at::Tensor index;
};
RotaryCase random_case(std::int64_t rows, std::int64_t head_dim) {
  const auto frequencies = at::rand({head_dim / 2}) * 3;
  return {angle_table(11, frequencies, at::kFloat), at::randint(11, {rows}, at::kLong)};
}

at::Tensor by_definition(const at::Tensor& x_nHd, const RotaryCase& c) {
  const auto chosen = [&](const at::Tensor& table) { return table.index_select(0, c.index).unsqueeze(1); };
  return reference::rotate(x_nHd, chosen(c.table.cosine), chosen(c.table.sine));
}

TEST(RotaryOnCpu, IsTheReference) {
  const c10::NoGradGuard guard;
  at::manual_seed(3);
  for (const std::int64_t head_dim : {2, 6, 64}) {
    const auto c = random_case(7, head_dim);
    const auto x = noise({7, 3, head_dim});
    ASSERT_EQ(rotary_form(x, c.table.cosine), Form::cpu);
    const auto expected = by_definition(x, c);
    expect_close(rotate_rows(x.clone(), c.table, c.index), expected, 1e-6, concat("rows, d = ", head_dim));
    // One sequence of 7 tokens with positions of its own, and two that share the first positions.
    const Angles own{c.table.cosine.index_select(0, c.index).view({1, 7, 1, head_dim}),
                     c.table.sine.index_select(0, c.index).view({1, 7, 1, head_dim})};
    expect_close(rotate(x.clone().unsqueeze(0), own).squeeze(0), expected, 1e-6, concat("own positions, d = ", head_dim));
    const Angles first{c.table.cosine.narrow(0, 0, 7).unsqueeze(1), c.table.sine.narrow(0, 0, 7).unsqueeze(1)};
    const auto two = at::stack({x, x * 2});
    expect_close(rotate(two.clone(), first), reference::rotate(two, first.cosine, first.sine), 2e-6,
                 concat("two sequences, d = ", head_dim));
  }
}

TEST(Rotary, HalfPrecisionTakesTheReference) {
  const c10::NoGradGuard guard;
  const auto c = random_case(5, 8);
  const auto x = noise({5, 2, 8}).to(at::kBFloat16);
  EXPECT_EQ(rotary_form(x, c.table.cosine), Form::reference);
  EXPECT_EQ(rotary_form(noise({5, 2, 8}), c.table.cosine.to(at::kBFloat16)), Form::reference);
  EXPECT_TRUE(at::equal(rotate_rows(x, c.table, c.index), by_definition(x, c)));
}

TEST(Rotary, TablesOfAnyLengthAgree) {
  const auto frequencies = at::rand({32});
  const auto longer = angle_table(1000, frequencies, at::kFloat), shorter = angle_table(777, frequencies, at::kFloat);
  EXPECT_TRUE(at::equal(longer.cosine.narrow(0, 0, 777), shorter.cosine));
  EXPECT_TRUE(at::equal(longer.sine.narrow(0, 0, 777), shorter.sine));
  // Sines of float32 arguments up to 1000, whose last bit is 6e-5.
  expect_close(angles_of(at::arange(777), frequencies, at::kFloat).sine, shorter.sine, 1e-5, "of positions");
}

TEST(RotaryNode, IsTheReference) {
  at::manual_seed(3);
  for (const auto head_dim : {2, 6, 64}) {
    const auto angles = noise({11, 1, head_dim / 2}), twice = at::cat({angles, angles}, -1);
    const auto cosine = twice.cos(), sine = twice.sin();
    expect_same([&](const Tensors& t) { return node::rotate(t[0] * 1, cosine, sine); },
                [&](const Tensors& t) { return reference::rotate(t[0], cosine, sine); }, {noise({2, 11, 3, head_dim})},
                1e-6);
  }
}

class RotaryOnCuda : public OnCuda {};

TEST_P(RotaryOnCuda, IsTheReference) {
  for (const auto& [rows, heads, d] :
       {std::tuple(7, 3, 128), std::tuple(5, 2, 64), std::tuple(9, 4, 6), std::tuple(1, 1, 2)}) {
    const auto x_RHd = random({rows, heads, d});
    const auto angles_Pd = at::rand({11, d / 2}, at::TensorOptions(gpu_)).repeat({1, 2}) * 7;
    const auto index_R = at::randint(11, {rows}, at::TensorOptions(gpu_).dtype(at::kLong));
    const auto cosine_Pd = angles_Pd.cos(), sine_Pd = angles_Pd.sin();
    const auto chosen = [&](const at::Tensor& table) { return table.index_select(0, index_R).unsqueeze(1).to(at::kDouble); };
    const auto expected = reference::rotate(x_RHd.to(at::kDouble), chosen(cosine_Pd), chosen(sine_Pd));
    auto actual = x_RHd.clone();
    cuda::rotate(actual, cosine_Pd, sine_Pd, index_R, 1.0F);
    expect_close(actual.cpu(), expected.cpu(), rounding(), concat("forth, d = ", d));
    cuda::rotate(actual, cosine_Pd, sine_Pd, index_R, -1.0F);
    expect_close(actual.cpu(), x_RHd.cpu(), 2 * rounding(), concat("and back, d = ", d));
  }
}

UNPACT_ON_CUDA(RotaryOnCuda);

}  // namespace
}  // namespace unpact::kernels
