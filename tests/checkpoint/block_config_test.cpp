// What config.json says about blocks, biases and windows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "checkpoint/small_configs.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/config.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::of_opt;
using testing_support::read_architecture;
using testing_support::refusal_of_type;
using testing_support::refusal_of_wide;
using testing_support::wide;
using testing_support::with;

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

}  // namespace
}  // namespace unpact
