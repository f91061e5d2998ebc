// What config.json says about rope scaling, biases, windows and GPT-2, in every spelling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::TemporaryFolder;

Json plain(const std::string& type) {
  if (type == "gpt2")
    return Json{{"model_type", "gpt2"}, {"vocab_size", 50}, {"n_embd", 12},
                {"n_layer", 2},         {"n_head", 3},      {"n_positions", 64}};
  return Json{
      {"model_type", type},     {"vocab_size", 50},         {"hidden_size", 24},        {"intermediate_size", 40},
      {"num_hidden_layers", 4}, {"num_attention_heads", 4}, {"num_key_value_heads", 2}, {"max_position_embeddings", 512}};
}

ModelConfig read_architecture(const Json& json) {
  const TemporaryFolder folder;
  folder.write("config.json", json.dump());
  return read_model_config(folder.path());
}

ModelConfig with(const std::string& type, const Json& more) {
  auto json = plain(type);
  json.update(more);
  return read_architecture(json);
}

std::string refusal_of_type(const std::string& type, const Json& more) {
  return message_of<UserError>([&] { with(type, more); });
}

TEST(RopeConfig, ReadsLlama3InEverySpelling) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 128}};
  auto older = scaling, newer = scaling;
  older.erase("rope_type");
  older["type"] = "llama3";
  newer["rope_theta"] = 5e5;
  const RopeScaling expected = {"llama3", 8.0, 1.0, 4.0, 128};
  for (const auto& json : {Json{{"rope_theta", 5e5}, {"rope_scaling", scaling}},
                           Json{{"rope_theta", 5e5}, {"rope_scaling", older}}, Json{{"rope_parameters", newer}}}) {
    const auto config = with("llama", json);
    EXPECT_EQ(config.rope_scaling, expected) << json;
    EXPECT_EQ(config.rope_theta, 5e5) << json;
  }
}

TEST(RopeConfig, TheContextOfPretrainingHasTransformersPrecedence) {
  Json scaling = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};
  EXPECT_EQ(with("llama", {{"rope_scaling", scaling}}).rope_scaling.original_positions, 512);
  scaling["original_max_position_embeddings"] = 64;
  EXPECT_EQ(with("llama", {{"rope_scaling", scaling}}).rope_scaling.original_positions, 64);
  EXPECT_EQ(
      with("llama", {{"rope_scaling", scaling}, {"original_max_position_embeddings", 32}}).rope_scaling.original_positions,
      32);
}

TEST(RopeConfig, ScalingWinsOverParameters) {
  const auto config = with("llama", {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
                                     {"rope_theta", 77.0},
                                     {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5.0}}}});
  EXPECT_EQ(config.rope_scaling.type, "linear");
  EXPECT_EQ(config.rope_theta, 77.0);
}

TEST(RopeConfig, NoneIsNullEmptyOrDefault) {
  for (const Json& value : {Json(nullptr), Json(Json::object()), Json{{"rope_type", "default"}}, Json{{"type", "default"}}})
    EXPECT_EQ(with("llama", {{"rope_scaling", value}}).rope_scaling, RopeScaling{}) << value;
}

TEST(RopeConfig, RefusesByName) {
  const auto scaling = [](const Json& value) { return refusal_of_type("llama", {{"rope_scaling", value}}); };
  for (const auto* type : {"dynamic", "yarn", "longrope", "su", "none"})
    EXPECT_THAT(scaling({{"rope_type", type}, {"factor", 2.0}}), HasSubstr(concat("rope_type '", type, "'")));
  EXPECT_THAT(scaling({{"rope_type", "linear"}}), HasSubstr("'factor' is missing"));
  EXPECT_THAT(scaling({{"rope_type", "linear"}, {"factor", 0}}), HasSubstr("'factor' is 0"));
  EXPECT_THAT(scaling({{"rope_type", "linear"}, {"factor", "2"}}), HasSubstr("factor"));
  EXPECT_THAT(scaling({{"rope_type", 3}}), HasSubstr("rope_type"));
  EXPECT_THAT(scaling(Json::array()), HasSubstr("rope_scaling"));
  EXPECT_THAT(scaling({{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 4.0}, {"high_freq_factor", 4.0}}),
              AllOf(HasSubstr("high_freq_factor"), HasSubstr("low_freq_factor")));
  EXPECT_THAT(scaling({{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}), HasSubstr("partial_rotary_factor"));
}

/// Heads of eight channels.
ModelConfig wide(const std::string& type, Json more) {
  more["hidden_size"] = 32;
  return with(type, more);
}

std::string refusal_of_wide(const std::string& type, const Json& more) {
  return message_of<UserError>([&] { wide(type, more); });
}

TEST(RopeConfig, HeadsMayTurnInPart) {
  const auto share = [](const char* type, const Json& fields) { return wide(type, fields).turned_dim(); };
  const auto whole = wide("phi", {{"partial_rotary_factor", 1.0}}).head_dim;
  EXPECT_EQ(share("phi", Json::object()), whole / 2);
  EXPECT_EQ(share("phi", {{"rope_parameters", {{"partial_rotary_factor", 1.0}}}}), whole);
  EXPECT_EQ(share("gpt_neox", {{"rotary_pct", 0.5}}), whole / 2);
  EXPECT_EQ(wide("gpt_neox", {{"rotary_emb_base", 500.0}}).rope_theta, 500.0);
  EXPECT_EQ(share("phi3", Json::object()), whole);
  EXPECT_THAT(refusal_of_wide("phi", {{"partial_rotary_factor", 1.5}}), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(refusal_of_wide("phi", {{"partial_rotary_factor", 0.01}}), HasSubstr("partial_rotary_factor"));
}

TEST(RopeConfig, LongropeHoldsWithinTheContextOfPretraining) {
  const auto pairs = static_cast<std::size_t>(wide("phi3", Json::object()).head_dim / 2);
  const Json factors(std::vector<double>(pairs, 1.5));
  Json fields = {{"max_position_embeddings", 1024},
                 {"original_max_position_embeddings", 256},
                 {"rope_scaling", {{"type", "su"}, {"short_factor", factors}, {"long_factor", factors}}}};
  const auto config = wide("phi3", fields);
  EXPECT_EQ(config.max_positions, 256);
  EXPECT_EQ(config.rope_scaling.divisors, std::vector<double>(pairs, 1.5));
  EXPECT_NEAR(config.rope_scaling.attention_factor, std::sqrt(1 + std::log(4.0) / std::log(256.0)), 1e-12);
  const auto written = model_config_json(config, "float32");
  EXPECT_EQ(written["max_position_embeddings"], 1024);
  EXPECT_EQ(written["rope_scaling"], fields["rope_scaling"]);
  fields["rope_scaling"]["short_factor"] = {1.0};
  EXPECT_THAT(refusal_of_wide("phi3", fields), HasSubstr("short_factor"));
  fields["rope_scaling"]["short_factor"] = factors;
  fields["rope_scaling"]["long_factor"][0] = 0;
  EXPECT_THAT(refusal_of_wide("phi3", fields), HasSubstr("long_factor"));
}

TEST(BlockConfig, OfFamiliesWithOtherBlocks) {
  EXPECT_FALSE(wide("gpt_neox", {{"use_parallel_residual", false}}).block.parallel_residual);
  const auto plain = wide("gpt_neox", {{"attention_bias", false}}).block;
  EXPECT_TRUE(plain.parallel_residual && !plain.query_key_value_bias && !plain.output_bias && plain.mlp_bias);
  EXPECT_EQ(wide("gemma", {{"hidden_act", "gelu"}}).block.activation, Activation::gelu_new);
  EXPECT_EQ(wide("gpt_neox", {{"hidden_act", "gelu"}}).block.activation, Activation::gelu);
  EXPECT_THAT(refusal_of_wide("phi", {{"qk_layernorm", true}}), HasSubstr("qk_layernorm"));
  EXPECT_THAT(refusal_of_wide("phi", {{"tie_word_embeddings", true}}), HasSubstr("tie_word_embeddings"));
  EXPECT_EQ(wide("phi", Json::object()).head_width(), wide("phi", Json::object()).hidden_size + 1);
}

TEST(BlockConfig, CapsAndScaleOfGemma) {
  const auto usual = wide("gemma2", Json::object()).block;
  EXPECT_EQ(std::tuple(usual.score_cap, usual.logit_cap, usual.query_scalar), std::tuple(50.0, 30.0, 256.0));
  const auto off = wide("gemma2", {{"attn_logit_softcapping", nullptr}, {"final_logit_softcapping", nullptr}}).block;
  EXPECT_EQ(std::tuple(off.score_cap, off.logit_cap), std::tuple(0.0, 0.0));
  EXPECT_EQ(wide("gemma3_text", Json::object()).block.logit_cap, 0);
  EXPECT_EQ(wide("gemma3_text", {{"final_logit_softcapping", 20}}).block.logit_cap, 20);
  EXPECT_EQ(wide("gemma2", {{"query_pre_attn_scalar", 64}, {"head_dim", 16}}).query_factor(), 0.5);
  EXPECT_EQ(wide("llama", Json::object()).query_factor(), 1);
  EXPECT_EQ(wide("gemma2", {{"hidden_activation", "gelu"}}).block.activation, Activation::gelu);
  EXPECT_THAT(refusal_of_wide("gemma2", {{"final_logit_softcapping", 0}}), HasSubstr("final_logit_softcapping"));
  EXPECT_THAT(refusal_of_wide("gemma2", {{"query_pre_attn_scalar", -1}}), HasSubstr("query_pre_attn_scalar"));
  EXPECT_THAT(refusal_of_wide("gemma3_text", {{"attn_logit_softcapping", 50.0}}), HasSubstr("attn_logit_softcapping"));
  EXPECT_THAT(refusal_of_wide("gemma2", {{"use_bidirectional_attention", true}}), HasSubstr("use_bidirectional_attention"));
  EXPECT_THAT(refusal_of_wide("gemma3", Json::object()), HasSubstr("Gemma3ForCausalLM"));
}

Json of_opt(Json more) {
  more["ffn_dim"] = 40;
  return more;
}

TEST(BlockConfig, NormsAndBiasesOfOpt) {
  const auto usual = with("opt", of_opt(Json::object()));
  EXPECT_TRUE(usual.block.query_key_value_bias && usual.block.output_bias && usual.block.mlp_bias);
  EXPECT_EQ(usual.block.activation, Activation::relu);
  EXPECT_EQ(std::tuple(usual.intermediate_size, usual.key_value_heads, usual.norm_epsilon), std::tuple(40, 4, 1e-5));
  const auto behind = with("opt", of_opt({{"do_layer_norm_before", false}, {"enable_bias", false}})).block;
  EXPECT_TRUE(behind.norm_place == NormPlace::of_sum && behind.no_final_norm && !behind.output_bias && !behind.mlp_bias);
  const auto early = with("opt", of_opt({{"_remove_final_layer_norm", true}})).block;
  EXPECT_TRUE(early.norm_place == NormPlace::before && early.no_final_norm);
  EXPECT_EQ(with("opt", of_opt({{"word_embed_proj_dim", 24}})).hidden_size, 24);
  EXPECT_THAT(refusal_of_type("opt", of_opt({{"word_embed_proj_dim", 12}})),
              AllOf(HasSubstr("word_embed_proj_dim 12"), HasSubstr("OPT-350m")));
  EXPECT_THAT(refusal_of_type("opt", of_opt({{"layer_norm_elementwise_affine", false}})),
              HasSubstr("layer_norm_elementwise_affine"));
}

TEST(BlockConfig, ExpertsOfMixtral) {
  const auto config = with("mixtral", {{"num_local_experts", 3}, {"num_experts_per_tok", 1}});
  EXPECT_EQ(std::tuple(config.block.experts, config.block.experts_per_token, config.intermediate_size),
            std::tuple(3, 1, 3 * 40));
  EXPECT_EQ(with("mixtral", Json::object()).block.experts, 8);
  EXPECT_EQ(with("mixtral", Json::object()).rope_theta, 1e6);
  EXPECT_THAT(with("mixtral", Json::object()).windows, IsEmpty());
  EXPECT_THAT(refusal_of_type("mixtral", {{"num_local_experts", 1}}), HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(refusal_of_type("mixtral", {{"num_local_experts", 0}}), HasSubstr("num_local_experts"));
}

TEST(RopeConfig, TwoOfGemma3InEverySpelling) {
  const Json linear = {{"rope_type", "linear"}, {"factor", 8.0}};
  auto older = linear, whole = linear;
  older.erase("rope_type");
  older["type"] = "linear";
  whole["rope_theta"] = 5e5;
  const Json local = {{"rope_type", "default"}, {"rope_theta", 5e3}};
  for (const auto& json : {Json{{"rope_theta", 5e5}, {"rope_local_base_freq", 5e3}, {"rope_scaling", linear}},
                           Json{{"rope_theta", 5e5}, {"rope_local_base_freq", 5e3}, {"rope_scaling", older}},
                           Json{{"rope_parameters", {{"full_attention", whole}, {"sliding_attention", local}}}}}) {
    const auto config = wide("gemma3_text", json);
    EXPECT_EQ(std::tuple(config.rope_theta, config.block.local_theta), std::tuple(5e5, 5e3)) << json;
    EXPECT_EQ(std::tuple(config.rope_scaling.type, config.rope_scaling.factor), std::tuple("linear", 8.0)) << json;
  }
  const auto usual = wide("gemma3_text", Json::object());
  EXPECT_EQ(std::tuple(usual.rope_theta, usual.block.local_theta, usual.rope_scaling.type), std::tuple(1e6, 1e4, "default"));
  const Json stretched = {{"rope_type", "linear"}, {"factor", 2.0}};
  EXPECT_THAT(refusal_of_wide("gemma3_text", {{"rope_parameters", {{"sliding_attention", stretched}}}}),
              HasSubstr("sliding_attention"));
}

TEST(BiasConfig, OnlyWhereTheArchitectureHasASwitch) {
  const Json both = {{"attention_bias", true}, {"mlp_bias", true}};
  const auto llama = with("llama", both).block, qwen3 = with("qwen3", both).block;
  EXPECT_TRUE(llama.query_key_value_bias && llama.output_bias && llama.mlp_bias && llama.query_key_norm == HeadNorm::none);
  EXPECT_TRUE(qwen3.query_key_value_bias && qwen3.output_bias && !qwen3.mlp_bias && qwen3.query_key_norm == HeadNorm::each);
  EXPECT_EQ(with("mistral", both).block, BlockDescription{});
  const auto qwen2 = with("qwen2", {{"attention_bias", false}}).block;
  EXPECT_TRUE(qwen2.query_key_value_bias && !qwen2.output_bias && !qwen2.mlp_bias);
}

TEST(WindowConfig, Mistral) {
  EXPECT_THAT(with("mistral", {{"sliding_window", 7}}).windows, ElementsAre(7, 7, 7, 7));
  EXPECT_THAT(with("mistral", {{"sliding_window", nullptr}}).windows, IsEmpty());
  EXPECT_THAT(with("mistral", Json::object()).windows, ElementsAre(4096, 4096, 4096, 4096));
  EXPECT_THAT(refusal_of_type("mistral", {{"sliding_window", 0}}), HasSubstr("sliding_window"));
  EXPECT_THAT(refusal_of_type("mistral", {{"sliding_window", "7"}}), HasSubstr("sliding_window"));
}

TEST(WindowConfig, Qwen) {
  for (const auto* type : {"qwen2", "qwen3"}) {
    EXPECT_THAT(with(type, {{"sliding_window", 7}}).windows, IsEmpty());
    EXPECT_THAT(with(type, {{"use_sliding_window", true}, {"sliding_window", 7}, {"max_window_layers", 3}}).windows,
                ElementsAre(0, 0, 0, 7));
    EXPECT_THAT(with(type, {{"use_sliding_window", true}, {"sliding_window", 7}}).windows, IsEmpty());  // 28 by default
    const Json types = {"sliding_attention", "full_attention", "full_attention", "sliding_attention"};
    EXPECT_THAT(with(type, {{"use_sliding_window", true}, {"sliding_window", 7}, {"layer_types", types}}).windows,
                ElementsAre(7, 0, 0, 7));
    EXPECT_THAT(refusal_of_type(type, {{"sliding_window", 7}, {"layer_types", types}}), HasSubstr("without a window"));
    EXPECT_THAT(refusal_of_type(type, {{"layer_types", {"full_attention"}}}), HasSubstr("layer_types"));
    EXPECT_THAT(refusal_of_type(
                    type, {{"layer_types", {"full_attention", "chunked_attention", "full_attention", "full_attention"}}}),
                HasSubstr("chunked_attention"));
  }
}

TEST(WindowConfig, Gemma) {
  EXPECT_THAT(with("gemma2", {{"sliding_window", 7}}).windows, ElementsAre(7, 0, 7, 0));
  EXPECT_THAT(with("gemma2", Json::object()).windows, ElementsAre(4096, 0, 4096, 0));
  EXPECT_THAT(with("gemma3_text", {{"sliding_window", 7}}).windows, ElementsAre(7, 7, 7, 7));
  EXPECT_THAT(with("gemma3_text", {{"sliding_window", 7}, {"sliding_window_pattern", 3}}).windows, ElementsAre(7, 7, 0, 7));
  const Json types = {"full_attention", "sliding_attention", "full_attention", "full_attention"};
  EXPECT_THAT(with("gemma2", {{"sliding_window", 7}, {"layer_types", types}}).windows, ElementsAre(0, 7, 0, 0));
  EXPECT_TRUE(with("gemma3_text", {{"layer_types", types}}).turns_locally(1));
  EXPECT_FALSE(with("gemma3_text", {{"layer_types", types}}).turns_locally(0));
  EXPECT_THAT(refusal_of_type("gemma2", {{"sliding_window", nullptr}}), HasSubstr("sliding_window"));
}

Json gpt_neo(const Json& types) {
  Json json = {{"model_type", "gpt_neo"},       {"vocab_size", 50}, {"hidden_size", 12}, {"num_layers", 4}, {"num_heads", 3},
               {"max_position_embeddings", 64}, {"window_size", 5}};
  if (!types.is_null()) json["attention_types"] = types;
  return json;
}

TEST(WindowConfig, GptNeo) {
  const auto of = [](const char* types) { return read_architecture(gpt_neo(Json::parse(types))); };
  EXPECT_THAT(of(R"([[["global", "local"], 2]])").windows, ElementsAre(0, 5, 0, 5));
  EXPECT_THAT(of(R"([[["local"], 1], [["global"], 3]])").windows, ElementsAre(5, 0, 0, 0));
  EXPECT_EQ(of(R"([[["global"], 4]])").intermediate_size, 48);
  EXPECT_EQ(of(R"([[["global"], 4]])").query_factor(), 2);
  for (const auto* wrong : {"7", "[7]", R"([[["global"], 3]])", R"([[["global"], 5]])", R"([[["else"], 4]])", R"([[[], 4]])",
                            R"([[["global"], "4"]])", R"([[["global"], -4]])"})
    EXPECT_THAT(message_of<UserError>([&] { of(wrong); }), HasSubstr("attention_types")) << wrong;
  EXPECT_THAT(message_of<UserError>([&] { read_architecture(gpt_neo({})); }), HasSubstr("for 4 blocks")) << "24 by default";
}

TEST(WindowConfig, LlamaHasNone) { EXPECT_THAT(with("llama", {{"sliding_window", 7}}).windows, IsEmpty()); }

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
