#include "src/kernels/gather/forms.hpp"

#include <gtest/gtest.h>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(EmbeddingNode, RepeatedTokensAddUp) {
  const auto tokens = at::tensor({1, 4, 1, 1, 0, 2}, at::kLong).view({2, 3});
  at::manual_seed(6);
  expect_same([&](const Tensors& t) { return node::embedding(t[0], tokens); },
              [&](const Tensors& t) { return at::embedding(t[0], tokens); }, {noise({5, 7})});
  EXPECT_ANY_THROW(node::embedding(leaf(noise({5, 7})), at::full({1, 1}, 5, at::kLong)));
}

TEST(Embedding, WithoutGradientsOrInHalfPrecisionIsTheReference) {
  const auto table = noise({5, 7}), tokens = at::tensor({1, 4, 1}, at::kLong);
  EXPECT_EQ(embedding_form(table), Form::node);
  EXPECT_EQ(embedding_form(table.to(at::kBFloat16)), Form::reference);
  const c10::NoGradGuard guard;
  EXPECT_EQ(embedding_form(table), Form::reference);
  EXPECT_TRUE(at::equal(kernels::embedding(table, tokens), table.index_select(0, tokens)));
}

TEST(GatherRows, TheReferenceTakesStoredRowsFirst) {
  const auto stored = noise({4, 1, 2}), fresh = noise({3, 1, 2}), index = at::tensor({0, 2, 1, 4}, at::kLong);
  const auto gathered = reference::gather_rows(stored, stored * 2, 2, fresh, fresh * 2, index);
  const auto expected = at::stack({stored[0], fresh[0], stored[1], fresh[2]});
  EXPECT_TRUE(at::equal(gathered.keys_RGd, expected));
  EXPECT_TRUE(at::equal(gathered.values_RGd, expected * 2));
}

class GatherOnCuda : public OnCuda {};

TEST_P(GatherOnCuda, IsTheReference) {
  const auto stored_keys = random({9, 2, 8}), stored_values = random({9, 2, 8}), keys = random({6, 2, 8}),
             values = random({6, 2, 8});
  const auto index_R = at::randint(7 + 6, {40}, at::TensorOptions(gpu_).dtype(at::kLong));
  const auto expected = reference::gather_rows(stored_keys, stored_values, 7, keys, values, index_R);
  const auto gathered = cuda::gather_rows(stored_keys, stored_values, 7, keys, values, index_R);
  EXPECT_TRUE(at::equal(gathered.keys_RGd, expected.keys_RGd));
  EXPECT_TRUE(at::equal(gathered.values_RGd, expected.values_RGd));
  const auto fresh_alone = cuda::gather_rows({}, {}, 0, keys, values, index_R.remainder(6));
  EXPECT_TRUE(at::equal(fresh_alone.values_RGd, values.index_select(0, index_R.remainder(6))));
}

UNPACT_ON_CUDA(GatherOnCuda);

}  // namespace
}  // namespace unpact::kernels
