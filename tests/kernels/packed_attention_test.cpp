#include "src/kernels/attention/packed_forms.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/operations.hpp"
#include "src/kernels/attention/score_rows.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(ScoreRows, ExponentialsOverTwoPiecesAreThoseOfASoftmax) {
  const auto scores = noise({90}, 5);
  auto out = scores.clone();
  float* const data = out.mutable_data_ptr<float>();
  const float sum = cpu::exponentials({{data, data + 50}, {50, 40}, {10, 0}, {45, 33}}, 0.5F);
  auto expected = at::zeros({90}, at::kFloat);
  const auto weights = at::softmax(at::cat({scores.narrow(0, 10, 35), scores.narrow(0, 50, 33)}) * 0.5, 0);
  expected.narrow(0, 10, 35).copy_(weights.narrow(0, 0, 35));
  expected.narrow(0, 50, 33).copy_(weights.narrow(0, 35, 33));
  expect_close(out / sum, expected, 2e-6, "weights");
}

TEST(ScoreRows, SmallProductsAreMatrixProducts) {
  // Heads of whole vectors, of less than one, and wider than a part; keys of less than a vector, of one and of two.
  for (const std::int64_t d : {5, 64, 300}) {
    for (const std::int64_t keys : {1, 31, 32, 33, 64}) {
      // Each matrix is a part of wider rows, as a head is.
      const auto part = [&](std::int64_t rows, std::int64_t width) { return noise({rows, width + 7}).narrow(1, 3, width); };
      const auto rows = [](const at::Tensor& x) {
        return cpu::Rows{x.mutable_data_ptr<float>(), x.size(0), x.size(1), x.stride(0)};
      };
      const auto query = part(9, d), key = part(keys, d), value = part(keys, d);
      const auto scores = at::empty({9, keys}), out = part(9, d);
      cpu::small_scores(rows(query), rows(key), rows(scores));
      expect_close(scores, at::mm(query, key.t()), 2e-5 * std::sqrt(d), concat("scores, d = ", d, ", ", keys, " keys"));
      cpu::small_mix(rows(scores), rows(value), rows(out));
      const double mixed = 1e-5 * std::sqrt(d * keys);  // sums of so many terms of order sqrt(d), in another order
      expect_close(out, at::mm(scores, value), mixed, concat("mix, d = ", d, ", ", keys, " keys"));
      cpu::divide_rows(rows(out), std::vector<float>(9, 4.0F).data());
      expect_close(out, at::mm(scores, value) / 4, mixed, "divided");
    }
  }
}

/// After 150 stored rows: a segment of several blocks of queries, short ones that share a block with its end and with each
/// other, and forks. More than 64 keys after the store take the library's products, fewer those of the small kernels.
struct PackedCase {
  std::vector<PackedSegment> segments{{0, 300, 150, 0, 0, 40},
                                      {300, 9, 20, 0, 0, 9},
                                      {309, 70, 111, 0, 0, 3},
                                      {379, 5, 0, 0, 0, 2},
                                      {384, 4, 150, 0, 290, 4}};
  at::Tensor query;
  PackedKeys keys;
  AttentionPlan plan;

  PackedCase(bool all, bool with_store, const at::TensorOptions& options) {
    if (!with_store)
      for (auto& segment : segments) segment.prefix = 0;
    plan = plan_attention(segments, all);
    const auto random = [&](std::int64_t rows, std::int64_t heads) { return at::randn({rows, heads, 8}).to(options); };
    query = random(plan.queries.back().begin + plan.queries.back().count, 4);
    keys = {{}, {}, random(388, 2), random(388, 2)};
    if (with_store) keys.stored_keys_CGd = random(160, 2);
    if (with_store) keys.stored_values_CGd = random(160, 2);
  }
};

/// The definition in float64: in float32 on a GPU both forms are the same kernel of LibTorch, and their bits agree.
at::Tensor exactly(const PackedCase& c, const ScoreRule& rule) {
  const auto wide = [](const at::Tensor& x) { return x.defined() ? x.to(at::kDouble) : x; };
  const PackedKeys keys{wide(c.keys.stored_keys_CGd), wide(c.keys.stored_values_CGd), wide(c.keys.keys_RGd),
                        wide(c.keys.values_RGd)};
  return packed_attention_by_definition(wide(c.query), keys, c.plan, rule);
}

void expect_definition(const at::TensorOptions& options, Form form, double tolerance) {
  const c10::InferenceMode guard;
  at::manual_seed(13);
  for (const bool all : {true, false})
    for (const bool with_store : {true, false})
      for (const std::int64_t window : {0, 50, 1000}) {
        const PackedCase c(all, with_store, options);
        ASSERT_EQ(packed_attention_form(c.query), form);
        expect_close(packed_attention(c.query, c.keys, c.plan, window).cpu(), exactly(c, window).cpu(), tolerance,
                     concat(all ? "all rows" : "scored rows", with_store ? ", with a store" : "", ", window ", window));
      }
}

TEST(PackedAttentionOnCpu, IsTheDefinition) { expect_definition(at::kFloat, Form::cpu, 5e-6); }

TEST(PackedAttentionOnCpu, CapsScoresAsTheDefinitionDoes) {
  const c10::InferenceMode guard;
  at::manual_seed(14);
  const PackedCase c(true, true, at::kFloat);
  for (const std::int64_t window : {0, 50}) {
    ASSERT_EQ(packed_attention_form(c.query, 0.5), Form::cpu);
    const ScoreRule rule(window, 0.5);
    const auto capped = packed_attention(c.query, c.keys, c.plan, rule);
    expect_close(capped, exactly(c, rule), 5e-6, concat("window ", window));
    EXPECT_GT(largest_difference(capped, exactly(c, window)), 0.1) << "it really caps";
  }
  EXPECT_EQ(packed_attention_form(c.query.to(at::kBFloat16), 0.5), Form::reference);
}

TEST(PackedAttentionOnCpu, ReturnsTheMemoryGiven) {
  const c10::InferenceMode guard;
  const PackedCase c(true, true, at::kFloat);
  const auto room = at::empty(c.query.sizes());
  EXPECT_TRUE(packed_attention(c.query, c.keys, c.plan, 0, [&](at::IntArrayRef, const at::TensorOptions&) {
                return room;
              }).is_same(room));
}

TEST(PackedAttention, GradientsAndOddHeadsTakeTheDefinition) {
  EXPECT_EQ(packed_attention_form(noise({3, 2, 8})), Form::reference);
  const c10::NoGradGuard guard;
  EXPECT_EQ(packed_attention_form(noise({3, 2, 8})), Form::cpu);
  EXPECT_EQ(packed_attention_form(noise({3, 2, 8}).to(at::kBFloat16)), Form::reference);
}

class PackedAttentionOnCuda : public OnCuda {};
TEST_P(PackedAttentionOnCuda, IsTheDefinition) {
  expect_definition(at::TensorOptions(gpu_).dtype(GetParam()), Form::cuda, rounding());
}
UNPACT_ON_CUDA(PackedAttentionOnCuda);

}  // namespace
}  // namespace unpact::kernels
