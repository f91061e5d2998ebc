#include "unpact/checkpoint/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/atomic_file.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::ByteTokenizer;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::TemporaryFolder;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

NamedTensors tensors_of(const ModelConfig& config) { return named_tensors(random_weights(config, 3)); }

/// What loading these tensors as a tiny model says.
std::string refusal(const NamedTensors& tensors, const ModelConfig& config = tiny_config()) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors", tensors);
  return message_of<UserError>([&] { load_weights(config, folder.path(), at::kCPU); });
}

class SavedModel : public testing::TestWithParam<bool> {};  // tied head or not

TEST_P(SavedModel, LoadsBitEqual) {
  const TemporaryFolder folder;
  auto config = tiny_config();
  config.tied_embeddings = GetParam();
  config.eos_ids = {2, 5};
  const auto model = tiny_transformer(1, config);
  save_checkpoint(folder.path() / "saved", config, model.weights(), testing_support::trained_tokenizer());
  const auto again = read_model_config(folder.path() / "saved");
  const auto weights = load_weights(again, folder.path() / "saved", at::kCPU);
  EXPECT_EQ(first_difference(weights, model.weights()), "");
  EXPECT_EQ(weights.head_VD.is_same(weights.embedding_VD), GetParam());
  EXPECT_EQ(model_config_json(again, "float32"), model_config_json(config, "float32"));
  EXPECT_EQ(again.eos_ids, config.eos_ids);
}

TEST_P(SavedModel, HoldsEachWeightOnce) {
  const TemporaryFolder folder;
  auto config = tiny_config();
  config.tied_embeddings = GetParam();
  save_checkpoint(folder.path() / "saved", config, random_weights(config, 1), ByteTokenizer());
  const SafetensorsFile file(folder.path() / "saved" / "model.safetensors");
  EXPECT_EQ(file.contains("lm_head.weight"), !GetParam());
  EXPECT_EQ(file.header().tensors.size(), GetParam() ? 29U : 30U);
}

INSTANTIATE_TEST_SUITE_P(Head, SavedModel, testing::Bool(), [](const auto& test) { return test.param ? "tied" : "untied"; });

TEST(Checkpoint, BringsItsTokenizer) {
  const TemporaryFolder folder;
  const auto& tokenizer = testing_support::trained_tokenizer();
  save_checkpoint(folder.path() / "saved", tiny_config(), random_weights(tiny_config(), 1), tokenizer);
  EXPECT_EQ(load_tokenizer(folder.path() / "saved")->checksum(), tokenizer.checksum());
}

TEST(Checkpoint, ReplacesAnOlderOneAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  const auto config = tiny_config();
  save_checkpoint(folder.path() / "saved", config, random_weights(config, 1), ByteTokenizer());
  const auto before = weights_checksum(folder.path() / "saved");
  save_checkpoint(folder.path() / "saved", config, random_weights(config, 2), ByteTokenizer());
  EXPECT_NE(weights_checksum(folder.path() / "saved"), before);
  EXPECT_EQ(first_difference(load_weights(config, folder.path() / "saved", at::kCPU), random_weights(config, 2)), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(Checkpoint, AFailedSaveLeavesTheOldOne) {
  const TemporaryFolder folder;
  const auto config = tiny_config();
  save_checkpoint(folder.path() / "saved", config, random_weights(config, 1), ByteTokenizer());
  auto broken = random_weights(config, 2);
  broken.final_norm_D = at::zeros({config.hidden_size}, at::kComplexFloat);  // no such type in a checkpoint
  EXPECT_THROW(save_checkpoint(folder.path() / "saved", config, broken, ByteTokenizer()), ContractViolation);
  EXPECT_EQ(first_difference(load_weights(config, folder.path() / "saved", at::kCPU), random_weights(config, 1)), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(Checkpoint, ListsAllFaultsTogether) {
  auto tensors = tensors_of(tiny_config());
  tensors[1].first = "model.layers.0.input_layernorm.bias";
  tensors[4].second = at::ones({3, 5});
  tensors[6].second = tensors[6].second.to(at::kLong);
  EXPECT_THAT(
      refusal(tensors),
      AllOf(HasSubstr("missing: model.layers.0.input_layernorm.weight"),
            HasSubstr("unexpected: model.layers.0.input_layernorm.bias"),
            HasSubstr("shape of model.layers.0.self_attn.v_proj.weight: [3, 5] in the file, [12, 24] by config.json"),
            HasSubstr("dtype of model.layers.0.post_attention_layernorm.weight: I64"), HasSubstr("hint")));
}

TEST(Checkpoint, DoesNotListThousandsOfFaults) {
  auto config = tiny_config();
  config.layers = 1000;
  const auto message = refusal({}, config);
  EXPECT_THAT(message, AllOf(HasSubstr("missing: model.embed_tokens.weight"), HasSubstr("and 8973 more")));
  EXPECT_LT(message.size(), 4000U);
}

TEST(Checkpoint, AcceptsWhatExportersAddToATiedModel) {
  auto config = tiny_config();
  config.tied_embeddings = true;
  auto tensors = tensors_of(config);
  tensors.emplace_back("lm_head.weight", tensors.front().second.clone());
  tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({3}));
  EXPECT_EQ(refusal(tensors, config), "nothing was thrown");
  EXPECT_THAT(refusal(tensors_of(config)), HasSubstr("missing: lm_head.weight"));
}

TEST(Checkpoint, RefusesWeightsThatAreNotFinite) {
  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    auto tensors = tensors_of(tiny_config());
    tensors[14].second.view(-1)[5] = value;
    EXPECT_THAT(refusal(tensors), AllOf(HasSubstr(tensors[14].first), HasSubstr("NaN or infinity"))) << value;
  }
}

TEST(Checkpoint, ReadsHalfPrecisionAsFloat32) {
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const TemporaryFolder folder;
    auto tensors = tensors_of(tiny_config());
    for (auto& [name, tensor] : tensors) tensor = tensor.to(type);
    write_safetensors(folder.path() / "model.safetensors", tensors);
    const auto loaded = named_tensors(load_weights(tiny_config(), folder.path(), at::kCPU));
    for (std::size_t i = 0; i < loaded.size(); ++i)
      EXPECT_TRUE(at::equal(loaded[i].second, tensors[i].second.to(at::kFloat)));
  }
}

TEST(Checkpoint, LoadedWeightsDoNotDependOnTheFile) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors", tensors_of(tiny_config()));
  auto weights = load_weights(tiny_config(), folder.path(), at::kCPU);
  weights.final_norm_D.fill_(7);  // would crash on a mapping that cannot be written
  EXPECT_EQ(first_difference(load_weights(tiny_config(), folder.path(), at::kCPU), random_weights(tiny_config(), 3)), "");
}

TEST(Checkpoint, SaysWhenThereAreNoWeights) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { load_weights(tiny_config(), folder.path(), at::kCPU); }),
              AllOf(HasSubstr("model.safetensors is missing"), HasSubstr("safetensors format")));
  folder.write("pytorch_model.bin", "not read");
  EXPECT_THAT(message_of<UserError>([&] { load_weights(tiny_config(), folder.path(), at::kCPU); }),
              AllOf(HasSubstr("pytorch_model.bin is pickled"), HasSubstr("safetensors")));
  folder.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(message_of<UserError>([&] { load_weights(tiny_config(), folder.path(), at::kCPU); }), HasSubstr("Git LFS"));
}

/// Not a test of its own: tests/parity/test_checkpoint_roundtrip.py runs it to copy a model through load and save.
TEST(Checkpoint, DISABLED_CopyForTransformers) {
  const char* from = std::getenv("UNPACT_COPY_FROM");
  const char* to = std::getenv("UNPACT_COPY_TO");
  ASSERT_TRUE(from != nullptr && to != nullptr);
  SaveOptions options;
  if (const char* bytes = std::getenv("UNPACT_COPY_SHARD_BYTES")) options.max_shard_bytes = std::stoull(bytes);
  const auto config = read_model_config(from);
  save_checkpoint(to, config, load_weights(config, from, at::kCPU), ByteTokenizer(), options);
}

}  // namespace
}  // namespace unpact
