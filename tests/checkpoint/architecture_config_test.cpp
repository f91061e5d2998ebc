// What config.json says about GPT-2, defaults, and what of it survives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "checkpoint/small_configs.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/config.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::of_opt;
using testing_support::plain;
using testing_support::read_architecture;
using testing_support::refusal_of_type;
using testing_support::TemporaryFolder;
using testing_support::with;

TEST(ArchitectureConfig, DefaultsOfAbsentKeysAreThoseOfTransformers) {
  auto json = plain("qwen3");
  EXPECT_EQ(read_architecture(json).head_dim, 128);
  json["head_dim"] = nullptr;
  EXPECT_EQ(read_architecture(json).head_dim, 6);
  json.erase("num_key_value_heads");
  json["num_attention_heads"] = 64;
  EXPECT_EQ(with("qwen3", {{"num_attention_heads", 64}, {"num_key_value_heads", nullptr}}).key_value_heads, 64);
  json["head_dim"] = 4;
  EXPECT_EQ(read_architecture(json).key_value_heads, 32);
  json["model_type"] = "mistral";
  EXPECT_EQ(read_architecture(json).key_value_heads, 8);
  json["model_type"] = "llama";
  EXPECT_EQ(read_architecture(json).key_value_heads, 64);
}

/// A target of random weights has the rows of its tokenizer, fewer than the description that it was made by.
TEST(ArchitectureConfig, APaddingTokenWithoutARowIsNotWritten) {
  const auto padding = [](const ModelConfig& config) {
    return model_config_json(config, "float32").value("pad_token_id", Json("absent"));
  };
  EXPECT_EQ(padding(with("phi3", Json::object())), nullptr) << "Phi3Config's own is 32000";
  EXPECT_EQ(padding(with("phi3", {{"pad_token_id", 3}})), 3);
  EXPECT_EQ(padding(with("phi3", {{"vocab_size", 32064}})), "absent");
  EXPECT_EQ(padding(with("llama", {{"pad_token_id", 50}})), nullptr);
  EXPECT_EQ(padding(with("llama", {{"pad_token_id", -1}})), -1);
  EXPECT_EQ(padding(with("llama", Json::object())), "absent");
}

TEST(Gpt2Config, ReadsItsOwnKeys) {
  const auto config = read_architecture(plain("gpt2"));
  EXPECT_EQ(config.hidden_size, 12);
  EXPECT_EQ(config.intermediate_size, 48);
  EXPECT_EQ(config.key_value_heads, 3);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.max_positions, 64);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_EQ(config.block.activation, Activation::gelu_new);
  EXPECT_EQ(with("gpt2", {{"n_inner", 20}}).intermediate_size, 20);
}

TEST(Gpt2Config, RefusesByName) {
  EXPECT_THAT(refusal_of_type("gpt2", {{"activation_function", "tanh"}}), HasSubstr("activation_function 'tanh'"));
  EXPECT_THAT(refusal_of_type("gpt2", {{"add_cross_attention", true}}), HasSubstr("add_cross_attention"));
  EXPECT_THAT(refusal_of_type("gpt2", {{"scale_attn_by_inverse_layer_idx", true}}),
              HasSubstr("scale_attn_by_inverse_layer_idx"));
  EXPECT_THAT(refusal_of_type("gpt2", {{"scale_attn_weights", false}}), HasSubstr("scale_attn_weights"));
  EXPECT_THAT(refusal_of_type("gpt2", {{"n_head", 5}}), AllOf(HasSubstr("n_embd (12)"), HasSubstr("n_head (5)")));
}

TEST(ArchitectureConfig, UnknownFieldsAndSpellingsSurvive) {
  const Json llama3 = {{"rope_type", "llama3"},  {"rope_theta", 5e5},       {"factor", 8.0},
                       {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 128}};
  const std::vector<std::pair<std::string, Json>> cases = {
      {"llama", {{"rope_parameters", llama3}, {"dtype", "bfloat16"}, {"pretraining_tp", 1}, {"attention_bias", true}}},
      {"llama", {{"rope_scaling", llama3}, {"torch_dtype", "bfloat16"}, {"_name_or_path", "a/b"}}},
      {"qwen2", {{"use_sliding_window", true}, {"sliding_window", 7}, {"max_window_layers", 3}, {"use_mrope", false}}},
      {"qwen3", {{"bos_token_id", nullptr}, {"head_dim", 8}, {"attention_dropout", 0.0}}},
      {"mistral", {{"sliding_window", nullptr}, {"eos_token_id", 2}}},
      {"gemma2", {{"sliding_window", 7}, {"query_pre_attn_scalar", 144}, {"final_logit_softcapping", 30.0}}},
      {"gemma3_text", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}, {"sliding_window_pattern", 6}}},
      {"mixtral", {{"num_local_experts", 3}, {"router_aux_loss_coef", 0.02}, {"sliding_window", nullptr}}},
      {"opt", of_opt({{"do_layer_norm_before", true}, {"init_std", 0.02}, {"_remove_final_layer_norm", false}})},
      {"gpt2", {{"n_inner", nullptr}, {"task_specific_params", {{"text-generation", {{"max_length", 50}}}}}}}};
  for (const auto& [type, more] : cases) {
    const auto config = with(type, more);
    const auto written = model_config_json(config, "float32");
    for (const auto& [key, value] : config.original.items())
      EXPECT_EQ(written[key], key == "dtype" || key == "torch_dtype" ? Json("float32") : value) << type << " " << key;
    const auto again = read_architecture(written);
    EXPECT_EQ(model_config_json(again, "float32"), written) << type;
    EXPECT_EQ(again.windows, config.windows);
    EXPECT_EQ(again.rope_scaling, config.rope_scaling);
    EXPECT_EQ(again.rope_theta, config.rope_theta);
    EXPECT_EQ(again.block, config.block);
  }
}

TEST(ArchitectureConfig, ChangedSettingsWinOverTheOriginal) {
  auto config = with("llama", {{"bos_token_id", 1}, {"eos_token_id", 2}});
  config.vocabulary_size = 60;
  config.bos_id = -1;
  config.eos_ids = {};
  const auto written = model_config_json(config, "float32");
  EXPECT_EQ(written["vocab_size"], 60);
  EXPECT_TRUE(written["bos_token_id"].is_null() && written["eos_token_id"].is_null());
}

TEST(ArchitectureConfig, GenerationSettingsSurvive) {
  const TemporaryFolder folder;
  folder.write("config.json", plain("llama").dump());
  folder.write("generation_config.json", R"({"temperature": 0.6, "eos_token_id": [5, 7], "do_sample": true})");
  const auto json = generation_config_json(read_model_config(folder.path()));
  EXPECT_EQ(json, Json::parse(R"({"temperature": 0.6, "eos_token_id": [5, 7], "do_sample": true})"));
  folder.write("generation_config.json", "[]");
  EXPECT_THAT(message_of<UserError>([&] { read_model_config(folder.path()); }), HasSubstr("generation_config.json"));
}

}  // namespace
}  // namespace unpact
