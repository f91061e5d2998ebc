// The dtype of a checkpoint's files: read from them, and written into them.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::tiny_config;

class StoredDtype : public testing::Test {
 protected:
  void save(const Weights& weights, std::optional<c10::ScalarType> dtype, std::uint64_t shard = 5'000'000'000,
            const ModelConfig& config = tiny_config()) const {
    SaveOptions options;
    options.max_shard_bytes = shard;
    options.dtype = dtype;
    save_checkpoint(folder_, config, weights, ByteTokenizer(), options);
  }

  const testing_support::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path() / "saved";
  const Weights weights_ = random_weights(tiny_config(), 3);
};

TEST_F(StoredDtype, IsWhatTheFilesAndTheConfigSay) {
  for (const auto& [dtype, name] :
       {std::pair(at::kFloat, "float32"), std::pair(at::kBFloat16, "bfloat16"), std::pair(at::kHalf, "float16")})
    for (const std::uint64_t shard : {5'000'000'000ULL, 20'000ULL}) {
      save(weights_, dtype, shard);
      EXPECT_EQ(stored_dtype(folder_), dtype);
      EXPECT_EQ(read_json_file(folder_ / "config.json")["torch_dtype"], name);
      LoadOptions options;
      options.dtype = dtype;
      auto expected = weights_;
      change_weights(tiny_config(), expected, [type = dtype](const at::Tensor& w) { return w.to(type); });
      EXPECT_EQ(testing_support::first_difference(load_weights(tiny_config(), folder_, at::kCPU, options), expected), "");
      EXPECT_EQ(weight_files(folder_).size() > 1, shard == 20'000ULL);
    }
}

TEST_F(StoredDtype, OfAFusedAndTurnedLayoutToo) {
  auto config = tiny_config();
  config.architecture = "gpt2";
  config.block = architecture_of("gpt2", "test").block;
  config.key_value_heads = config.heads;
  config.tied_embeddings = true;
  const auto weights = random_weights(config, 1);
  save(weights, at::kBFloat16, 5'000'000'000, config);
  EXPECT_EQ(stored_dtype(folder_), at::kBFloat16);
  LoadOptions options;
  options.dtype = at::kBFloat16;
  auto expected = weights;
  change_weights(config, expected, [](const at::Tensor& w) { return w.to(at::kBFloat16); });
  EXPECT_EQ(testing_support::first_difference(load_weights(config, folder_, at::kCPU, options), expected), "");
}

TEST_F(StoredDtype, UnsetIsThatOfTheWeights) {
  save(weights_, at::kFloat);
  const auto asked = read_file(folder_ / "model.safetensors");
  save(weights_, std::nullopt);
  EXPECT_EQ(read_file(folder_ / "model.safetensors"), asked);
}

TEST_F(StoredDtype, IsThatOfMostNumbers) {
  fs::create_directories(folder_);
  auto named = named_tensors(weights_);
  for (auto& [name, tensor] : named)
    if (tensor.dim() == 2) tensor = tensor.to(at::kBFloat16);  // norms stay float32
  write_safetensors(folder_ / "model.safetensors", named);
  EXPECT_EQ(stored_dtype(folder_), at::kBFloat16);
}

TEST_F(StoredDtype, OfAFolderWithoutWeightsIsWhatItsConfigSays) {
  fs::create_directories(folder_);
  auto json = model_config_json(tiny_config(), "bfloat16");
  write_file_atomically(folder_ / "config.json", json.dump());
  EXPECT_EQ(stored_dtype(folder_), at::kBFloat16);
  json.erase("torch_dtype");
  json["dtype"] = "float16";
  write_file_atomically(folder_ / "config.json", json.dump());
  EXPECT_EQ(stored_dtype(folder_), at::kHalf);
  json["dtype"] = nullptr;
  write_file_atomically(folder_ / "config.json", json.dump());
  EXPECT_EQ(stored_dtype(folder_), at::kFloat);
}

TEST_F(StoredDtype, ThatCannotHoldAWeightIsRefused) {
  auto weights = clone_weights(weights_);
  weights.blocks[1].up_FD[3][4] = 70000.0;  // float16 ends at 65504
  EXPECT_THAT(message_of<RuntimeFailure>([&] { save(weights, at::kHalf); }),
              AllOf(HasSubstr("model.layers.1.mlp.up_proj.weight"), HasSubstr("cannot be stored")));
  EXPECT_FALSE(fs::exists(folder_));
  save(weights, at::kFloat);
  LoadOptions options;
  options.dtype = at::kHalf;
  EXPECT_THAT(message_of<UserError>([&] { load_weights(tiny_config(), folder_, at::kCPU, options); }),
              AllOf(HasSubstr("model.layers.1.mlp.up_proj.weight"), HasSubstr("fp16"), HasSubstr("65504")));
  options.dtype = at::kBFloat16;
  EXPECT_NO_THROW(load_weights(tiny_config(), folder_, at::kCPU, options));
}

TEST_F(StoredDtype, IsWrittenUnderEachNameThatTheConfigHas) {
  auto config = tiny_config();
  config.original = {{"dtype", "float32"}, {"torch_dtype", "float32"}};
  const auto json = model_config_json(config, "bfloat16");
  EXPECT_EQ(json["dtype"], "bfloat16");
  EXPECT_EQ(json["torch_dtype"], "bfloat16");
}

}  // namespace
}  // namespace unpact
