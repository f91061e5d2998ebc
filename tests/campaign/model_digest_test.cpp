#include "../../src/campaign/model_digest.hpp"  // private to the layer

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/tiny_models.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

using testing_support::tiny_config;
using testing_support::tiny_transformer;

class ModelDigest : public testing::Test {
 protected:
  Communicator world_ = Communicator::world(), alone_;
  Transformer model_ = tiny_transformer(1);
};

TEST_F(ModelDigest, IsThatOfTheWeightsForEveryNumberOfRanks) {
  const auto digest = digest_of(world_, model_);
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(digest, digest_of(alone_, model_));
  EXPECT_EQ(digest, digest_of(world_, tiny_transformer(1)));
  EXPECT_NE(digest, digest_of(world_, tiny_transformer(2)));
}

TEST_F(ModelDigest, IsTheSameOnShards) {
  WeightPieces pieces(model_.config(), world_, at::kFloat, at::kCPU);
  pieces.take_all(model_.weights());
  EXPECT_EQ(digest_of(world_, sharded_transformer(world_, pieces)), digest_of(world_, model_));
  auto two = model_;
  two.contrast_with(std::make_shared<const Transformer>(model_), 2.0);
  EXPECT_EQ(digest_of(world_, sharded_transformer(world_, pieces, pieces, 2.0)), digest_of(world_, two));
}

TEST_F(ModelDigest, SeesTheSmallestChangeOfAnyWeight) {
  const auto digest = digest_of(world_, model_);
  for (auto& [name, tensor] : named_tensors(model_.weights())) {
    auto last = tensor.view(-1)[tensor.numel() - 1];
    const auto before = last.clone();
    last.copy_(at::nextafter(before, before + 1));
    EXPECT_NE(digest_of(world_, model_), digest) << name;
    last.copy_(before);
  }
  EXPECT_EQ(digest_of(world_, model_), digest);
}

TEST_F(ModelDigest, SeesTheConfig) {
  auto config = tiny_config();
  config.rope_theta /= 2;
  EXPECT_NE(digest_of(world_, Transformer(config, clone_weights(model_.weights()))), digest_of(world_, model_));
}

TEST_F(ModelDigest, SeesTypeAndShape) {
  auto zeros = [&](at::ScalarType type) {
    auto weights = clone_weights(model_.weights());
    for (auto& [name, tensor] : named_tensors(weights))
      tensor.set_data(at::zeros_like(tensor, at::TensorOptions().dtype(type)));
    return digest_of(world_, Transformer(tiny_config(), std::move(weights)));
  };
  EXPECT_NE(zeros(at::kHalf), zeros(at::kBFloat16)) << "the same bytes";
}

TEST_F(ModelDigest, SeesTheSecondModelAndItsScale) {
  const auto digest = digest_of(world_, model_);
  const auto with = [&](std::uint64_t seed, double scale) {
    auto model = tiny_transformer(1);
    model.contrast_with(std::make_shared<const Transformer>(tiny_transformer(seed)), scale);
    return digest_of(world_, model);
  };
  EXPECT_NE(with(2, 1), digest);
  EXPECT_NE(with(2, 1), with(3, 1));
  EXPECT_NE(with(2, 1), with(2, std::nextafter(1.0, 2.0)));
}

}  // namespace
}  // namespace unpact
