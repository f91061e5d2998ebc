// A model on shards gives the bits of the whole one, however many passes each rank has.
#include "unpact/model/sharded_replica.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/temporary_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::row_of;

Transformer cut(const Communicator& group, const Transformer& whole, c10::ScalarType dtype = at::kFloat) {
  WeightPieces pieces(whole.config(), group, dtype, at::kCPU);
  pieces.take_all(whole.weights());
  return sharded_transformer(group, std::move(pieces));
}

class ShardedReplica : public testing::TestWithParam<std::string> {
 protected:
  Communicator world_ = Communicator::world();
  Transformer whole_ = testing_support::tiny_transformer_of(GetParam());
};

std::vector<PromptAnswer> items() {
  std::vector<PromptAnswer> all;
  for (std::uint64_t i = 0; i < 7; ++i) all.push_back({random_ids(5 + i, 10 + i), random_ids(1 + i % 3, 20 + i)});
  return all;
}

std::vector<float> packed_scores(const Transformer& model) {
  const auto front = random_ids(17, 1), behind = random_ids(9, 2);
  PackedPass pass(model);
  KeyValueStore store(model);
  const auto first = pass.project_first(front);
  std::vector<std::int64_t> index;
  for (std::int64_t i = 0; first.query_MHd.defined() && i < 17; ++i) index.push_back(i);
  pass.extend(store, front, 7, first, index);  // passes that end with the last block
  const auto hidden_UD = pass.run({behind, {{0, 5, 17, 0, 0, 2}, {5, 4, 11, 0, 0, 3}}, {}}, store);
  const auto values = target_log_probabilities(model, hidden_UD, at::tensor({1, 2, 3, 4, 5}, at::kLong));
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

TEST_P(ShardedReplica, GivesTheBitsOfTheWholeModelThoughRanksHaveDifferentPasses) {
  const auto sharded = cut(world_, whole_);
  const auto rank = static_cast<std::size_t>(world_.rank());
  // Each rank has passes of its own, of other kinds and lengths, and another number of them.
  for (std::size_t i = 0; i <= rank; ++i) {
    const std::vector<PromptAnswer> some = {items()[i], items()[i + 3]};
    EXPECT_EQ(score_answers(sharded, some), score_answers(whole_, some));
    if (rank % 2 == 1) {
      EXPECT_EQ(packed_scores(sharded), packed_scores(whole_));
    }
    GenerationOptions options;
    options.max_new_tokens = 3 + static_cast<std::int64_t>(rank);
    const std::vector<GenerationRequest> asked = {{random_ids(4 + rank, 5), 0}, {random_ids(6, 6), 1}};
    EXPECT_EQ(generate(sharded, asked, options), generate(whole_, asked, options));
  }
  EXPECT_EQ(world_.sum(std::int64_t{1}), world_.size());  // who comes early serves the others
  if (rank == 0) {
    EXPECT_TRUE(sharded.hidden(row_of(random_ids(5, 7))).equal(whole_.hidden(row_of(random_ids(5, 7)))));
  }
}

TEST_P(ShardedReplica, PassesMayEndBeforeTheHead) {
  const auto sharded = cut(world_, whole_);
  const auto tokens = row_of(random_ids(6, 3));
  if (world_.rank() == 0) {
    EXPECT_TRUE(sharded.block_output(tokens, 1).equal(whole_.block_output(tokens, 1)));
    EXPECT_TRUE(sharded.embed(tokens).equal(whole_.embed(tokens)));
  } else {
    EXPECT_TRUE(sharded.hidden(tokens).equal(whole_.hidden(tokens)));
  }
}

TEST_P(ShardedReplica, IsCopiedBackToTheHost) {
  const auto sharded = cut(world_, whole_);
  for (int keeper = 0; keeper < world_.size(); ++keeper) {
    const auto weights = weights_on_host(sharded, world_.rank() == keeper);
    if (world_.rank() != keeper) continue;
    const auto found = named_tensors(weights), given = named_tensors(whole_.weights());
    ASSERT_EQ(found.size(), given.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].second.equal(given[i].second)) << found[i].first;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ShardedReplica, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& instance) { return instance.param; });

class OneShardedReplica : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  Transformer whole_ = testing_support::tiny_transformer_of("llama");
};

TEST_F(OneShardedReplica, ARankThatFailsLeavesNobodyWaiting) {
  const auto sharded = cut(world_, whole_);
  const auto last = world_.size() - 1;
  const auto message = message_of<RuntimeFailure>([&] {
    share_work(world_, 8, 1, [&](std::size_t first, std::size_t) {
      if (static_cast<int>(first) == last) throw RuntimeFailure("this item cannot be scored", "it was said so", "");
      return score_answers(sharded, {items()[first % 7]});
    });
  });
  EXPECT_THAT(message, HasSubstr("this item cannot be scored"));
  const auto again =
      share_work(world_, 7, 1, [&](std::size_t first, std::size_t) { return score_answers(sharded, {items()[first]}); });
  EXPECT_EQ(again, score_answers(whole_, items(), 1));
}

TEST_F(OneShardedReplica, APassThatFailsInTheMiddleIsFinishedForTheOthers) {
  const auto sharded = cut(world_, whole_);
  const auto tokens = row_of(random_ids(5, 7));
  fail_together(world_, [&] {
    if (world_.rank() > 0) {
      EXPECT_TRUE(sharded.hidden(tokens).equal(whole_.hidden(tokens)));
      return;
    }
    const auto fail = [](const at::Tensor&) -> at::Tensor { throw RuntimeFailure("no memory", "", ""); };
    EXPECT_THROW(sharded.run_part(0, whole_.config().layers, tokens, fail), RuntimeFailure);
  });
  EXPECT_TRUE(sharded.hidden(tokens).equal(whole_.hidden(tokens)));
}

TEST_F(OneShardedReplica, AnotherDtypeStandsBesideIt) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto sharded = cut(world_, whole_, dtype);
    const auto tokens = row_of(random_ids(5, 7));
    const auto expected = converted(whole_, dtype, at::kCPU).hidden(tokens);
    EXPECT_TRUE(sharded.hidden(tokens).equal(expected));
    {
      const auto again = sharded_in(world_, sharded, at::kFloat);
      const auto rounded = converted(converted(whole_, dtype, at::kCPU), at::kFloat, at::kCPU);
      for (int i = 0; i < world_.rank(); ++i) EXPECT_TRUE(again.hidden(tokens).equal(rounded.hidden(tokens)));
      EXPECT_TRUE(sharded.hidden(tokens).equal(expected));  // while other ranks run the other one
    }
    EXPECT_TRUE(sharded.hidden(tokens).equal(expected));
  }
}

TEST_F(OneShardedReplica, TwoModelsAnswerAsOne) {
  auto expected = whole_;
  auto second = converted(whole_, at::kFloat, at::kCPU);
  change_weights(second.config(), second.weights(), [](const at::Tensor& weight) { return weight * 1.5; });
  expected.contrast_with(std::make_shared<const Transformer>(second), 2.0);
  WeightPieces first_pieces(whole_.config(), world_, at::kFloat, at::kCPU), second_pieces = first_pieces;
  first_pieces.take_all(whole_.weights());
  second_pieces.take_all(second.weights());
  const auto sharded = sharded_transformer(world_, first_pieces, second_pieces, 2.0);
  for (int i = 0; i <= world_.rank(); ++i) EXPECT_EQ(score_answers(sharded, items()), score_answers(expected, items()));
  GenerationOptions options;
  options.max_new_tokens = 2 + world_.rank();
  EXPECT_EQ(generate(sharded, {{random_ids(4, 5), 0}}, options), generate(expected, {{random_ids(4, 5), 0}}, options));
  const auto reinforced = weights_on_host(sharded, true, true);
  EXPECT_TRUE(reinforced.blocks[1].up_FD.equal(second.weights().blocks[1].up_FD));
}

TEST_F(OneShardedReplica, ARankHoldsItsPieceAndTheHead) {
  WeightPieces pieces(whole_.config(), world_, at::kFloat, at::kCPU);
  pieces.take_all(whole_.weights());
  const auto head = whole_.weights().head_VD.nbytes() + whole_.weights().final_norm_D.nbytes();
  const auto all = 4 * static_cast<std::size_t>(whole_.config().parameter_count());
  const auto padding = 4U * 64U * 16U * static_cast<unsigned>(whole_.config().layers + 1);
  EXPECT_LE(static_cast<std::size_t>(pieces.bytes()),
            head + (all - head) / static_cast<std::size_t>(world_.size()) + padding);
  EXPECT_EQ(pieces.first_non_finite(), "");
  whole_.weights().blocks[1].up_FD.fill_(std::numeric_limits<float>::infinity());
  pieces.take(whole_.weights(), 2);
  EXPECT_EQ(world_.max(std::int64_t{pieces.first_non_finite() == "model.layers.1.mlp.up_proj.weight"}), 1);
}

}  // namespace
}  // namespace unpact
