/// Folders whose config.json ties the head to the embedding: what of both their files may hold.
#include "../../src/checkpoint/tied_head.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "checkpoint/small_configs.hpp"
#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/core/json.hpp"

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

/// A folder with the tensors of such a model, those that `names` has under its names and `more` beside them.
ModelConfig write_family(const TemporaryFolder& folder, const Json& json, const std::map<std::string, std::string>& names,
                         const NamedTensors& more) {
  folder.write("config.json", json.dump());
  const auto config = read_model_config(folder.path());
  NamedTensors tensors = more;
  for (const auto& [name, tensor] : file_tensors(config, random_weights(config, 3)))
    tensors.emplace_back(names.contains(name) ? names.at(name) : name, tensor);
  write_safetensors(folder.path() / "model.safetensors", tensors);
  return read_model_config(folder.path());
}

Json tied_gpt_neox() {
  auto json = testing_support::plain("gpt_neox");
  json["hidden_size"] = 32;
  json["tie_word_embeddings"] = true;
  return json;
}

TEST(TiedHeadOfFamily, GptNeoxCallsItsHeadOtherwise) {
  const auto tied = tied_gpt_neox();
  const auto head = at::ones({50, 32});
  const TemporaryFolder another, alone;
  const auto untied = write_family(another, tied, {}, {{"embed_out.weight", head}});
  EXPECT_FALSE(untied.tied_embeddings);
  EXPECT_TRUE(at::equal(load_weights(untied, another.path(), at::kCPU).head_VD, head));
  const auto still = write_family(alone, tied, {{"gpt_neox.embed_in.weight", "embed_out.weight"}}, {});
  EXPECT_TRUE(still.tied_embeddings);
  const auto weights = load_weights(still, alone.path(), at::kCPU);
  EXPECT_EQ(first_difference(weights, random_weights(still, 3)), "");
}

TEST(TiedHeadOfFamily, TheEmbeddingOfT5HasThreeNames) {
  const Json t5 = {{"model_type", "t5"}, {"vocab_size", 50}, {"d_model", 16}, {"d_kv", 4},
                   {"d_ff", 24},         {"num_layers", 2},  {"num_heads", 4}};
  for (const char* name : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}) {
    const TemporaryFolder folder;
    const auto config = write_family(folder, t5, {{"shared.weight", name}}, {});
    EXPECT_EQ(first_difference(load_weights(config, folder.path(), at::kCPU), random_weights(config, 3)), "") << name;
  }
}

TEST(TiedHeadOfFamily, AnIndexMayListItsCopies) {
  const TemporaryFolder folder;
  const auto config = write_family(folder, tied_gpt_neox(), {}, {});
  std::filesystem::rename(folder.path() / "model.safetensors", folder.path() / "all.safetensors");
  Json map;
  for (const auto& [name, tensor] : file_tensors(config, random_weights(config, 3))) map[name] = "all.safetensors";
  map["embed_out.weight"] = map["decoder.embed_tokens.weight"] = "all.safetensors";
  folder.write("model.safetensors.index.json", Json{{"weight_map", map}}.dump());
  EXPECT_EQ(first_difference(load_weights(config, folder.path(), at::kCPU), random_weights(config, 3)), "");
}

TEST_F(TiedHead, MayBeMissing) {
  write(true, {});
  EXPECT_TRUE(read_model_config(folder_.path()).tied_embeddings);
  EXPECT_FALSE(stores_another_head(folder_.path() / "nowhere", config_));
}

}  // namespace
}  // namespace unpact
