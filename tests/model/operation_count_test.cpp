#include "unpact/model/operation_count.hpp"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "support/tiny_architectures.hpp"
#include "unpact/core/operation_tally.hpp"
#include "unpact/model/sequence_layout.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;
using testing_support::row_of;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

template <class Call>
double counted(const Call& call) {
  const auto before = operations_so_far();
  call();
  return operations_so_far() - before;
}

TEST(OperationCount, ATinyShapeByHand) {
  const auto c = tiny_config();  // D 24, F 40, H 4, G 2, d 6, V 61
  EXPECT_EQ(query_matrix_size(c), 24 * 24);
  EXPECT_EQ(key_value_matrix_size(c), 2 * 24 * 12);
  EXPECT_EQ(block_matrix_size(c), 2 * 24 * 24 + 2 * 24 * 12 + 3 * 24 * 40);
  EXPECT_EQ(head_size(c), 61 * 24);
  EXPECT_EQ(attention_operations(c, 10), 4 * 24 * 10);
  EXPECT_EQ(forward_operations(c, 5, 0, 3), 3 * (2 * 5 * 4608 + 4 * 24 * 15));
  EXPECT_EQ(forward_operations(c, 5, 1, 2, 7), 7 * (2 * 5 * 4608 + 4 * 24 * 15));
}

TEST(OperationCount, TheMatricesOfLlama2) {
  ModelConfig c;
  c.vocabulary_size = 32000, c.hidden_size = 4096, c.intermediate_size = 11008;
  c.layers = c.heads = c.key_value_heads = 32, c.head_dim = 128;
  ASSERT_EQ(c.parameter_count(), 6738415616);
  const std::int64_t norms = 65 * 4096;
  EXPECT_EQ(32 * block_matrix_size(c) + 2 * head_size(c), static_cast<double>(c.parameter_count() - norms));
  // 2,048 tokens: 6.48 G matrix weights, and 1.2 % more for attention.
  EXPECT_NEAR(forward_operations(c, 2048, 0, 32), 2.0 * 2048 * 6476005376, 0.05 * 2.0 * 2048 * 6476005376);
  EXPECT_NEAR(forward_operations(c, 2048, 0, 32) - 2.0 * 2048 * 6476005376, 32 * 4.0 * 4096 * 2048 * 2049 / 2, 1);
}

TEST(OperationCount, PairsOfWindowsAndContinuations) {
  EXPECT_EQ(causal_pairs(4), 10);
  EXPECT_EQ(causal_pairs(4, 2), 1 + 2 + 2 + 2);
  EXPECT_EQ(causal_pairs(4, 9), 10);
  EXPECT_EQ(causal_pairs(2, 0, 3), 4 + 5);
  EXPECT_EQ(causal_pairs(2, 3, 3), 3 + 3);
}

TEST(OperationCount, WhatRunsIsCountedByTheFormulas) {
  const auto model = tiny_transformer(1);
  const auto& c = model.config();
  const auto ids = random_ids(9, 2);
  const c10::NoGradGuard guard;
  EXPECT_EQ(counted([&] { model.hidden(row_of(ids)); }), forward_operations(c, 9, 0, 3));
  EXPECT_EQ(counted([&] { model.block_output(row_of(ids), 1); }), forward_operations(c, 9, 0, 2));
  EXPECT_EQ(counted([&] { model.logits(model.hidden(row_of(ids))); }),
            forward_operations(c, 9, 0, 3) + 2 * 9 * head_size(c));
  EXPECT_EQ(counted([&] {
              model.hidden(row_of(ids), SequenceLayout::packed({4, 4, 1}));
            }),
            forward_operations(c, 4, 0, 3, 2) + forward_operations(c, 1, 0, 3));
}

TEST(OperationCount, BackwardPassesCountWhereAGraphIsKept) {
  auto model = tiny_transformer(1);
  for (auto& [name, tensor] : named_tensors(model.weights())) tensor.set_requires_grad(true);
  const auto forward = forward_operations(model.config(), 9, 0, 3);
  const auto ids = row_of(random_ids(9, 2));
  EXPECT_EQ(counted([&] { model.hidden(ids); }), training_factor(false) * forward);
  EXPECT_EQ(counted([&] {
              const DroppedGraph dropped;
              model.hidden(ids);
            }),
            forward);
  for (auto& [name, tensor] : named_tensors(model.weights()))
    tensor.set_requires_grad(name == "model.layers.1.mlp.down_proj.weight");
  const double down = 24 * 40;
  const auto block = forward / 3, attention = attention_operations(model.config(), causal_pairs(9));
  EXPECT_EQ(counted([&] { model.hidden(ids); }), forward + 2 * 9 * down + block + attention)
      << "one block trains a matrix, the one after it hands gradients back to it";
}

}  // namespace
}  // namespace unpact
