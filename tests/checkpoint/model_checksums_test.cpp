/// Checksums of models: what changes them and what does not.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <fstream>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TemporaryFolder;
using testing_support::tiny_config;

const char* const kConfig = R"({"model_type": "qwen2", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
  "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2, "sliding_window": 32,
  "use_sliding_window": true, "max_window_layers": 1, "tie_word_embeddings": false, "hidden_act": "silu"})";

std::string checksum_with(const std::string& from, const std::string& to, const std::string& generation = "") {
  std::string text = kConfig;
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  auto config = parse_model_config(text, "config.json");
  if (!generation.empty()) parse_generation_config(generation, "generation_config.json", config);
  return config_checksum(config);
}

TEST(ConfigChecksum, ChangesWithEverythingThatDecides) {
  const auto before = checksum_with("", "");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"rope_theta\": 10000.0", "\"rope_theta\": 500000.0"},
           {"\"eos_token_id\": 2", "\"eos_token_id\": [2, 3]"},
           {"\"bos_token_id\": 1", "\"bos_token_id\": 0"},
           {"1e-06", "1e-05"},
           {"\"sliding_window\": 32", "\"sliding_window\": 16"},
           {"\"max_window_layers\": 1", "\"max_window_layers\": 0"},
           {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4"},
           {"\"max_position_embeddings\": 128", "\"max_position_embeddings\": 256"},
           {"\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"},
           {"\"rope_theta\"", "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.0}, \"rope_theta\""},
           {"\"qwen2\"", "\"llama\""}})
    EXPECT_NE(checksum_with(from, to), before) << to;
  EXPECT_NE(checksum_with("", "", R"({"eos_token_id": [2, 5]})"), before);
}

TEST(ConfigChecksum, ChangesWithCapsScalesRopesAndExperts) {
  const auto of = [](const char* type, const Json& more) {
    auto json = Json::parse(kConfig);
    json["model_type"] = type;
    json.update(more);
    return config_checksum(parse_model_config(json.dump(), "config.json"));
  };
  for (const auto& [type, more] :
       std::vector<std::pair<const char*, Json>>{{"gemma2", {{"attn_logit_softcapping", 40.0}}},
                                                 {"gemma2", {{"final_logit_softcapping", nullptr}}},
                                                 {"gemma2", {{"query_pre_attn_scalar", 144}}},
                                                 {"gemma3_text", {{"rope_local_base_freq", 5e3}}},
                                                 {"mixtral", {{"num_experts_per_tok", 1}}},
                                                 {"opt", {{"do_layer_norm_before", false}}},
                                                 {"opt", {{"_remove_final_layer_norm", true}}}}) {
    const Json ffn = {{"ffn_dim", 32}};
    auto changed = more;
    changed.update(ffn);
    EXPECT_NE(of(type, changed), of(type, ffn)) << type << " " << more;
  }
}

/// Taken before there were caps, experts and other places of norms: files that name it stay valid.
TEST(ConfigChecksum, StaysWhatItWasForEarlierFamilies) {
  EXPECT_EQ(checksum_with("", ""), "145ccc54b91722465650476e135759730a3118ee1fb29382781266d892f2137f");
  EXPECT_EQ(checksum_with("\"qwen2\"", "\"olmo2\""), "be6538d52f3715f5f659d23c51dd0b761a60bc1e6d825283f98cbe134faef7e5");
}

TEST(ConfigChecksum, StaysWithSpellingAndWithWhatNothingHeeds) {
  const auto before = checksum_with("", "");
  EXPECT_EQ(checksum_with("\"rope_theta\": 10000.0", "\"rope_theta\":   1e4"), before);
  EXPECT_EQ(
      checksum_with("{\"model_type\"", "{\"_name_or_path\": \"/home/me\", \"transformers_version\": \"5\", \"model_type\""),
      before);
  EXPECT_EQ(checksum_with("", "", R"({"temperature": 0.3, "eos_token_id": 2})"), before);
}

class WeightsChecksum : public testing::Test {
 protected:
  WeightsChecksum() { save(1); }
  void save(std::uint64_t seed) const {
    SaveOptions options;
    options.max_shard_bytes = 9'000;
    save_checkpoint(model_, tiny_config(), random_weights(tiny_config(), seed), testing_support::ByteTokenizer(), options);
  }
  const TemporaryFolder folder_;
  const fs::path model_ = folder_.path() / "model";
};

TEST_F(WeightsChecksum, OfALoadIsThatOfTheFolder) {
  std::string loaded;
  LoadOptions options;
  options.checksum = &loaded;
  load_weights(tiny_config(), model_, at::kCPU, options);
  EXPECT_EQ(loaded, weights_checksum(model_));
  EXPECT_EQ(CheckpointReader(model_).checksum(), loaded);
}

TEST_F(WeightsChecksum, IsThatOfTheFileThatWasOpened) {
  const auto path = folder_.path() / "one.safetensors";
  write_safetensors(path, {{"a", at::ones({3})}});
  const auto before = sha256_of_file(path);
  const SafetensorsFile file(path);
  write_safetensors(path, {{"a", at::zeros({3})}});  // another file gets the name
  EXPECT_EQ(file.checksum(), before);
  EXPECT_NE(sha256_of_file(path), before);
}

TEST_F(WeightsChecksum, OfAFileThatWasWrittenToSinceIsRefused) {
  const auto path = folder_.path() / "one.safetensors";
  write_safetensors(path, {{"a", at::ones({3})}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.checksum(), sha256_of_file(path));
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(5));
  EXPECT_THAT(message_of<UserError>([&] { static_cast<void>(file.checksum()); }),
              HasSubstr("was written to while it was read"));
}

}  // namespace
}  // namespace unpact
