/// Folders whose config.json ties the head to the embedding: what of both their files may hold.
#include "../../src/checkpoint/tied_head.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::first_difference;
using testing_support::TemporaryFolder;
using testing_support::tiny_config;

class TiedHead : public testing::Test {
 protected:
  TiedHead() { config_.tied_embeddings = true; }
  /// A folder that says "tied", with the embedding (if `embedding`) and this head (if there is one).
  void write(bool embedding, const at::Tensor& head) {
    auto tensors = named_tensors(random_weights(config_, 3));
    embedding_ = tensors.front().second;
    if (!embedding) tensors.erase(tensors.begin());
    if (head.defined()) tensors.emplace_back("lm_head.weight", head);
    write_safetensors(folder_.path() / "model.safetensors", tensors);
    folder_.write("config.json", model_config_json(config_, "float32").dump());
  }
  at::Tensor another() const { return at::ones({config_.vocabulary_size, config_.hidden_size}); }

  ModelConfig config_ = tiny_config();
  TemporaryFolder folder_;
  at::Tensor embedding_;
};

TEST_F(TiedHead, ThatDiffersIsTheModelsHeadAndStaysInWhatIsSaved) {
  write(true, another());
  const auto config = read_model_config(folder_.path());
  EXPECT_FALSE(config.tied_embeddings);
  const auto weights = load_weights(config, folder_.path(), at::kCPU);
  EXPECT_TRUE(at::equal(weights.head_VD, another()));
  EXPECT_TRUE(at::equal(weights.embedding_VD, embedding_));
  EXPECT_TRUE(at::equal(map_weights(config, folder_.path()).head_VD, another()));
  save_checkpoint(folder_.path() / "saved", config, weights, ByteTokenizer());
  const auto again = read_model_config(folder_.path() / "saved");
  EXPECT_EQ(first_difference(load_weights(again, folder_.path() / "saved", at::kCPU), weights), "");
}

TEST_F(TiedHead, ThatIsTheEmbeddingAgainChangesNothing) {
  write(true, named_tensors(random_weights(config_, 3)).front().second.clone());
  const auto config = read_model_config(folder_.path());
  EXPECT_TRUE(config.tied_embeddings);
  const auto weights = load_weights(config, folder_.path(), at::kCPU);
  EXPECT_TRUE(weights.head_VD.is_same(weights.embedding_VD));
}

TEST_F(TiedHead, StandsForAnEmbeddingThatIsNotStored) {
  write(false, another());
  const auto config = read_model_config(folder_.path());
  EXPECT_TRUE(config.tied_embeddings);
  for (const auto& weights : {load_weights(config, folder_.path(), at::kCPU), map_weights(config, folder_.path())}) {
    EXPECT_TRUE(at::equal(weights.embedding_VD, another()));
    EXPECT_TRUE(weights.head_VD.is_same(weights.embedding_VD));
  }
}

TEST_F(TiedHead, MayBeMissing) {
  write(true, {});
  EXPECT_TRUE(read_model_config(folder_.path()).tied_embeddings);
  EXPECT_FALSE(stores_another_head(folder_.path() / "nowhere", config_));
}

}  // namespace
}  // namespace unpact
