// Sharded checkpoints: what the index may say, and what is read of the files.
#include "unpact/checkpoint/checkpoint_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/checkpoint/checkpoint.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::TemporaryFolder;
using testing_support::tiny_config;

const std::string kIndex = "model.safetensors.index.json";

/// Two files with a and b, c, and the index that belongs to them.
class Shards : public testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(folder_.path() / "one.safetensors", {{"a", at::ones({2})}, {"b", at::ones({3})}});
    write_safetensors(folder_.path() / "two.safetensors", {{"c", at::ones({4})}});
    index({{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}});
  }
  void index(const Json& map) { folder_.write(kIndex, Json{{"weight_map", map}}.dump()); }
  std::string refusal() const {
    return message_of<UserError>([&] { CheckpointReader reader(folder_.path()); });
  }
  TemporaryFolder folder_;
};

TEST_F(Shards, AreOneSetOfTensors) {
  const CheckpointReader reader(folder_.path());
  EXPECT_EQ(reader.tensors().size(), 3U);
  EXPECT_TRUE(reader.contains("c") && !reader.contains("d"));
  EXPECT_EQ(reader.file_of("c").tensor("c").numel(), 4);
  EXPECT_LT(reader.place_of("b"), reader.place_of("c"));
  EXPECT_EQ(weight_files(folder_.path()).size(), 2U);
}

TEST_F(Shards, AStrayFileBesideThemIsNamed) {
  write_safetensors(folder_.path() / "model.safetensors", {{"a", at::ones({2})}});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("two sets of weights"), HasSubstr("lacks 2 of the 3 tensors")));
  write_safetensors(folder_.path() / "model.safetensors",
                    {{"a", at::ones({2})}, {"b", at::ones({3})}, {"c", at::ones({4})}});
  EXPECT_EQ(CheckpointReader(folder_.path()).place_of("c").first, 0U) << "one whole file counts, as in transformers";
}

TEST(OtherWeights, AreNamedAsWhatTheyAre) {
  struct Case {
    const char *file, *content, *said;
  };
  const Case cases[] = {{"pytorch_model-00001-of-00002.bin", "", "is pickled"},
                        {"consolidated.00.pth", "", "is pickled"},
                        {"model-q4.gguf", "", "GGUF"},
                        {"adapter_config.json", R"({"base_model_name_or_path": "meta/base"})", "it changes meta/base"}};
  for (const auto& [file, content, said] : cases) {
    const TemporaryFolder folder;
    folder.write(file, content);
    EXPECT_THAT(message_of<UserError>([&] { CheckpointReader reader(folder.path()); }), HasSubstr(said));
    EXPECT_THAT(message_of<UserError>([&] { read_model_config(folder.path()); }), HasSubstr(said));
  }
  const TemporaryFolder eight_bits;
  const std::string header = R"({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  eight_bits.write("model.safetensors", bytes + header + "1234");
  EXPECT_EQ(CheckpointReader(eight_bits.path()).tensors().at("a").dtype, "F8_E4M3");
}

TEST_F(Shards, OnlyFilesOfTheFolderMayBeNamed) {
  for (const auto* name : {"../one.safetensors", "/etc/one.safetensors", "sub/one.safetensors", "./one.safetensors", "",
                           ".safetensors", "one.bin", ".."}) {
    index({{"a", name}});
    EXPECT_THAT(refusal(), AllOf(HasSubstr("tensor 'a'"), HasSubstr("own folder"))) << name;
  }
}

TEST_F(Shards, IndexAndFilesMustAgree) {
  index({{"a", "one.safetensors"}, {"c", "two.safetensors"}, {"d", "two.safetensors"}});
  EXPECT_THAT(refusal(), HasSubstr("missing: d, said to lie in two"));
  index({{"a", "two.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}});
  EXPECT_THAT(refusal(), HasSubstr("another file in the index: a of one.safetensors should lie in two.safetensors"));
}

TEST_F(Shards, MayHoldWhatTheIndexLeavesOutAndLackATiedHead) {
  index({{"a", "one.safetensors"}, {"c", "two.safetensors"}, {"lm_head.weight", "two.safetensors"}});
  const CheckpointReader reader(folder_.path());
  EXPECT_TRUE(reader.contains("b")) << "a buffer, say, or a weight that is wanted";
  EXPECT_FALSE(reader.contains("lm_head.weight")) << "a model that wants one misses it";
}

TEST_F(Shards, NoTensorTwice) {
  write_safetensors(folder_.path() / "two.safetensors", {{"c", at::ones({4})}, {"a", at::ones({2})}});
  EXPECT_THAT(refusal(), HasSubstr("twice: a, the second time in two.safetensors"));
}

TEST_F(Shards, MissingFilesAreListedTogether) {
  index({{"a", "one.safetensors"}, {"b", "three.safetensors"}, {"c", "four.safetensors"}});
  EXPECT_THAT(refusal(), HasSubstr("four.safetensors, three.safetensors"));
}

TEST_F(Shards, BrokenIndexesAreRefused) {
  for (const auto* text : {"", "[]", "{}", R"({"weight_map": {}})", R"({"weight_map": []})", R"({"weight_map": {"a": 1}})",
                           R"({"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}})"}) {
    folder_.write(kIndex, text);
    EXPECT_THAT(refusal(), HasSubstr(kIndex)) << text;
  }
}

TEST_F(Shards, PointersInsteadOfFilesAreNamed) {
  folder_.write("two.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("two.safetensors"), HasSubstr("Git LFS")));
}

class SavedShards : public testing::Test {
 protected:
  void SetUp() override {
    SaveOptions options;
    options.max_shard_bytes = 9'000;
    save_checkpoint(path(), tiny_config(), random_weights(tiny_config(), 1), testing_support::ByteTokenizer(), options);
  }
  std::filesystem::path path() const { return folder_.path() / "saved"; }
  TemporaryFolder folder_;
};

TEST_F(SavedShards, StayUnderTheLimitAndAreNamedAsTransformersDoes) {
  const auto files = weight_files(path());
  ASSERT_GT(files.size(), 3U);
  EXPECT_EQ(files.front().filename(), concat("model-00001-of-0000", files.size(), ".safetensors"));
  for (const auto& file : files) EXPECT_LE(std::filesystem::file_size(file), 9'000U + 4'096U);
  const auto index = read_json_file(path() / kIndex);
  EXPECT_EQ(index["metadata"]["total_size"], 4 * tiny_config().parameter_count());
  EXPECT_EQ(index["weight_map"].size(), 30U);
}

TEST_F(SavedShards, LoadBitEqual) {
  EXPECT_EQ(first_difference(load_weights(tiny_config(), path(), at::kCPU), random_weights(tiny_config(), 1)), "");
}

TEST_F(SavedShards, TheChecksumCoversEveryFile) {
  const auto before = weights_checksum(path());
  std::string lines;
  for (const auto& file : weight_files(path())) lines += concat(sha256_of_file(file), "  ", file.filename().string(), "\n");
  EXPECT_EQ(before, sha256_of_bytes(lines));
  const auto last = weight_files(path()).back();
  auto tensors = SafetensorsFile(last).header().tensors;
  write_safetensors(last, {{tensors.begin()->first, at::zeros(tensors.begin()->second.shape)}});
  EXPECT_NE(weights_checksum(path()), before);
}

TEST_F(SavedShards, OnlySelectedWeightsAreRead) {
  LoadOptions options;
  options.selected = [](const std::string& name) { return name.starts_with("model.layers.1."); };
  const auto weights = load_weights(tiny_config(), path(), at::kCPU, options);
  EXPECT_TRUE(weights.blocks[1].up_FD.defined());
  EXPECT_FALSE(weights.blocks[0].up_FD.defined() || weights.embedding_VD.defined() || weights.head_VD.defined());
}

TEST(Loading, ConvertsToTheAskedPrecision) {
  const TemporaryFolder folder;
  const auto original = random_weights(tiny_config(), 1);
  write_safetensors(folder.path() / "model.safetensors", named_tensors(original));
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    LoadOptions options;
    options.dtype = dtype;
    const auto weights = load_weights(tiny_config(), folder.path(), at::kCPU, options);
    EXPECT_TRUE(at::equal(weights.blocks[2].gate_FD, original.blocks[2].gate_FD.to(dtype)));
  }
}

/// Longer than the chunks in which a tensor is copied, at addresses that are no multiple of a page.
TEST(Loading, LongTensorsArriveWhole) {
  const TemporaryFolder folder;
  auto config = tiny_config();
  config.vocabulary_size = 150'001;
  auto original = random_weights(config, 1);
  for (auto& spec : weight_specs(config, original)) *spec.slot = spec.slot->to(at::kBFloat16);
  write_safetensors(folder.path() / "model.safetensors", named_tensors(original));
  LoadOptions options;
  options.dtype = at::kBFloat16;
  EXPECT_EQ(first_difference(load_weights(config, folder.path(), at::kCPU, options), original), "");
  original.head_VD[150'000][23] = std::nan("");
  write_safetensors(folder.path() / "model.safetensors", named_tensors(original));
  EXPECT_THAT(message_of<UserError>([&] { load_weights(config, folder.path(), at::kCPU, options); }),
              AllOf(HasSubstr("lm_head.weight"), HasSubstr("NaN or infinity")));
}

}  // namespace
}  // namespace unpact
