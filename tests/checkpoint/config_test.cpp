#include "unpact/checkpoint/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::TemporaryFolder;

Json plain() {
  return Json{
      {"model_type", "llama"},          {"vocab_size", 97},           {"hidden_size", 32},        {"intermediate_size", 80},
      {"num_hidden_layers", 3},         {"num_attention_heads", 4},   {"num_key_value_heads", 2}, {"hidden_act", "silu"},
      {"max_position_embeddings", 256}, {"rms_norm_eps", 1e-5},       {"rope_theta", 500000.0},   {"rope_scaling", nullptr},
      {"tie_word_embeddings", true},    {"initializer_range", 0.125}, {"bos_token_id", 1},        {"eos_token_id", 2}};
}

ModelConfig read(const Json& json) {
  const TemporaryFolder folder;
  folder.write("config.json", json.dump());
  return read_model_config(folder.path());
}

/// What the config with one key changed is refused with.
std::string refusal(const std::string& key, const Json& value) {
  auto json = plain();
  json[key] = value;
  return message_of<UserError>([&] { read(json); });
}

TEST(ModelConfig, ReadsEveryField) {
  const auto config = read(plain());
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.vocabulary_size, 97);
  EXPECT_EQ(config.hidden_size, 32);
  EXPECT_EQ(config.intermediate_size, 80);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.key_value_heads, 2);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.max_positions, 256);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.initializer_range, 0.125);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_EQ(config.bos_id, 1);
  EXPECT_THAT(config.eos_ids, ElementsAre(2));
}

TEST(ModelConfig, HasTheDefaultsOfTransformers) {
  auto json = plain();
  for (const auto* key : {"num_key_value_heads", "hidden_act", "rms_norm_eps", "rope_theta", "rope_scaling",
                          "tie_word_embeddings", "initializer_range", "bos_token_id", "eos_token_id"})
    json.erase(key);
  const auto config = read(json);
  EXPECT_EQ(config.key_value_heads, 4);
  EXPECT_EQ(config.norm_epsilon, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000.0);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_EQ(config.bos_id, -1);
  EXPECT_THAT(config.eos_ids, IsEmpty());
}

TEST(ModelConfig, NullMeansAbsent) {
  auto json = plain();
  for (const auto* key : {"num_key_value_heads", "head_dim", "rope_parameters", "bos_token_id", "eos_token_id"})
    json[key] = nullptr;
  const auto config = read(json);
  EXPECT_EQ(config.key_value_heads, 4);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.bos_id, -1);
}

TEST(ModelConfig, ReadsRopeThetaFromBothPlaces) {
  auto json = plain();
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1234.5}};
  EXPECT_EQ(read(json).rope_theta, 1234.5);
  json.erase("rope_theta");
  EXPECT_EQ(read(json).rope_theta, 1234.5);
}

TEST(ModelConfig, TakesHeadDimAsItIsWritten) {
  auto json = plain();
  json["head_dim"] = 24;
  EXPECT_EQ(read(json).head_dim, 24);
}

TEST(ModelConfig, StopIdsOfGenerationConfigCount) {
  const TemporaryFolder folder;
  folder.write("config.json", plain().dump());
  folder.write("generation_config.json", R"({"eos_token_id": [5, 7]})");
  EXPECT_THAT(read_model_config(folder.path()).eos_ids, ElementsAre(5, 7));
  folder.write("generation_config.json", R"({"temperature": 0.6})");
  EXPECT_THAT(read_model_config(folder.path()).eos_ids, ElementsAre(2));
}

TEST(ModelConfig, RefusesWhatItWouldComputeWrongly) {
  EXPECT_THAT(refusal("model_type", "falcon"),
              AllOf(HasSubstr("model_type 'falcon'"), HasSubstr("qwen3"), HasSubstr("hint")));
  EXPECT_THAT(refusal("hidden_act", "gelu_fast"), AllOf(HasSubstr("hidden_act 'gelu_fast'"), HasSubstr("hint")));
  EXPECT_THAT(refusal("rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}),
              AllOf(HasSubstr("'dynamic' of rope_scaling"), HasSubstr("llama3")));
  EXPECT_THAT(refusal("rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 1e4}}),
              HasSubstr("'yarn' of rope_parameters"));
  EXPECT_THAT(refusal("quantization_config", {{"bits", 4}}), HasSubstr("quantization_config"));
}

TEST(ModelConfig, RefusesSizesThatDoNotFitTogether) {
  EXPECT_THAT(refusal("head_dim", 7), HasSubstr("head_dim 7 is odd"));
  EXPECT_THAT(refusal("hidden_size", 12), HasSubstr("head_dim 3 is odd"));
  EXPECT_THAT(refusal("hidden_size", 33), AllOf(HasSubstr("hidden_size (33)"), HasSubstr("num_attention_heads (4)")));
  EXPECT_THAT(refusal("num_key_value_heads", 3), AllOf(HasSubstr("num_key_value_heads"), HasSubstr("(3)")));
  EXPECT_THAT(refusal("num_key_value_heads", 8), HasSubstr("num_key_value_heads"));
  EXPECT_THAT(refusal("head_dim", 1 << 22), AllOf(HasSubstr("head_dim"), HasSubstr("4 heads")));
}

class SizeField : public testing::TestWithParam<const char*> {};

TEST_P(SizeField, MustBeAPositiveNumberOfSensibleSize) {
  const std::string key = GetParam();
  for (const Json& value : {Json(0), Json(-1), Json(std::int64_t{1} << 40), Json(1ULL << 63), Json(-9e18), Json("8"),
                            Json(2.5), Json(true), Json(Json::array({8}))})
    EXPECT_THAT(refusal(key, value), AllOf(HasSubstr(key), HasSubstr("config.json"), HasSubstr("hint"))) << value;
}

INSTANTIATE_TEST_SUITE_P(Fields, SizeField,
                         testing::Values("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                                         "num_attention_heads", "num_key_value_heads", "head_dim",
                                         "max_position_embeddings"));

class RequiredField : public testing::TestWithParam<const char*> {};

TEST_P(RequiredField, IsNamedWhenMissing) {
  auto json = plain();
  json.erase(GetParam());
  EXPECT_THAT(message_of<UserError>([&] { read(json); }), AllOf(HasSubstr(GetParam()), HasSubstr("missing")));
}

INSTANTIATE_TEST_SUITE_P(Fields, RequiredField,
                         testing::Values("model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                                         "num_attention_heads", "max_position_embeddings"));

TEST(ModelConfig, LargestSizesStillHaveACount) {
  auto json = plain();
  for (const auto* key : {"vocab_size", "hidden_size", "intermediate_size"}) json[key] = 1 << 22;
  json["num_hidden_layers"] = 1 << 13;
  json["num_attention_heads"] = json["num_key_value_heads"] = 1 << 10;
  EXPECT_GT(read(json).parameter_count(), std::int64_t{1} << 57);
}

TEST(ModelConfig, RefusesNumbersThatMakeNaN) {
  EXPECT_THAT(refusal("rms_norm_eps", -1e-6), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(refusal("rope_theta", 0), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal("rope_theta", -10000.0), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal("rope_parameters", {{"rope_theta", -1.0}}), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal("initializer_range", -0.1), HasSubstr("initializer_range"));
}

TEST(ModelConfig, NamesFieldsOfTheWrongType) {
  EXPECT_THAT(refusal("model_type", 3), HasSubstr("model_type"));
  EXPECT_THAT(refusal("rms_norm_eps", "small"), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(refusal("rope_theta", Json::array()), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal("rope_parameters", 5), HasSubstr("rope_parameters"));
  EXPECT_THAT(refusal("tie_word_embeddings", "yes"), HasSubstr("tie_word_embeddings"));
  EXPECT_THAT(refusal("bos_token_id", "<s>"), HasSubstr("bos_token_id"));
  EXPECT_THAT(refusal("eos_token_id", "</s>"), HasSubstr("eos_token_id"));
  EXPECT_THAT(refusal("eos_token_id", Json::array({1, "2"})), HasSubstr("eos_token_id"));
}

TEST(ModelConfig, SaysWhenThereIsNoModel) {
  const TemporaryFolder folder;
  const auto message = message_of<UserError>([&] { read_model_config(folder.path()); });
  EXPECT_THAT(message, AllOf(HasSubstr(folder.path().string()), HasSubstr("config.json is missing")));
}

TEST(ModelConfig, RefusesBrokenFiles) {
  const TemporaryFolder folder;
  for (const auto* text : {"", "{", "[]", "7", "null", "{\"vocab_size\": 1e999}", "\xFF"}) {
    folder.write("config.json", text);
    EXPECT_THAT(message_of<UserError>([&] { read_model_config(folder.path()); }), HasSubstr("config.json")) << text;
  }
}

TEST(ModelConfig, WrittenConfigReadsBack) {
  auto json = plain();
  json["head_dim"] = 24;
  json["eos_token_id"] = {2, 5};
  const auto config = read(json), again = read(model_config_json(config, "float32"));
  EXPECT_EQ(model_config_json(again, "float32"), model_config_json(config, "float32"));
  EXPECT_EQ(again.head_dim, 24);
  EXPECT_EQ(again.rope_theta, config.rope_theta);
  EXPECT_THAT(again.eos_ids, ElementsAre(2, 5));
}

TEST(ModelConfig, CountsTheParametersThatThereAre) {
  for (const bool tied : {false, true}) {
    auto json = plain();
    json["tie_word_embeddings"] = tied;
    const auto config = read(json);
    std::int64_t elements = 0;
    for (const auto& [name, tensor] : named_tensors(random_weights(config, 1))) elements += tensor.numel();
    EXPECT_EQ(config.parameter_count(), elements);
  }
}

}  // namespace
}  // namespace unpact
