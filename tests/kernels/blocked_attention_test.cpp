#include "unpact/kernels/blocked_attention.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/kernels/attention/blocked_forms.hpp"

namespace unpact::kernels {
namespace {

/// Sequences in blocks that lie anywhere, the first two of them with one block in common.
struct Case {
  KeyValueBlocks blocks;
  BlockedPlan plan;
  at::Tensor query;
};

Case make_case(std::int64_t heads, std::int64_t groups, std::int64_t d, c10::ScalarType dtype = at::kFloat) {
  at::manual_seed(1);
  Case c{make_blocks(9, groups, d, at::TensorOptions().dtype(dtype)), {}, {}};
  c.plan.segments = {{0, 1, 40, {5, 2}}, {1, 7, 64, {5, 7}}, {8, 3, 3, {1}}, {11, 40, 80, {8, 0, 4}}, {51, 1, 33, {6, 3}}};
  std::vector<std::int64_t> slots;
  for (std::int64_t slot = 0; slot < 9 * kBlockPositions; ++slot) slots.push_back(slot);
  const auto rows = static_cast<std::int64_t>(slots.size());
  write_rows(c.blocks, at::randn({rows, groups, d}).to(dtype), at::randn({rows, groups, d}).to(dtype), slots);
  c.query = at::randn({52, heads, d}).to(dtype);
  return c;
}

class BlockedAttention : public testing::TestWithParam<std::tuple<std::int64_t, std::int64_t>> {};

TEST_P(BlockedAttention, IsTheDefinition) {
  const c10::InferenceMode guard;
  const auto [repeats, d] = GetParam();
  for (const std::int64_t window : {0, 1, 20, 32, 50}) {
    const auto c = make_case(2 * repeats, 2, d);
    const auto made = blocked_attention(c.query, c.blocks, c.plan, window),
               expected = blocked_attention_by_definition(c.query, c.blocks, c.plan, window);
    EXPECT_LT((made - expected).abs().max().item<float>(), 2e-5) << window;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, BlockedAttention, testing::Combine(testing::Values(1, 3), testing::Values(8, 32, 80, 128)));

TEST(BlockedAttentionBits, DoNotDependOnWhoElseAsks) {
  const c10::InferenceMode guard;
  const auto c = make_case(4, 2, 72);
  const auto together = blocked_attention(c.query, c.blocks, c.plan, 0);
  for (auto segment : c.plan.segments) {
    const auto query = c.query.narrow(0, segment.begin, segment.count).clone(),
               expected = together.narrow(0, segment.begin, segment.count);
    segment.begin = 0;
    EXPECT_TRUE(at::equal(blocked_attention(query, c.blocks, {{segment}, {}}, 0), expected));
  }
}

TEST(BlockedAttention, CapsScoresAsTheDefinitionDoes) {
  const c10::InferenceMode guard;
  const auto c = make_case(4, 2, 40);
  const ScoreRule rule(20, 0.5);
  const auto made = blocked_attention(c.query, c.blocks, c.plan, rule);
  EXPECT_LT((made - blocked_attention_by_definition(c.query, c.blocks, c.plan, rule)).abs().max().item<float>(), 2e-5);
  EXPECT_GT((made - blocked_attention(c.query, c.blocks, c.plan, 20)).abs().max().item<float>(), 0.1F);
}

TEST(BlockedAttention, HasTheSameBlocksInEveryPrecision) {
  const c10::InferenceMode guard;
  const auto exact = make_case(4, 2, 16), half = make_case(4, 2, 16, at::kBFloat16);
  const auto made = blocked_attention(half.query, half.blocks, half.plan, 0).to(at::kFloat);
  EXPECT_LT((made - blocked_attention(exact.query, exact.blocks, exact.plan, 0)).abs().max().item<float>(), 0.05);
}

TEST(BlockedAttention, ACopiedBlockHoldsTheSame) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto c = make_case(2, 2, 8, dtype);
    copy_block(c.blocks, 5, 3);
    EXPECT_TRUE(at::equal(c.blocks.keys[3], c.blocks.keys[5]));
    EXPECT_TRUE(at::equal(c.blocks.values[3], c.blocks.values[5]));
  }
}

}  // namespace
}  // namespace unpact::kernels
