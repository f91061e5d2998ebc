// The packed pass equals the plain forward pass on every architecture.
#include "unpact/inference/packed_pass.hpp"

#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_ids;
using testing_support::row_of;

constexpr double kPackedRounding = 2e-5;  // float32 sums in another order, through three blocks

class PackedPassOnArchitecture : public testing::TestWithParam<std::string> {
 protected:
  Transformer model_ = testing_support::tiny_transformer_of(GetParam());

  /// The last `rows` hidden states of a sequence by the plain forward pass.
  at::Tensor expected(const std::vector<TokenId>& ids, std::int64_t rows) const {
    const auto hidden_SD = model_.hidden(row_of(ids)).squeeze(0);
    return hidden_SD.narrow(0, hidden_SD.size(0) - rows, rows);
  }
};

std::vector<TokenId> operator+(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_P(PackedPassOnArchitecture, RunsEndingsOfUnequalLengthBehindPartsOfAStore) {
  const auto front = random_ids(17, 1), a = random_ids(5, 2), fork = random_ids(4, 3), b = random_ids(9, 4),
             alone = random_ids(3, 5);
  const auto beginning = [&](std::size_t n) {
    return std::vector<TokenId>(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(n));
  };
  // The second segment goes on behind the first three rows of the first.
  const PackedRows rows{
      a + fork + b + alone, {{0, 5, 17, 0, 0, 2}, {5, 4, 17, 0, 3, 3}, {9, 9, 6, 0, 0, 9}, {18, 3, 0, 0, 0, 1}}, {}};
  for (const auto attention : {PackedAttention::fast, PackedAttention::plain}) {
    for (const std::int64_t budget : {4, 100}) {
      PackedPass pass(model_, attention);
      KeyValueStore store(model_);
      pass.extend(store, front, budget);
      ASSERT_EQ(store.length(), 17);
      const auto hidden_UD = pass.run(rows, store);
      const auto parent = beginning(17) + std::vector<TokenId>(a.begin(), a.begin() + 3);
      const auto want =
          at::cat({expected(front + a, 2), expected(parent + fork, 3), expected(beginning(6) + b, 9), expected(alone, 1)});
      expect_close(hidden_UD, want, kPackedRounding,
                   concat("budget ", budget, attention == PackedAttention::fast ? ", fast" : ", plain"));
    }
  }
}

TEST_P(PackedPassOnArchitecture, ABeginningRunsInThePassOfItsEndings) {
  const auto front = random_ids(7, 1), more = random_ids(10, 6), a = random_ids(5, 2), fork = random_ids(4, 3),
             b = random_ids(9, 4);
  const PackedRows rows{a + fork + b, {{0, 5, 17, 0, 0, 2}, {5, 4, 17, 0, 3, 3}, {9, 9, 12, 0, 0, 9}}, {}};
  for (const auto attention : {PackedAttention::fast, PackedAttention::plain}) {
    PackedPass pass(model_, attention);
    KeyValueStore apart(model_), together(model_);
    pass.extend(apart, front + more, 100);
    const auto want = pass.run(rows, apart);
    pass.extend(together, front, 100);
    expect_close(pass.run_behind(more, together, rows), want, kPackedRounding,
                 attention == PackedAttention::fast ? "fast" : "plain");
    ASSERT_EQ(together.length(), 17);
    expect_close(pass.run(rows, together), want, kPackedRounding, "and what it left in the store");
  }
}

TEST_P(PackedPassOnArchitecture, ReusesTheFirstProjections) {
  const auto front = random_ids(12, 1), end = random_ids(6, 2);
  PackedPass pass(model_);
  const auto first = pass.project_first(front + end);
  if (!first.query_MHd.defined()) GTEST_SKIP() << "learned positions: the first block's inputs depend on them";
  KeyValueStore store(model_);
  std::vector<std::int64_t> index(12);
  for (std::size_t i = 0; i < 12; ++i) index[i] = static_cast<std::int64_t>(i);
  pass.extend(store, front, 5, first, index);
  // The ending moves up by four positions; its projections are the same.
  const PackedRows rows{end, {{0, 6, 8, 0, 0, 6}}, {12, 13, 14, 15, 16, 17}};
  const std::vector<TokenId> shorter(front.begin(), front.begin() + 8);
  expect_close(pass.run(rows, store, first), expected(shorter + end, 6), kPackedRounding, "re-rotated");
}

TEST_P(PackedPassOnArchitecture, ForgetsWhatIsTruncated) {
  PackedPass pass(model_);
  KeyValueStore store(model_);
  pass.extend(store, random_ids(10, 1), 100);
  pass.extend(store, random_ids(6, 2), 100);
  store.truncate(10);
  pass.extend(store, random_ids(30, 3), 7);
  const auto end = random_ids(4, 4);
  expect_close(pass.run({end, {{0, 4, 40, 0, 0, 4}}, {}}, store), expected(random_ids(10, 1) + random_ids(30, 3) + end, 4),
               kPackedRounding, "behind the new end");
}

INSTANTIATE_TEST_SUITE_P(Models, PackedPassOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(PackedPass, LongSequencesThroughSeveralBlocksOfQueries) {
  auto config = testing_support::tiny_config();
  config.max_positions = 600;
  const auto model = testing_support::tiny_transformer(2, config);
  const auto front = random_ids(150, 1), end = random_ids(330, 2);
  PackedPass pass(model);
  KeyValueStore store(model);
  pass.extend(store, front, 64);
  const auto hidden_UD = pass.run({end, {{0, 330, 150, 0, 0, 330}}, {}}, store);
  expect_close(hidden_UD, model.hidden(row_of(front + end)).squeeze(0).narrow(0, 150, 330), kPackedRounding, "330 queries");
}

TEST(PackedPass, AResultIsItsOwn) {
  const auto model = testing_support::tiny_transformer(2);
  PackedPass pass(model);
  KeyValueStore store(model);
  const auto first = pass.run({random_ids(9, 1), {{0, 9, 0, 0, 0, 9}}, {}}, store), kept = first.clone();
  pass.run({random_ids(9, 2), {{0, 9, 0, 0, 0, 9}}, {}}, store);
  EXPECT_TRUE(at::equal(first, kept)) << "the next pass wrote over it";
}

TEST(PackedPass, RunsInHalfPrecision) {
  auto weights = testing_support::tiny_transformer(2).weights();
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kBFloat16));
  const Transformer model(testing_support::tiny_config(), weights);
  const auto front = random_ids(9, 1), end = random_ids(7, 2);
  PackedPass pass(model);
  KeyValueStore store(model);
  pass.extend(store, front, 64);
  const auto hidden_UD = pass.run({end, {{0, 7, 9, 0, 0, 7}}, {}}, store);
  EXPECT_EQ(hidden_UD.scalar_type(), at::kBFloat16);
  // bfloat16 keeps 8 bits; hidden states are of order 1 and pass three blocks.
  expect_close(hidden_UD, model.hidden(row_of(front + end)).squeeze(0).narrow(0, 9, 7), 0.1, "bfloat16");
}

TEST_P(PackedPassOnArchitecture, BlocksOfLongSegmentsAreTheDefinition) {
  auto config = model_.config();
  config.max_positions = 600;
  const auto model = testing_support::tiny_transformer(1, config);
  // Behind 150 stored rows: a segment of several blocks, short ones that share a block with its end and with each other, and a
  // fork of the first. More than 64 keys behind the store take the library's products, fewer those of the small kernels.
  const auto front = random_ids(150, 1), rows = random_ids(300 + 9 + 70 + 5 + 4, 2);
  const PackedRows packed{rows,
                          {{0, 300, 150, 0, 0, 40},
                           {300, 9, 20, 0, 0, 9},
                           {309, 70, 111, 0, 0, 3},
                           {379, 5, 0, 0, 0, 2},
                           {384, 4, 150, 0, 290, 4}},
                          {}};
  const auto run = [&](PackedAttention attention) {
    const c10::InferenceMode guard;
    PackedPass pass(model, attention);
    KeyValueStore store(model);
    pass.extend(store, front, 1000);
    return pass.run(packed, store);
  };
  expect_close(run(PackedAttention::fast), run(PackedAttention::plain), kPackedRounding, GetParam());
}

}  // namespace
}  // namespace unpact
