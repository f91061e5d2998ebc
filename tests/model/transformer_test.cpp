#include "unpact/model/transformer.hpp"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "unpact/model/sequences.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::Expected;
using testing_support::load_transformer;
using testing_support::parity;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::tiny_transformer;

// Both sides sum in float32, but in another order (a fused attention kernel here, separate matrix products there).
// Measured: below 3e-5 on logits of about 20. A wrong convention (rotation, head order, norm) shows at 1e-1 and more.
constexpr double kTolerance = 1e-4;

class TransformerParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_PARITY(concat(GetParam(), ".safetensors")); }
  Transformer model() const { return load_transformer(parity(GetParam())); }
  Expected expected() const { return Expected(concat(GetParam(), ".safetensors")); }
};

/// Real positions of a padded batch one behind the other: (P, D).
at::Tensor packed(const at::Tensor& values_BSD, const std::vector<std::int64_t>& lengths) {
  std::vector<at::Tensor> rows;
  for (std::size_t b = 0; b < lengths.size(); ++b)
    rows.push_back(values_BSD[static_cast<std::int64_t>(b)].narrow(0, 0, lengths[b]));
  return at::cat(rows);
}

TEST_P(TransformerParity, LogitsOfSingleSequences) {
  const auto transformer = model();
  const auto fixture = expected();
  const auto tokens_BS = fixture["tokens"];
  const auto lengths = fixture.integers("lengths");
  std::vector<at::Tensor> rows;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto alone = tokens_BS.narrow(0, static_cast<std::int64_t>(b), 1).narrow(1, 0, lengths[b]);
    rows.push_back(transformer.logits(transformer.hidden(alone)).squeeze(0));
  }
  expect_close(at::cat(rows), fixture["logits"], kTolerance, "logits");
}

TEST_P(TransformerParity, LogitsOfAPaddedBatch) {
  const auto transformer = model();
  const auto fixture = expected();
  const auto logits_BSV = transformer.logits(transformer.hidden(fixture["tokens"]));
  expect_close(packed(logits_BSV, fixture.integers("lengths")), fixture["logits"], kTolerance, "logits");
}

TEST_P(TransformerParity, HiddenStatesBehindEveryBlock) {
  const auto transformer = model();
  const auto fixture = expected();
  for (std::int64_t layer = 0; layer < transformer.config().layers; ++layer)
    expect_close(packed(transformer.block_output(fixture["tokens"], layer), fixture.integers("lengths")),
                 fixture[concat("hidden.", layer)], kTolerance, concat("hidden.", layer));
}

/// The final norm and the head behind a block, as transformers' own modules have them.
TEST_P(TransformerParity, TheLensOfABlock) {
  const auto transformer = model();
  const auto fixture = expected();
  const auto last = transformer.config().layers - 1;
  const auto states_LBSD = transformer.hidden_behind(fixture["tokens"], {0, last});
  expect_close(packed(transformer.logits(states_LBSD[0]), fixture.integers("lengths")), fixture["lens"], kTolerance, "lens");
  expect_close(packed(transformer.logits(states_LBSD[1]), fixture.integers("lengths")), fixture["logits"], kTolerance,
               "behind the last block it is the model's own");
}

INSTANTIATE_TEST_SUITE_P(Models, TransformerParity, testing::ValuesIn(testing_support::parity_models()),
                         [](const auto& test) { return test.param; });

TEST(Transformer, LogitsOfAPublishedModel) {
  UNPACT_NEED_PARITY("stories260K.safetensors");
  UNPACT_NEED_DATA("models/stories260K");
  const auto model = load_transformer(testing_support::test_data("models/stories260K"));
  const Expected fixture("stories260K.safetensors");
  const auto entries = read_json_file(parity("stories260K.json"));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto ids = entries[i]["ids"].get<std::vector<TokenId>>();
    const auto more = entries[i]["greedy"].get<std::vector<TokenId>>();
    ids.insert(ids.end(), more.begin(), more.end());
    expect_close(model.logits(model.hidden(row_of(ids))).squeeze(0), fixture[concat("logits.", i)], kTolerance,
                 concat("logits.", i));
  }
}

TEST(Transformer, LaterTokensDoNotReachBack) {
  const auto model = tiny_transformer(1);
  const auto ids = random_ids(20, 1);
  auto changed = ids;
  for (std::size_t i = 12; i < ids.size(); ++i) changed[i] = (changed[i] + 17) % 61;
  const auto before = model.hidden(row_of(ids)), after = model.hidden(row_of(changed));
  EXPECT_EQ(testing_support::largest_difference(before.narrow(1, 0, 12), after.narrow(1, 0, 12)), 0.0);
  EXPECT_GT(testing_support::largest_difference(before.narrow(1, 12, 8), after.narrow(1, 12, 8)), 0.1);
}

TEST(Transformer, OnlyDistancesBetweenPositionsCount) {
  const auto model = tiny_transformer(2);
  const auto tokens = row_of(random_ids(15, 3));
  CausalContext context;
  const auto moved = model.hidden(tokens, at::arange(15, at::kLong) + 40, context);
  expect_close(moved, model.hidden(tokens), 1e-4, "moved by 40");  // angles of larger positions are less exact
  const auto stretched = model.hidden(tokens, at::arange(15, at::kLong) * 2, context);
  EXPECT_GT(testing_support::largest_difference(stretched, model.hidden(tokens)), 0.1);
}

TEST(Transformer, EachSequenceMayHaveItsOwnPositions) {
  const auto model = tiny_transformer(2);
  const auto tokens = at::cat({row_of(random_ids(9, 1)), row_of(random_ids(9, 2))});
  const auto positions = at::arange(9, at::kLong).expand({2, 9});
  CausalContext context;
  expect_close(model.hidden(tokens, positions, context), model.hidden(tokens), 1e-6, "hidden");
}

TEST(Transformer, BlockOutputNeedsAnExistingBlock) {
  const auto model = tiny_transformer(1);
  EXPECT_THROW(model.block_output(row_of({1, 2}), -1), ContractViolation);
  EXPECT_THROW(model.block_output(row_of({1, 2}), 3), ContractViolation);
}

TEST(Transformer, NeedsAllItsWeights) {
  const auto config = testing_support::tiny_config();
  auto weights = random_weights(config, 1);
  weights.blocks.pop_back();
  EXPECT_THROW(Transformer(config, weights), ContractViolation);
}

TEST(TrainingBits, GiveAFrozenModelTheBitsOfOneThatTrains) {
  for (const auto& name : testing_support::tiny_architectures()) {
    const auto model = testing_support::tiny_transformer_of(name);
    auto trained = testing_support::tiny_transformer_of(name);
    for (auto& [key, tensor] : named_tensors(trained.weights())) tensor.set_requires_grad(true);
    const auto tokens = testing_support::row_of(testing_support::random_ids(70, 3));
    const auto with_graph = trained.hidden(tokens);
    ASSERT_TRUE(with_graph.requires_grad());
    const c10::NoGradGuard guard;
    const TrainingBits bits;
    EXPECT_TRUE(testing_support::same_bits(model.hidden(tokens), with_graph)) << name;
  }
}

}  // namespace
}  // namespace unpact
