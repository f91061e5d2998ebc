#include "src/kernels/attention/forms.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/operations.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

struct AttentionCase {
  std::int64_t sequences, tokens, heads, groups, head_dim;
};

class CausalAttention : public testing::TestWithParam<AttentionCase> {};

at::Tensor by_definition(const Tensors& t) {
  const auto repeats = t[0].size(2) / t[1].size(2);
  const auto key = t[1].repeat_interleave(repeats, 2), value = t[2].repeat_interleave(repeats, 2);
  const double scale = 1 / std::sqrt(static_cast<double>(t[0].size(3)));
  const auto scores = at::matmul(t[0].transpose(1, 2), key.transpose(1, 2).transpose(2, 3)) * scale;
  const auto seen = at::ones({t[0].size(1), t[0].size(1)}, at::kBool).tril();
  const auto weights = scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
  return at::matmul(weights, value.transpose(1, 2)).transpose(1, 2);
}

TEST_P(CausalAttention, IsTheDefinition) {
  const auto c = GetParam();
  at::manual_seed(7);
  const auto of_heads = [&](std::int64_t heads) { return noise({c.sequences, c.tokens, heads, c.head_dim}); };
  const Tensors inputs{of_heads(c.heads), of_heads(c.groups), of_heads(c.groups)};
  const Operation node = [](const Tensors& t) { return node::causal_attention(t[0], t[1], t[2]); };
  expect_same(node, by_definition, inputs, 2e-5, Threads::reorder_products);
  if (c.tokens < 20) expect_slopes(node, inputs);
}

INSTANTIATE_TEST_SUITE_P(Of, CausalAttention,
                         testing::Values(AttentionCase{1, 1, 2, 2, 4}, AttentionCase{2, 5, 4, 2, 6},
                                         AttentionCase{1, 64, 2, 1, 8}, AttentionCase{2, 65, 3, 3, 5},
                                         AttentionCase{1, 200, 4, 2, 64}, AttentionCase{1, 17, 6, 2, 33}),
                         [](const auto& test) {
                           const auto& c = test.param;
                           return concat(c.sequences, "x", c.tokens, "_heads_", c.heads, "_of_", c.groups, "_dim_",
                                         c.head_dim);
                         });

TEST(CausalAttention, KeepsLargeScoresAndRefusesToHideInfinities) {
  at::manual_seed(8);
  const Tensors inputs{noise({1, 40, 2, 8}) * 30, noise({1, 40, 2, 8}) * 30, noise({1, 40, 2, 8})};
  // Scores near 3000 have a last bit of 2e-4, and weights follow.
  expect_same([](const Tensors& t) { return node::causal_attention(t[0], t[1], t[2]); }, by_definition, inputs, 2e-2,
              Threads::reorder_products);
  auto broken = inputs;
  broken[0] = broken[0].clone();
  broken[0].select(1, 7).fill_(std::numeric_limits<float>::infinity());
  EXPECT_FALSE(node::causal_attention(broken[0], broken[1], broken[2]).isfinite().all().item<bool>());
}

TEST(CausalAttentionNode, StridedInputsAndGradientsAreTaken) {
  at::manual_seed(9);
  // Values and keys out of one tensor, and a transposed gradient.
  const Operation node = [](const Tensors& t) {
    return node::causal_attention(t[0].transpose(0, 1), t[1].narrow(3, 0, 4), t[1].narrow(3, 4, 4)).transpose(1, 2);
  };
  const Operation strided_definition = [](const Tensors& t) {
    return by_definition({t[0].transpose(0, 1), t[1].narrow(3, 0, 4), t[1].narrow(3, 4, 4)}).transpose(1, 2);
  };
  expect_same(node, strided_definition, {noise({9, 2, 3, 4}), noise({2, 9, 3, 8})}, 2e-5, Threads::reorder_products);
}

/// (B, S, H, d) as attention takes it.
at::Tensor heads_first(const at::Tensor& x) { return x.transpose(1, 2); }

TEST(Attention, EveryFormIsTheReference) {
  at::manual_seed(11);
  const auto query = heads_first(noise({2, 33, 4, 8})), keys = heads_first(noise({2, 33, 2, 8})),
             values = heads_first(noise({2, 33, 2, 8}));
  const auto expected = reference::attention(query, keys, values, {});
  EXPECT_EQ(attention_form(query, keys, values, {}), Form::node);
  expect_close(attention(query, keys, values, {}), expected, 2e-6, "node");
  const c10::NoGradGuard guard;
  EXPECT_EQ(attention_form(query, keys, values, {}), Form::reference);
  EXPECT_TRUE(at::equal(attention(query, keys, values, {}), reference::attention(query, keys, values, {})));
  const TrainingBits bits;
  ASSERT_EQ(attention_form(query, keys, values, {}), Form::cpu);
  expect_close(attention(query, keys, values, {}), expected, 2e-6, "cpu");
}

TEST(Attention, AMaskOrOlderKeysTakeTheReference) {
  const auto query = heads_first(noise({1, 3, 2, 4})), keys = heads_first(noise({1, 5, 2, 4}));
  EXPECT_EQ(attention_form(query, keys, keys, {}), Form::reference);
  EXPECT_EQ(attention_form(query, query, query, at::ones({3, 3}, at::kBool)), Form::reference);
  EXPECT_EQ(attention_form(query, query, query, {}), Form::node);
  EXPECT_EQ(attention_form(query.contiguous(), query, query, {}), Form::reference) << "heads must lie side by side";
}

TEST(Attention, WeightsTimesValuesAreAttention) {
  at::manual_seed(12);
  const c10::NoGradGuard guard;
  const auto query = noise({2, 4, 5, 8}), keys = noise({2, 4, 5, 8}), values = noise({2, 4, 5, 8});
  const auto weights = attention_weights(query, keys, {});
  expect_close(weights.sum(-1), at::ones({2, 4, 5}), 1e-6, "rows sum to 1");
  expect_close(at::matmul(weights, values), reference::attention(query, keys, values, {}), 2e-6, "mix");
}

/// In float64, from the formula.
at::Tensor capped_by_definition(const Tensors& t, double cap, const at::Tensor& seen) {
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  const auto repeats = t[0].size(1) / t[1].size(1);
  const auto keys = wide(t[1]).repeat_interleave(repeats, 1), values = wide(t[2]).repeat_interleave(repeats, 1);
  const auto scores = at::matmul(wide(t[0]), keys.transpose(2, 3)) / std::sqrt(static_cast<double>(t[0].size(3)));
  const auto capped = cap * at::tanh(scores / cap);
  const auto hidden = capped.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity());
  return at::matmul(hidden.softmax(-1), values);
}

TEST(Attention, CappedScoresTakeTheReference) {
  at::manual_seed(15);
  const Tensors inputs{noise({2, 4, 9, 8}, 3), noise({2, 2, 9, 8}, 3), noise({2, 2, 9, 8})};
  EXPECT_EQ(attention_form(heads_first(noise({1, 3, 2, 4})), heads_first(noise({1, 3, 2, 4})),
                           heads_first(noise({1, 3, 2, 4})), {}, 2.0),
            Form::reference);
  const auto causal = at::ones({9, 9}, at::kBool).tril();
  for (const auto& mask : {at::Tensor(), causal.triu(-2)}) {
    const Operation capped = [&](const Tensors& t) { return attention(t[0], t[1], t[2], mask, 2.0); };
    const Operation by_formula = [&](const Tensors& t) {
      return capped_by_definition(t, 2.0, mask.defined() ? mask : causal).to(at::kFloat);
    };
    expect_near(differentiate(capped, inputs), differentiate(by_formula, inputs), 2e-5, "capped");
  }
  const c10::NoGradGuard guard;
  // So many heads and keys that queries go through some at a time.
  const Tensors many{noise({1, 64, 520, 2}, 3), noise({1, 64, 520, 2}, 3), noise({1, 64, 520, 2})};
  expect_close(attention(many[0], many[1], many[2], {}, 2.0),
               at::matmul(attention_weights(many[0], many[1], {}, 2.0), many[2]), 2e-6, "in parts");
  const auto uncapped = attention(inputs[0], inputs[1], inputs[2], {});
  EXPECT_GT((uncapped - attention(inputs[0], inputs[1], inputs[2], {}, 2.0)).abs().max().item<float>(), 0.1F);
}

class AttentionOnCuda : public OnCuda {};
TEST_P(AttentionOnCuda, IsTheReference) {
  const auto query = random({2, 4, 33, 16}), keys = random({2, 2, 33, 16}), values = random({2, 2, 33, 16});
  EXPECT_EQ(attention_form(query, keys, values, {}), GetParam() == at::kFloat ? Form::reference : Form::cuda);
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };  // else in float32 it is compared with itself
  expect_close(attention(query, keys, values, {}).cpu(),
               reference::attention(wide(query), wide(keys), wide(values), {}).cpu(), rounding(), "mix");
}
UNPACT_ON_CUDA(AttentionOnCuda);

}  // namespace
}  // namespace unpact::kernels
