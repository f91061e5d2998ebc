#include "unpact/model/sequence_layout.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::tiny_transformer_of;

// Three runs of one length, the windows of 4 and 5 shorter and longer than a sequence.
const std::vector<std::int64_t> kLengths = {11, 7, 7, 3, 12, 1};

std::vector<std::vector<TokenId>> sequences() {
  std::vector<std::vector<TokenId>> all;
  for (const auto length : kLengths) all.push_back(random_ids(static_cast<std::size_t>(length), all.size()));
  return all;
}

at::Tensor packed_row() {
  std::vector<at::Tensor> rows;
  for (const auto& ids : sequences()) rows.push_back(row_of(ids));
  return at::cat(rows, 1);
}

/// call(row) of every sequence alone, one behind the other.
template <class Call>
at::Tensor alone(const Call& call) {
  std::vector<at::Tensor> parts;
  for (const auto& ids : sequences()) parts.push_back(call(row_of(ids)));
  return at::cat(parts, 1);
}

TEST(SequenceLayout, PositionsBeginAnewInEverySequence) {
  const auto layout = SequenceLayout::packed({3, 1, 2});
  EXPECT_TRUE(at::equal(layout.positions(6, at::kCPU), at::tensor({0, 1, 2, 0, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(SequenceLayout().positions(4, at::kCPU), at::tensor({0, 1, 2, 3}, at::kLong)));
  EXPECT_FALSE(SequenceLayout().is_packed());
}

TEST(SequenceLayout, RefusesWhatIsNoRow) {
  EXPECT_THROW(SequenceLayout::packed({}), ContractViolation);
  EXPECT_THROW(SequenceLayout::packed({3, 0}), ContractViolation);
  EXPECT_THROW(SequenceLayout::packed({3, 2}).positions(6, at::kCPU), ContractViolation);
  const auto model = tiny_transformer_of("llama");
  EXPECT_THROW(model.hidden(row_of({1, 2, 3}), SequenceLayout::packed({2, 2})), ContractViolation);
  EXPECT_THROW(model.continue_blocks(at::zeros({2, 2, 24}), 0, 1, SequenceLayout::packed({1, 1})), ContractViolation);
}

class PackedSequences : public testing::TestWithParam<std::string> {};

// float32: a sequence alone and in a row differ in the order of sums within matrix products alone.
constexpr double kPackedTolerance = 2e-5;

TEST_P(PackedSequences, AreThoseOfEachAlone) {
  const auto model = tiny_transformer_of(GetParam());
  const auto layout = SequenceLayout::packed(kLengths);
  const auto row = packed_row();
  expect_close(model.hidden(row, layout), alone([&](const at::Tensor& tokens) { return model.hidden(tokens); }),
               kPackedTolerance, "hidden");
  const auto behind_0 = alone([&](const at::Tensor& tokens) { return model.block_output(tokens, 0); });
  const auto behind_2 = alone([&](const at::Tensor& tokens) { return model.block_output(tokens, 2); });
  expect_close(model.block_output(row, 2, layout), behind_2, kPackedTolerance, "block_output");
  expect_close(model.continue_blocks(behind_0, 1, 2, layout), behind_2, kPackedTolerance, "continue_blocks");
}

INSTANTIATE_TEST_SUITE_P(Of, PackedSequences, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(PackedAttention, IsThatUnderTheBlockDiagonalMask) {
  const auto columns = packed_row().size(1);
  at::manual_seed(3);
  const auto query = at::randn({1, 4, columns, 6}), keys = at::randn({1, 4, columns, 6}),
             values = at::randn({1, 4, columns, 6});
  for (const std::int64_t window : {0, 1, 4, 12, 100}) {
    const auto context = SequenceLayout::packed(kLengths).context();
    context->extend(0, keys, values);
    const auto mask = context->mask(window);
    ASSERT_EQ(mask.sizes(), (std::vector<std::int64_t>{columns, columns}));
    EXPECT_FALSE(mask[11][10].item<bool>());  // the second sequence's first token and its neighbour in the first
    EXPECT_TRUE(mask[11][11].item<bool>());
    EXPECT_EQ(mask[10][0].item<bool>(), window == 0 || window >= 11);
    const auto masked = context->AttentionContext::attend(query, keys, values, window);
    expect_close(context->attend(query, keys, values, window), masked, 1e-6, concat("window ", window));
  }
}

}  // namespace
}  // namespace unpact
