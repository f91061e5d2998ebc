#include "unpact/kernels/fused_nodes.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "unpact/model/block_math.hpp"
#include "support/parity.hpp"
#include "unpact/kernels/graph_only.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using Tensors = std::vector<at::Tensor>;
using Operation = std::function<at::Tensor(const Tensors&)>;

at::Tensor noise(at::IntArrayRef shape) { return at::randn(shape); }

at::Tensor leaf(const at::Tensor& values) { return values.detach().clone().set_requires_grad(true); }

struct Result {
  at::Tensor value;
  Tensors gradients;
};

/// The value of operation(inputs), and the gradients of <value, direction> by all inputs.
Result differentiate(const Operation& operation, const Tensors& inputs, bool collecting = false) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(leaf(input));
  if (collecting)
    for (auto& l : leaves) l.mutable_grad() = at::ones_like(l);
  const auto value = operation(leaves);
  at::manual_seed(99);
  (value * at::randn(value.sizes(), value.options())).sum().backward();
  Result result{value.detach(), {}};
  for (const auto& l : leaves) result.gradients.push_back(l.grad() - (collecting ? 1.0 : 0.0));
  return result;
}

void expect_bits(const Result& actual, const Result& expected, int threads) {
  EXPECT_TRUE(at::equal(actual.value, expected.value)) << threads << " threads";
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    EXPECT_TRUE(at::equal(actual.gradients[i], expected.gradients[i])) << i << ", " << threads << " threads";
}

void expect_near(const Result& actual, const Result& expected, double tolerance, const std::string& what) {
  expect_close(actual.value, expected.value, tolerance, concat("value, ", what));
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    expect_close(actual.gradients[i], expected.gradients[i], tolerance, concat("gradient ", i, ", ", what));
}

/// What threads may change: nothing, or the order of sums inside MKL's products, which goes by the number of threads.
enum class Threads { change_nothing, reorder_products };

/// Fused and composed agree, also where the leaves collect gradients already, with 1, 2 and 3 threads; the same bits on
/// repetition, and with any number of threads unless products are inside.
/// float32 sums of some hundred products in another order: 2e-5 of numbers near 1.
void expect_same(const Operation& fused, const Operation& composed, const Tensors& inputs, double tolerance = 2e-5,
                 Threads effect = Threads::change_nothing) {
  const auto expected = differentiate(composed, inputs);
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto first = differentiate(fused, inputs);
  expect_near(first, expected, tolerance, "against composed");
  expect_near(differentiate(fused, inputs, true), expected, tolerance, "collected");
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const auto again = differentiate(fused, inputs);
    if (effect == Threads::change_nothing) {
      expect_bits(again, first, count);
    } else {
      expect_near(again, expected, tolerance, concat(count, " threads"));
      expect_bits(differentiate(fused, inputs), again, count);
    }
  }
  at::set_num_threads(threads);
}

/// Central differences in float32: an error of 1e-7 / step beside step^2 of the third derivative.
void expect_slopes(const Operation& operation, const Tensors& inputs) {
  constexpr double kStep = 1e-2, kTolerance = 5e-3;
  const auto result = differentiate(operation, inputs);
  at::manual_seed(99);
  const auto direction = at::randn(result.value.sizes());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto way = at::randn(inputs[i].sizes());
    const auto at_step = [&](double step) {
      Tensors moved = inputs;
      for (auto& m : moved) m = m.clone();
      moved[i].add_(way, step);
      return (operation(moved).to(at::kDouble) * direction).sum().item<double>();
    };
    const double expected = (at_step(kStep) - at_step(-kStep)) / (2 * kStep);
    const double actual = (result.gradients[i] * way).sum().item<double>();
    EXPECT_NEAR(actual, expected, kTolerance * std::max(1.0, std::abs(expected))) << "input " << i;
  }
}

TEST(FusedRmsNorm, IsTheComposedOne) {
  at::manual_seed(1);
  const Operation fused = [](const Tensors& t) { return fused::rms_norm(t[0], t[1], 1e-5); };
  const Operation composed = [](const Tensors& t) { return block_math::composed_rms_norm(t[0], t[1], 1e-5); };
  for (const auto width : {1, 7, 32, 100, 768})
    for (const auto rows : {1, 5, 130})
      expect_same(fused, composed, {noise({2, rows, width}), noise({width})}, 1e-4);  // dw: 260 terms
  expect_slopes(fused, {noise({3, 40}), noise({40})});
}

TEST(FusedRmsNorm, AForkAddsTheGradientOfTheResidualStream) {
  at::manual_seed(2);
  const auto both = [](const at::Tensor& residual, const at::Tensor& normed) { return at::cat({residual * 3, normed}, -1); };
  const Operation fused = [&](const Tensors& t) {
    const auto fork = fused::forked_rms_norm(t[0], t[1], 1e-6);
    return both(fork.residual, fork.normed);
  };
  expect_same(fused, [&](const Tensors& t) { return both(t[0], block_math::composed_rms_norm(t[0], t[1], 1e-6)); },
              {noise({2, 9, 33}), noise({33})});
  const Operation only_residual = [&](const Tensors& t) { return fused::forked_rms_norm(t[0], t[1], 1e-6).residual; };
  const auto x = leaf(noise({2, 5})), weight = leaf(noise({5}));
  only_residual({x, weight}).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), at::ones({2, 5})));
  EXPECT_FALSE(weight.grad().defined());
}

TEST(FusedRotation, IsTheComposedOne) {
  at::manual_seed(3);
  for (const auto head_dim : {2, 6, 64}) {
    const auto angles = noise({11, 1, head_dim / 2}), twice = at::cat({angles, angles}, -1);
    const auto cosine = twice.cos(), sine = twice.sin();
    expect_same([&](const Tensors& t) { return fused::rotate_in_place(t[0] * 1, cosine, sine); },
                [&](const Tensors& t) { return block_math::rotate(t[0], cosine, sine); }, {noise({2, 11, 3, head_dim})},
                1e-6);
  }
}

TEST(FusedSiluProduct, IsTheComposedOne) {
  at::manual_seed(4);
  const Operation fused = [](const Tensors& t) { return fused::silu_product(t[0], t[1]); };
  const Operation composed = [](const Tensors& t) { return at::silu(t[0]) * t[1]; };
  for (const auto width : {1, 31, 4099, 70000})
    expect_same(fused, composed, {noise({1, width}) * 4, noise({1, width})}, 1e-5);
  const auto far = at::tensor({-200.0F, -88.0F, 0.0F, 88.0F, 200.0F});
  expect_same(fused, composed, {far, at::ones({5})}, 1e-5);
  expect_slopes(fused, {noise({50}), noise({50})});
}

TEST(FusedLinears, AreTheComposedOnes) {
  at::manual_seed(5);
  const auto joined = [](Tensors outputs) { return at::cat(outputs, -1); };
  const Operation fused = [&](const Tensors& t) {
    return joined(fused::linears(t[0], std::vector<fused::Projection>{{t[1], t[2]}, {t[3], {}}}));
  };
  const Operation composed = [&](const Tensors& t) {
    return joined({block_math::composed_linear(t[0], t[1], t[2]), block_math::composed_linear(t[0], t[3], {})});
  };
  const Tensors inputs{noise({2, 5, 8}), noise({6, 8}), noise({6}), noise({3, 8})};
  expect_same(fused, composed, inputs, 2e-5, Threads::reorder_products);
}

TEST(FusedLinears, GradientsThatNobodyWantsAreNotComputed) {
  const auto x = noise({4, 3}), frozen = noise({2, 3}), trained = leaf(noise({5, 3}));
  const auto outputs = fused::linears(x, std::vector<fused::Projection>{{frozen, {}}, {trained, {}}});
  outputs[1].sum().backward();
  EXPECT_FALSE(frozen.grad().defined());
  expect_close(trained.grad(), x.sum(0).expand({5, 3}), 1e-6, "gradient");
  EXPECT_FALSE(fused::linears(x, std::vector<fused::Projection>{{frozen, {}}})[0].requires_grad());
}

TEST(FusedEmbedding, RepeatedTokensAddUp) {
  const auto tokens = at::tensor({1, 4, 1, 1, 0, 2}, at::kLong).view({2, 3});
  at::manual_seed(6);
  expect_same([&](const Tensors& t) { return fused::embedding(t[0], tokens); },
              [&](const Tensors& t) { return at::embedding(t[0], tokens); }, {noise({5, 7})});
  EXPECT_ANY_THROW(fused::embedding(leaf(noise({5, 7})), at::full({1, 1}, 5, at::kLong)));
}

TEST(FusedMlp, WithoutItsLastProductTheGradientsAreTheSameBits) {
  at::manual_seed(10);
  for (const auto kind : {MlpKind::gated, MlpKind::plain}) {
    ModelConfig config;
    config.block.mlp = kind;
    config.block.activation = kind == MlpKind::gated ? Activation::silu : Activation::gelu_new;
    const Operation mlp = [&](const Tensors& t) {
      BlockWeights block;
      block.gate_FD = t[1];
      block.up_FD = t[2];
      block.down_DF = t[3];
      block.up_bias_F = kind == MlpKind::plain ? t[4] : at::Tensor();
      // A plain MLP has no gate, a gated one no bias here.
      return block_math::mlp(config, block, t[0]) + (t[1].sum() + t[4].sum()) * 0;
    };
    const Tensors inputs{noise({2, 3, 8}), noise({12, 8}), noise({12, 8}), noise({8, 12}), noise({12})};
    const auto full = differentiate(mlp, inputs);
    const GraphOnly nobody_reads_the_output;
    const auto graph = differentiate(mlp, inputs);
    EXPECT_TRUE(at::equal(graph.value, at::zeros({2, 3, 8})));
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(at::equal(graph.gradients[i], full.gradients[i])) << i;
  }
}

struct AttentionCase {
  std::int64_t sequences, tokens, heads, groups, head_dim;
};

class FusedAttention : public testing::TestWithParam<AttentionCase> {};

at::Tensor by_definition(const Tensors& t) {
  const auto repeats = t[0].size(2) / t[1].size(2);
  const auto key = t[1].repeat_interleave(repeats, 2), value = t[2].repeat_interleave(repeats, 2);
  const double scale = 1 / std::sqrt(static_cast<double>(t[0].size(3)));
  const auto scores = at::matmul(t[0].transpose(1, 2), key.transpose(1, 2).transpose(2, 3)) * scale;
  const auto seen = at::ones({t[0].size(1), t[0].size(1)}, at::kBool).tril();
  const auto weights = scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
  return at::matmul(weights, value.transpose(1, 2)).transpose(1, 2);
}

TEST_P(FusedAttention, IsTheDefinition) {
  const auto c = GetParam();
  at::manual_seed(7);
  const auto of_heads = [&](std::int64_t heads) { return noise({c.sequences, c.tokens, heads, c.head_dim}); };
  const Tensors inputs{of_heads(c.heads), of_heads(c.groups), of_heads(c.groups)};
  const Operation fused = [](const Tensors& t) { return fused::causal_attention(t[0], t[1], t[2]); };
  expect_same(fused, by_definition, inputs, 2e-5, Threads::reorder_products);
  if (c.tokens < 20) expect_slopes(fused, inputs);
}

INSTANTIATE_TEST_SUITE_P(Of, FusedAttention,
                         testing::Values(AttentionCase{1, 1, 2, 2, 4}, AttentionCase{2, 5, 4, 2, 6}, AttentionCase{1, 64, 2, 1, 8},
                                         AttentionCase{2, 65, 3, 3, 5}, AttentionCase{1, 200, 4, 2, 64},
                                         AttentionCase{1, 17, 6, 2, 33}),
                         [](const auto& test) {
                           const auto& c = test.param;
                           return concat(c.sequences, "x", c.tokens, "_heads_", c.heads, "_of_", c.groups, "_dim_", c.head_dim);
                         });

TEST(FusedAttention, KeepsLargeScoresAndRefusesToHideInfinities) {
  at::manual_seed(8);
  const Tensors inputs{noise({1, 40, 2, 8}) * 30, noise({1, 40, 2, 8}) * 30, noise({1, 40, 2, 8})};
  // Scores near 3000 have a last bit of 2e-4, and weights follow.
  expect_same([](const Tensors& t) { return fused::causal_attention(t[0], t[1], t[2]); }, by_definition, inputs, 2e-2,
              Threads::reorder_products);
  auto broken = inputs;
  broken[0] = broken[0].clone();
  broken[0].select(1, 7).fill_(std::numeric_limits<float>::infinity());
  EXPECT_FALSE(fused::causal_attention(broken[0], broken[1], broken[2]).isfinite().all().item<bool>());
}

TEST(FusedNodes, StridedInputsAndGradientsAreTaken) {
  at::manual_seed(9);
  // Values and keys out of one tensor, and a transposed gradient.
  const Operation fused = [](const Tensors& t) {
    return fused::causal_attention(t[0].transpose(0, 1), t[1].narrow(3, 0, 4), t[1].narrow(3, 4, 4)).transpose(1, 2);
  };
  const Operation composed = [](const Tensors& t) {
    return by_definition({t[0].transpose(0, 1), t[1].narrow(3, 0, 4), t[1].narrow(3, 4, 4)}).transpose(1, 2);
  };
  expect_same(fused, composed, {noise({9, 2, 3, 4}), noise({2, 9, 3, 8})}, 2e-5, Threads::reorder_products);
}

TEST(FusedNodes, OnlyFloat32WithGradientsIsTheirs) {
  EXPECT_TRUE(fused::applies(at::zeros({2, 3})));
  EXPECT_FALSE(fused::applies(at::zeros({2, 3}, at::kBFloat16)));
  EXPECT_FALSE(fused::applies(at::zeros({2, 3}).t()));
  const c10::NoGradGuard guard;
  EXPECT_FALSE(fused::applies(at::zeros({2, 3})));
}

}  // namespace
}  // namespace unpact
