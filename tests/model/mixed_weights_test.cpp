#include "unpact/model/mixed_weights.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

TEST(MixedWeights, AreTheWeightedMeanOfEveryWeight) {
  const auto target = tiny_transformer(1), unlearned = tiny_transformer(2);
  for (const double share : {0.0, 0.25, 0.9, 1.0}) {
    const auto mixed = named_tensors(mixed_weights(target.config(), target.weights(), unlearned.weights(), share));
    const auto theirs = named_tensors(target.weights()), ours = named_tensors(unlearned.weights());
    ASSERT_EQ(mixed.size(), ours.size());
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      const auto expected = theirs[i].second.to(at::kDouble) * share + ours[i].second.to(at::kDouble) * (1 - share);
      // float32 rounds the difference, its product and the sum: three half units of about 1
      EXPECT_LT((mixed[i].second.to(at::kDouble) - expected).abs().max().item<double>(), 2e-7) << mixed[i].first;
      if (share == 0) {
        EXPECT_TRUE(mixed[i].second.equal(ours[i].second)) << mixed[i].first;
      }
      if (share == 1) {
        EXPECT_TRUE(mixed[i].second.equal(theirs[i].second)) << mixed[i].first;
      }
    }
  }
}

TEST(MixedWeights, OfModelsOnShardsAreTheSame) {
  const auto world = Communicator::world();
  const auto target = tiny_transformer(1), unlearned = tiny_transformer(2);
  const auto& config = target.config();
  const auto cut = [&](const Transformer& model) {
    WeightPieces pieces(config, world, at::kFloat, at::kCPU);
    pieces.take_all(model.weights());
    return pieces;
  };
  const auto sharded = sharded_transformer(world, cut(unlearned));
  const auto mixed = mixed_on_shards(world, cut(target), sharded, 0.3);
  const auto whole = weights_on_host(mixed, true);
  const auto expected = named_tensors(mixed_weights(config, target.weights(), unlearned.weights(), 0.3));
  const auto found = named_tensors(whole);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(found[i].second.equal(expected[i].second)) << expected[i].first;
}

TEST(MixedWeights, RefuseAnotherShape) {
  auto wider = tiny_config();
  wider.vocabulary_size += 3;
  const auto target = tiny_transformer(1, wider), unlearned = tiny_transformer(2);
  EXPECT_THAT(message_of<UserError>([&] { mixed_weights(unlearned.config(), target.weights(), unlearned.weights(), 0.5); }),
              HasSubstr("the weight model.embed_tokens.weight has the shape"));
  auto deeper = tiny_config();
  deeper.layers += 1;
  EXPECT_THAT(message_of<UserError>([&] {
                mixed_weights(unlearned.config(), tiny_transformer(1, deeper).weights(), unlearned.weights(), 0.5);
              }),
              HasSubstr("the other"));
}

}  // namespace
}  // namespace unpact
