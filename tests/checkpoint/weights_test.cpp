#include "unpact/checkpoint/weights.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/tiny_models.hpp"

namespace unpact {
namespace {

using testing_support::first_difference;
using testing_support::tiny_config;

ModelConfig with_tied_head(bool tied) {
  auto config = tiny_config();
  config.tied_embeddings = tied;
  return config;
}

TEST(Weights, SpecsAndTensorsGoInTheSameOrder) {
  for (const bool tied : {false, true}) {
    auto weights = random_weights(with_tied_head(tied), 1);
    const auto named = named_tensors(weights);
    const auto specs = weight_specs(with_tied_head(tied), weights);
    ASSERT_EQ(specs.size(), named.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
      EXPECT_EQ(specs[i].name, named[i].first);
      EXPECT_EQ(named[i].second.sizes().vec(), specs[i].shape) << specs[i].name;
      EXPECT_TRUE(specs[i].slot->is_same(named[i].second)) << specs[i].name;
    }
  }
}

TEST(Weights, RandomOnesFollowFromTheSeed) {
  const auto config = tiny_config();
  EXPECT_EQ(first_difference(random_weights(config, 5), random_weights(config, 5)), "");
  EXPECT_EQ(first_difference(random_weights(config, 5), random_weights(config, 6)), "model.embed_tokens.weight");
}

TEST(Weights, RandomOnesAreDistributedAsLlamaIsInitialized) {
  auto config = tiny_config();
  config.vocabulary_size = 4000;
  config.initializer_range = 0.02;
  const auto weights = random_weights(config, 1);
  const double count = static_cast<double>(weights.embedding_VD.numel());
  EXPECT_NEAR(weights.embedding_VD.mean().item<double>(), 0.0, 4 * 0.02 / std::sqrt(count));
  EXPECT_NEAR(weights.embedding_VD.std().item<double>(), 0.02, 4 * 0.02 / std::sqrt(2 * count));
  EXPECT_TRUE((weights.final_norm_D == 1).all().item<bool>());
  EXPECT_FALSE(at::equal(weights.head_VD, weights.embedding_VD));
}

TEST(Weights, ACloneIsIndependent) {
  for (const bool tied : {false, true}) {
    const auto weights = random_weights(with_tied_head(tied), 1);
    auto copy = clone_weights(weights);
    EXPECT_EQ(first_difference(copy, weights), "");
    EXPECT_EQ(copy.head_VD.is_same(copy.embedding_VD), tied);
    for (auto& [name, tensor] : named_tensors(copy)) tensor.add_(1);
    EXPECT_EQ(first_difference(weights, random_weights(with_tied_head(tied), 1)), "");
  }
}

TEST(Weights, ACloneCarriesNoGradient) {
  auto weights = random_weights(tiny_config(), 1);
  weights.blocks[1].up_FD.requires_grad_();
  EXPECT_FALSE(clone_weights(weights).blocks[1].up_FD.requires_grad());
}

}  // namespace
}  // namespace unpact
